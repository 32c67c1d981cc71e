"""A terminal without colours, UTF-8 and mouse: the console through a pty with TERM=dumb and LANG=C."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal import Terminal

ROOT = Path(__file__).parents[2]
COLOUR = re.compile(rb"[34]8;2;(\d+);(\d+);(\d+)")


@pytest.fixture
def terminal(folders: Path) -> Iterator[Terminal]:
    """A terminal that can nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MQTUI_", "LC_"))}
    kept |= {"MQTUI_CONFIG_DIR": str(folders / "config"), "MQTUI_STATE_DIR": str(folders / "state")}
    kept |= {"PYTHONPATH": str(ROOT), "HOME": str(folders)}
    poor = {"TERM": "dumb", "LANG": "C", "NO_COLOR": "1"}
    with Terminal([sys.executable, "-m", "mqtui"], kept | poor, (80, 24)) as opened:
        yield opened


def test_a_terminal_without_colours_utf_8_and_mouse(terminal: Terminal) -> None:
    terminal.writes(b"Try the demo")
    terminal.press("j")
    terminal.press("?")
    terminal.writes(b"look: never changes anything")
    terminal.press("q")
    assert terminal.ended() == 0
    assert b"Traceback" not in terminal.written
    assert not [at.group() for at in re.finditer(rb".{0,60}[^\x00-\x7f]+", terminal.written)], "only ASCII is written"
    assert all(len(set(parts)) == 1 for parts in COLOUR.findall(terminal.written)), "only shades of grey are written"


def test_a_console_whose_terminal_is_gone_ends(folders: Path) -> None:
    """It would go on asking brokers for nobody, and reading an end that never ends."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MQTUI_")}
    kept |= {"MQTUI_CONFIG_DIR": str(folders / "config"), "MQTUI_STATE_DIR": str(folders / "state")}
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "mqtui"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=kept | {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color"},
        start_new_session=True,
    ) as process:
        os.close(theirs)
        seen = b""
        while b"Try the demo" not in seen:
            seen += os.read(ours, 1 << 16)
        os.close(ours)
        assert process.wait(60) == 0
