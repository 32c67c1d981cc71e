"""How soon something is seen: the first paint against the least Textual app, 10,000 rows after their figures came."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from mqtui.ui.app import Console
from tests.perf.engine import own_desk
from tests.perf.keys import ROWS, many_streams, own
from tests.terminal import Terminal
from tests.ui.driver import at_console


@dataclass(frozen=True, slots=True)
class Starts:
    """Seconds from the start of a process to its first paint, in turn."""

    ours: list[float]
    least: list[float]

    @property
    def ratio(self) -> float:
        """How much longer the console takes than the least app."""
        return median(self.ours) / median(self.least)

    def __str__(self) -> str:
        return (
            f"first paint {median(self.ours) * 1000:.0f} ms, of the least Textual app "
            f"{median(self.least) * 1000:.0f} ms, ratio {self.ratio:.2f}"
        )


def starts(pairs: int) -> Starts:
    """The console at home with a profile, and an app of one line, in turn.

    Both from bytecode, as `pip install` leaves a package; the first pair, which makes it, is not counted.
    """
    found = Starts([], [])
    with TemporaryDirectory(prefix="mqtui-perf-") as folder:
        environment = {**own(folder), "PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        Path(folder, "config").mkdir()
        Path(folder, "config", "profiles.toml").write_text(PROFILE, encoding="utf-8")
        for _ in range(pairs + 1):
            for words, seen, kept in (
                (("-m", "tests.perf.minimal_app"), "ready", found.least),
                (("-m", "mqtui"), "? keys", found.ours),
            ):
                with Terminal([sys.executable, *words], environment) as terminal:
                    kept.append(terminal.reads(seen) - terminal.began)
    return Starts(found.ours[1:], found.least[1:])


PROFILE = """
[[profile]]
name = "shop"
[profile.redis]
url = "redis://127.0.0.1:1/0"
"""


def rows(url: str) -> float:
    """Seconds from when all of 10,000 names are known to when their rows are on the screen, while figures come."""
    with many_streams(url), own_desk():
        return asyncio.run(_rows(url))


async def _rows(url: str) -> float:
    console = Console((url, ""))
    whole: list[float] = []
    changed = console.sessions._changed

    def noted() -> None:
        known = sum(len(each.snapshot.destinations) for each in console.broker_sessions if each.snapshot)
        if known == ROWS and not whole:
            whole.append(perf_counter())
        changed()

    console.sessions._changed = noted
    async with at_console(console) as user:
        shown = f" {ROWS:,} "
        await user.until(lambda: bool(whole) and shown in user.screen_text, "sees all rows", within=60)
        return perf_counter() - whole[0]
