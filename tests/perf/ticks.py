"""An hour at the console in little time: python -m tests.perf.ticks [--only redis] [--count 3600] [--settled 300].

The demo runs in a process of its own, the console here, with its clock wound up; it walks through its views again and
again. Memory and live widgets are measured on the same view, after the first ticks and at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from textual.widget import Widget

from mqtui.domain.resource import BrokerKind
from mqtui.services import poller
from mqtui.ui import app
from mqtui.ui.session.demo_brokers import BrokerEvent
from tests.perf.engine import own_desk
from tests.perf.keys import ROOT
from tests.ui.driver import User, at_console

TICK = 0.05
"""Seconds between ticks, instead of half a second."""

WALK = (
    ("2", "GroupsScreen"),
    ("3", "DeadLetterOverviewScreen"),
    ("5", "RunsScreen"),
    ("6", "AuditScreen"),
    ("1", "DestinationsScreen"),
)
ROUND = 50
"""Ticks between two walks through the views."""

MOST = 5.0
"""MiB the memory may grow."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the console takes: MiB of memory, widgets that are alive."""

    memory: float
    widgets: int


@dataclass(frozen=True, slots=True)
class Growth:
    """What it took after the first ticks, and at the end."""

    ticks: int
    looks: int
    first: Sight
    last: Sight

    @property
    def memory(self) -> float:
        """MiB more."""
        return self.last.memory - self.first.memory

    def __str__(self) -> str:
        return (
            f"{self.ticks:,} ticks, {self.looks:,} looks: memory {self.first.memory:.1f} MiB, {self.memory:+.1f} MiB, "
            f"widgets {self.first.widgets} and {self.last.widgets}"
        )


@dataclass(slots=True)
class Running:
    """Brokers that are up already, brought as `mqtui demo` brings its own."""

    urls: Mapping[str, str]
    name: str = "shop"

    async def events(self) -> AsyncIterator[BrokerEvent]:
        """All of them at once."""
        for kind, url in self.urls.items():
            yield BrokerEvent(BrokerKind(kind), url=url)


@contextmanager
def demo(only: str) -> Iterator[Mapping[str, str]]:
    """The demo's brokers and shop; their URLs by kind."""
    words = [sys.executable, "-m", "mqtui", "demo", "--headless", "--only", only]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        yield {name: url for name, url in json.loads(process.stdout.readline()).items() if name in only.split(",")}
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def sight() -> Sight:
    """Measure now, after a collection of garbage."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return Sight(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, sum(isinstance(one, Widget) for one in gc.get_objects()))


async def measured(urls: Mapping[str, str], count: int, settled: int) -> Growth:
    """Let the console tick, walking through its views."""
    console = app.Console(demo_brokers=Running(urls))
    ticks = looks = 0
    tick, changed = console._tick, console.sessions._changed

    def counted() -> None:
        nonlocal ticks
        ticks += 1
        tick()

    def looked() -> None:
        nonlocal looks
        looks += 1
        changed()

    def later(turn: int) -> bool:
        return ticks >= turn

    console._tick = counted  # type: ignore[method-assign]
    console.sessions._changed = looked
    async with at_console(console) as user:
        await user.is_at("DestinationsScreen").until(lambda: len(user.rows) > 1, "has rows", 60)
        first: Sight | None = None
        while ticks < count:
            await _walk(user)
            await user.until(partial(later, ticks + ROUND), "ticks", 60)
            if first is None and ticks >= settled:
                first = sight()
        assert first is not None
        return Growth(ticks, looks, first, sight())


async def _walk(user: User) -> None:
    for key, place in WALK:
        await user.presses(key).is_at(place)


def grown(only: str, count: int, settled: int) -> Growth:
    """Run it all in folders of its own."""
    with own_desk(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "TICK", TICK)
        patch.setattr(poller, "POLL_SECONDS", dict.fromkeys(BrokerKind, TICK))
        with demo(only) as urls:
            return asyncio.run(measured(urls, count, settled))


def main() -> int:
    """Print what grew; 1 where it was too much."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf.ticks")
    parser.add_argument("--only", default="kafka,rabbitmq,redis")
    parser.add_argument("--count", type=int, default=3_600)
    parser.add_argument("--settled", type=int, default=300)
    asked = parser.parse_args()
    growth = grown(asked.only, asked.count, asked.settled)
    print(growth)
    return int(growth.memory >= MOST or growth.first.widgets != growth.last.widgets)


if __name__ == "__main__":
    sys.exit(main())
