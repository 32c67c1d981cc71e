"""Print the table of mistakes, word for word in both faces: `python -m tests.connections`.

Of the command line `mqtui ls` (`peek` where a list is not what fails), of the console what stands where the list would.
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from time import perf_counter

from tests.brokers import Brokers
from tests.cli.command_line import Mqtui
from tests.connections import servers
from tests.connections.certificates import made
from tests.connections.mistakes import MISTAKES
from tests.terminal import Terminal


def main(folder: Path) -> None:
    """Start the brokers, make every mistake, and say what was said."""
    for name in ("config", "state"):
        os.environ[f"MQTUI_{name.upper()}_DIR"] = str(folder / name)
    os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    brokers, mqtui = Brokers(), Mqtui(folder, "")
    try:
        with ExitStack() as stack:
            all_doors = servers.all_doors(stack, brokers, made(folder), folder)
            for mistake in MISTAKES:
                print(f"## {mistake.name}")
                for kind, url in mistake.urls.items():
                    if kind in all_doors:
                        tell(mqtui, kind, url(all_doors[kind]), str(folder))
    finally:
        brokers.close()


def tell(mqtui: Mqtui, kind: str, url: str, hidden: str) -> None:
    """One row: the kind, what the command line printed and its exit code, and what the console shows."""
    began = perf_counter()
    done = mqtui("ls", url)
    if "needs the management API" in done.err:
        done = mqtui("peek", url, "orders")  # with management the API's own port is asked first
    took = perf_counter() - began
    said = [line for line in done.err.splitlines() if "The URL holds a password" not in line]
    print(f"{kind}: exit {done.code} after {took:.1f} s")
    for line in said or ["(nothing)"]:
        print(f"    mqtui    {line}".replace(hidden, "…"))
    for line in at_the_console(mqtui, url):
        print(f"    console  {line}".replace(hidden, "…"))


def at_the_console(mqtui: Mqtui, url: str) -> list[str]:
    """The lines in place of the list."""
    environment = mqtui.environment() | {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
    with Terminal([sys.executable, "-m", "mqtui", url], environment, (160, 24)) as console:
        with suppress(AssertionError):
            console.wait(lambda screen: any("✗ " in line for line in screen.display[3:]), "an error", 15)
        shown = [line.strip() for line in console.screen.display[4:-1]]
        console.press("\x11")
    return [line for line in shown if line and not line.startswith(("tried again", "trying"))]


with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
    main(Path(place))
sys.exit(0)
