"""The user's editor has the terminal for itself; the console goes on behind it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from tests.brokers import Brokers
from tests.terminal import Terminal

ROOT = Path(__file__).parents[2]
EDITOR = """#!/bin/sh
printf 'EDITING %s' "$(cat "$1")"
trap 'printf INTERRUPTED' INT
until [ -e "$DONE" ]; do sleep 0.05; done
printf 'changed by hand' > "$1"
"""


@pytest.fixture
def client(brokers: Brokers) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(brokers.redis()) as opened:
        opened.xadd("editing", {"order": "AB-991"})
        yield opened
        opened.delete("editing")


@pytest.fixture
def terminal(folders: Path, brokers: Brokers, client: redis.Redis) -> Iterator[Terminal]:
    """A console on a stream, with an editor that waits until the file `done` is there."""
    editor = folders / "editor"
    editor.write_text(EDITOR)
    editor.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MQTUI_")}
    kept |= {"MQTUI_CONFIG_DIR": str(folders / "config"), "MQTUI_STATE_DIR": str(folders / "state")}
    kept |= {"PYTHONPATH": str(ROOT), "EDITOR": str(editor), "DONE": str(folders / "done"), "LANG": "C.UTF-8"}
    with Terminal([sys.executable, "-m", "mqtui", brokers.redis(), "editing"], kept, (120, 34)) as opened:
        yield opened


def until(holds: Callable[[], bool], what: str, within: float = 30.0) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, f"not {what} after {within:.0f} s"
        time.sleep(0.05)


def test_the_console_goes_on_behind_the_editor(terminal: Terminal, client: redis.Redis, folders: Path) -> None:
    """It polls on and draws nothing; what was changed in a look changes nothing, and ctrl+c belongs to the editor."""
    terminal.reads("AB-991")
    terminal.press("\x07")
    terminal.reads("EDITING")
    behind = len(terminal.written)
    asked = calls(client)
    until(lambda: calls(client) > asked, "polling behind the editor")
    os.killpg(terminal.process.pid, signal.SIGINT)
    terminal.writes(b"INTERRUPTED")
    time.sleep(1.0)
    assert terminal.written[behind:] == b"INTERRUPTED"
    (folders / "done").touch()
    terminal.reads("what was changed in the editor changed no message")
    assert client.xlen("editing") == 1


def calls(client: redis.Redis) -> int:
    """How often a listing was asked for."""
    stats = client.info("commandstats")
    return int(stats.get("cmdstat_scan", {}).get("calls", 0))
