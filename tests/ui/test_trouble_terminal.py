"""A terminal without colours, UTF-8 and mouse: the console through a pty with TERM=dumb and LANG=C."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

ROOT = Path(__file__).parents[2]
COLOUR = re.compile(rb"[34]8;2;(\d+);(\d+);(\d+)")
PATIENCE = 30.0


class Terminal:
    """A console in a pty."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._master, slave = pty.openpty()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MQTUI_", "LC_"))}
        kept |= {"MQTUI_CONFIG_DIR": str(folder / "config"), "MQTUI_STATE_DIR": str(folder / "state")}
        kept |= {"PYTHONPATH": str(ROOT), "COLUMNS": "80", "LINES": "24", "HOME": str(folder)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mqtui"], stdin=slave, stdout=slave, stderr=slave, env=kept | environment
        )
        os.close(slave)
        self.written = b""

    def until(self, words: bytes) -> None:
        """Read until these words were written."""
        deadline = monotonic() + PATIENCE
        while words not in self.written:
            assert monotonic() < deadline, f"{words!r} was not written:\n{self.written[-2000:]!r}"
            if select.select([self._master], [], [], 0.1)[0]:
                self.written += os.read(self._master, 65536)

    def types(self, keys: bytes) -> None:
        """Type."""
        os.write(self._master, keys)

    def ended(self) -> int:
        """Its exit code, once it has ended; what it still writes is read."""
        deadline = monotonic() + PATIENCE
        while self.process.poll() is None:
            assert monotonic() < deadline, "it does not end"
            if select.select([self._master], [], [], 0.1)[0]:
                try:
                    self.written += os.read(self._master, 65536)
                except OSError:
                    break
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """End it, where it has not ended."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)


@pytest.fixture
def terminal(folders: Path) -> Iterator[Terminal]:
    """A terminal that can nothing."""
    opened = Terminal(folders, {"TERM": "dumb", "LANG": "C", "NO_COLOR": "1"})
    yield opened
    opened.close()


def test_a_terminal_without_colours_utf_8_and_mouse(terminal: Terminal) -> None:
    terminal.until(b"Try the demo")
    terminal.types(b"j")
    terminal.types(b"?")
    terminal.until(b"look: never changes anything")
    terminal.types(b"q")
    assert terminal.ended() == 0
    assert b"Traceback" not in terminal.written
    assert not [at.group() for at in re.finditer(rb".{0,60}[^\x00-\x7f]+", terminal.written)], "only ASCII is written"
    assert all(len(set(parts)) == 1 for parts in COLOUR.findall(terminal.written)), "only shades of grey are written"
