"""The README's first ten minutes in a terminal, as text: python -m tests.ui.first_ten_minutes [--size 80x24].

A fresh clone of this repository, a home folder of its own, and tmux: keys go in by `send-keys`, and after each step the
screen is printed as somebody new sees it, with the seconds since the start. First `mqtui demo` with the console, then
every command that the README prints, in the order printed; its demo without a console is there before the first. With
`--install` the clone is installed into an environment of its own by the README's command; else the packages of the
running Python are used. Nothing is compared: it is read.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import platformdirs

from tests.manual.documents import README, printed

ROOT = Path(__file__).parents[2]
LOOK = 0.2
STILL = 0.8
"""Seconds without a change after which a screen is taken as it is."""

PATIENCE = 180.0
PROMPT = "new@fresh$ "
ELSEWHERE = "kafka://localhost:9092"
"""The reader's own broker; here it is the demo's."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is typed, and what has to be on the screen before it is read. `keys` are tmux's names of keys."""

    what: str
    keys: Sequence[str]
    sees: tuple[str, ...] = ()


CONSOLE = (
    Step("the console opens, brokers start", (), ("1/5",)),
    Step("brokers are there", (), ("▌", "orders.DLQ", "payments:dlq", "work.emails.dlq")),
    Step("enter, as the line says", ("Enter",), ("2/5", "PaymentTimeout")),
    Step("d: a sample", ("d",)),
    Step("d: back", ("d",)),
    Step("R: the plan", ("R",), ("[ Start with 1 ]",)),
    Step("enter: one letter", ("Enter",), ("came home and stayed",)),
    Step("enter: the rest", ("Enter",), ("5/5",)),
    Step("yy: the report", ("y", "y"), ("copied",)),
    Step("esc esc: back", ("Escape", "Escape")),
    Step("?: keys", ("?",), ("keys of",)),
    Step("M: the manual", ("M",), ("manual",)),
    Step("esc: back", ("Escape",)),
    Step("2: groups", ("2",), ("shipping",)),
    Step("enter: partitions", ("Enter",)),
    Step("1: destinations", ("1",), ("Destinations",)),
    Step("d: describe", ("g", "d"), ("▸describe",)),
    Step("3: dead letters", ("3",), ("Dead letters",)),
    Step("a queue's price", (":", *"work.invoices.dlq", "Enter"), ("Read", "Cancel")),
    Step("enter: read at that price", ("Enter",), ("shown from memory",)),
    Step("5: runs", ("5",), ("Runs",)),
    Step("6: audit", ("6",), ("Audit",)),
    Step(".: requests", (".",), ("▸requests",)),
    Step("0: home", ("0",), ("Profiles",)),
    Step("+: a profile", ("+",), ("Connection",)),
    Step("esc, then P on orders", ("Escape", ":", *"orders", "Enter"), ("orders",)),
    Step("P: publish", ("P",), ("Publish to",)),
    Step("ctrl+q: the end", ("C-q",), (PROMPT.strip(),)),
)


@dataclass(slots=True)
class Tmux:
    """A terminal of a size, with a shell of somebody new in it."""

    socket: str
    size: tuple[int, int]
    environment: dict[str, str]
    folder: Path
    began: float = field(default_factory=monotonic)

    def call(self, *words: str) -> str:
        """Call tmux; what it prints."""
        done = subprocess.run(
            ["tmux", "-L", self.socket, "-f", "/dev/null", *words],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def start(self) -> None:
        """Open the terminal with a shell."""
        width, height = map(str, self.size)
        self.call("new-session", "-d", "-x", width, "-y", height, "bash --norc --noprofile")
        self.call("set", "-g", "status", "off")
        self.type(f"PS1='{PROMPT}'; clear")
        self.wait((PROMPT.strip(),))

    def screen(self) -> str:
        """What is on the screen."""
        return self.call("capture-pane", "-p").rstrip("\n")

    def press(self, keys: Sequence[str]) -> None:
        """Press keys as a person does, one after the other."""
        for key in keys:
            self.call("send-keys", *(["-l", key] if len(key) == 1 else [key]))
            sleep(0.15)

    def type(self, command: str) -> None:
        """Type a command on an empty screen, and press enter."""
        self.call("send-keys", "-l", command)
        self.press(["Enter"])

    def wait(self, sees: Sequence[str]) -> str:
        """Wait until these words are there and nothing changes for a while; the screen, which says what is missing."""
        deadline = monotonic() + PATIENCE
        picture, since = self.screen(), monotonic()
        while monotonic() < deadline:
            sleep(LOOK)
            now = self.screen()
            if now != picture:
                picture, since = now, monotonic()
            if all(word in f"\n{now}" for word in sees) and (monotonic() - since > STILL or sees):
                sleep(STILL)
                return self.screen()
        missing = [word for word in sees if word not in f"\n{picture}"]
        return f"{picture}\n!!! after {PATIENCE:.0f} s there is no {missing}"

    def wait_for_prompt(self) -> str:
        """Wait until the shell asks for the next command; the screen."""
        deadline = monotonic() + PATIENCE
        while monotonic() < deadline and self.screen().split("\n")[-1] != PROMPT.strip():
            sleep(LOOK)
        return self.screen()

    def show(self, what: str, picture: str) -> None:
        """Print a screen in a frame."""
        width = self.size[0]
        print(f"\n## {what}   ({monotonic() - self.began:.0f} s)", flush=True)
        print("+" + "-" * width + "+")
        for line in picture.splitlines():
            print(f"|{line:<{width}}|")
        print("+" + "-" * width + "+", flush=True)

    def end(self) -> None:
        """Close the terminal and what runs in it."""
        self.call("kill-server")


@contextmanager
def somebody_new(size: tuple[int, int], *, install: bool) -> Iterator[Tmux]:
    """A terminal in a fresh clone, with an empty home folder."""
    with TemporaryDirectory(prefix="mqtui-new-") as folder:
        home, clone, programs = (Path(folder) / name for name in ("home", "mqtui", "bin"))
        for each in (home, programs):
            each.mkdir()
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MQTUI", "XDG", "PYTHON"))}
        cache = os.environ.get("MQTUI_CACHE_DIR") or str(platformdirs.user_cache_path("mqtui", appauthor=False))
        own = {"HOME": str(home), "PATH": f"{programs}:{os.environ['PATH']}", "LANG": "C.UTF-8"}
        environment = {**kept, **own, "MQTUI_CACHE_DIR": cache, "TERM": "xterm-256color"}
        environment.pop("TMUX", None)
        if install:
            venv.create(Path(folder) / "env", with_pip=True)
            environment["PATH"] = f"{folder}/env/bin:{os.environ['PATH']}"
        else:
            program = programs / "mqtui"
            program.write_text(f'#!/bin/sh\nPYTHONPATH={clone} exec {sys.executable} -m mqtui "$@"\n')
            program.chmod(0o755)
        terminal = Tmux(f"new-{os.getpid()}", size, environment, clone)
        terminal.start()
        try:
            yield terminal
        finally:
            terminal.end()


def record(terminal: Tmux, *, install: bool) -> None:
    """Go through the console, then through the README's commands."""
    set_up, _, *commands = printed(README)
    start = set_up.command if install else "mqtui demo"
    terminal.type(start)
    for step in CONSOLE:
        terminal.press(step.keys)
        terminal.show(step.what, terminal.wait(step.sees))
    demo = [one.command for one in commands if one.command.startswith(("mqtui demo", "KAFKA="))]
    terminal.type(demo[0])
    terminal.type("clear; until [ -s urls.json ]; do sleep 1; done; echo ready")
    terminal.show(demo[0], terminal.wait(("\nready",)))
    terminal.type(demo[1])
    for one in commands:
        if one.command in demo or one.command.startswith(("bash ", "python ")):
            continue
        terminal.type("clear")
        terminal.wait((PROMPT.strip(),))
        terminal.type(one.command.replace(ELSEWHERE, "$KAFKA"))
        if one.command == "mqtui shop":
            terminal.show(one.command, terminal.wait(("orders.DLQ",)))
            terminal.press(["q"])
        else:
            terminal.show(one.command, terminal.wait_for_prompt())
    terminal.type("kill %1; wait; ls -A ~")
    terminal.show("what is left at home", terminal.wait_for_prompt())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="80x24", help="columns and lines, such as 120x34")
    parser.add_argument("--install", action="store_true", help="install the clone by the README's first command")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # the terminal is closed on the way out
    if shutil.which("tmux") is None:
        sys.exit("tmux is needed: apt-get install tmux")
    width, height = map(int, arguments.size.split("x"))
    print(shlex.join(["python", "-m", "tests.ui.first_ten_minutes", *sys.argv[1:]]))
    with somebody_new((width, height), install=arguments.install) as terminal:
        record(terminal, install=arguments.install)


if __name__ == "__main__":
    main()
