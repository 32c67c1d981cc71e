"""Mistakes of ours while the console draws: one line is lost, never the console, and no payload is printed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.terminal import Terminal

ROOT = Path(__file__).parents[2]
PAYLOAD = "PAYLOAD-OF-A-MESSAGE"
ROW = """
import sys
from mqtui.ui.render.home.profiles import ProfileRenderer
original = ProfileRenderer.cells
def fails(self, item):
    held = "PAYLOAD-" + "OF-A-MESSAGE"
    if item.name == "odd":
        raise ValueError(held)
    return original(self, item)
ProfileRenderer.cells = fails
"""
TICK = """
import sys
from mqtui.ui.app import Console
def fails(self):
    held = "PAYLOAD-" + "OF-A-MESSAGE"
    raise ValueError("at a tick")
Console._tick = fails
"""
START = """
from mqtui.cli import main
sys.argv = ["mqtui"]
main()
"""


@pytest.fixture
def environment(folders: Path) -> dict[str, str]:
    """Folders with two profiles, of brokers that are not asked."""
    config = folders / "config"
    config.mkdir(parents=True, exist_ok=True)
    profiles = "".join(
        f'[[profile]]\nname = "{name}"\n[profile.redis]\nurl = "redis://127.0.0.1:1/0"\n\n' for name in ("even", "odd")
    )
    (config / "profiles.toml").write_text(profiles)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MQTUI_")}
    own = {"MQTUI_CONFIG_DIR": str(config), "MQTUI_STATE_DIR": str(folders / "state"), "PYTHONPATH": str(ROOT)}
    return kept | own | {"LANG": "C.UTF-8"}


def test_a_row_that_can_not_be_drawn_costs_that_row(environment: dict[str, str], folders: Path) -> None:
    with Terminal([sys.executable, "-c", ROW + START], environment) as console:
        console.reads("this line can't be drawn: ValueError")
        console.reads("even")
        console.press("j")
        console.press("k")
        console.press("q")
        assert console.ended() == 0
        assert PAYLOAD.encode() not in console.written
    report = folders / "state" / "last-crash.txt"
    assert "ValueError" in report.read_text()


def test_a_mistake_that_ends_the_console_prints_no_payload(environment: dict[str, str], folders: Path) -> None:
    with Terminal([sys.executable, "-c", TICK + START], environment) as console:
        assert console.ended() == 1
        assert b"Internal error in mqtui" in console.written
        assert PAYLOAD.encode() not in console.written
        assert b"\x1b[?1049l" in console.written, "the terminal is as it was"
        assert b"Traceback" not in console.written
    assert "ValueError" in (folders / "state" / "last-crash.txt").read_text()
