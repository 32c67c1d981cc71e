"""Print the table of mistakes: `python -m tests.connections`."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

from mqtui.cli.exits import code
from tests.brokers import Brokers
from tests.connections import servers
from tests.connections.asking import trouble
from tests.connections.certificates import made
from tests.connections.mistakes import MISTAKES
from tests.connections.servers import Doors


def main(folder: Path) -> None:
    """Start the brokers, make every mistake, and say what was said."""
    for name in ("config", "state"):
        os.environ[f"MQTUI_{name.upper()}_DIR"] = str(folder / name)
    os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    brokers = Brokers()
    try:
        with ExitStack() as stack:
            all_doors = servers.all_doors(stack, brokers, made(folder), folder)
            for mistake in MISTAKES:
                print(f"## {mistake.name}")
                for kind, url in mistake.urls.items():
                    if kind in all_doors:
                        tell(all_doors[kind], kind, url(all_doors[kind]))
    finally:
        brokers.close()


def tell(doors: Doors, kind: str, url: str) -> None:
    """One row: the kind, the exit code and the words."""
    began = perf_counter()
    error = asyncio.run(trouble(url))
    took = perf_counter() - began
    if error is None:
        print(f"{kind:9} -> no trouble ({took:.1f} s)   {url}")
        return
    print(f"{kind:9} {code(error)} {type(error).__name__} ({took:.1f} s)")
    for part in (error.title, error.detail, error.hint):
        if part:
            print(f"            {part}".replace(str(doors.files.server.key.parent), "…"))


with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
    main(Path(place))
sys.exit(0)
