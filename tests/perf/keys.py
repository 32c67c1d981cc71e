"""From a key to what it paints, through a pty: idle, then with work going on, on the same screen in the same run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import quantiles
from tempfile import TemporaryDirectory
from time import monotonic, sleep

from mqtui.demo.shop.connections import redis_client
from tests.chaos.killing import KEY
from tests.chaos.redis_side import RedisSide
from tests.terminal import Screen, Terminal

ROOT = Path(__file__).parents[2]
TAIL_RATE = 20_000
ROWS = 10_000
CHANGES = 5_000
"""Messages a second while rows change: each look finds other figures in all rows of the screen."""

TOP_AND_ON = "gG"
"""To the first message, which holds the list, and on to the newest: both paint the whole list, idle or not."""

START_SECONDS = 30.0
CURSOR = "▌"


@dataclass(frozen=True, slots=True)
class Waits:
    """Milliseconds from key to paint, without and with work going on."""

    scene: str
    idle: list[float]
    busy: list[float]

    @property
    def ratio(self) -> float:
        """How much longer the slow ones take with work going on."""
        return p95(self.busy) / p95(self.idle)

    def __str__(self) -> str:
        return (
            f"{self.scene}: key to paint idle p50 {p50(self.idle):.1f} p95 {p95(self.idle):.1f} ms, "
            f"busy p50 {p50(self.busy):.1f} p95 {p95(self.busy):.1f} ms, ratio {self.ratio:.2f}"
        )


def p50(waits: list[float]) -> float:
    """The median."""
    return quantiles(waits, n=2)[0]


def p95(waits: list[float]) -> float:
    """What 95 in 100 stay under."""
    return quantiles(waits, n=20)[-1]


@contextmanager
def console(*words: str) -> Iterator[Terminal]:
    """The console as a user starts it, with folders of its own."""
    with (
        TemporaryDirectory(prefix="mqtui-perf-") as folder,
        Terminal([sys.executable, "-m", "mqtui", *words], own(folder)) as terminal,
    ):
        yield terminal


def own(folder: str) -> Mapping[str, str]:
    """An environment without anything of this machine's user."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MQTUI_")}
    folders = {f"MQTUI_{name}_DIR": str(Path(folder, name.lower())) for name in ("CONFIG", "STATE", "CACHE")}
    return {
        **plain,
        **folders,
        "MQTUI_BUNDLE_KEY": KEY,
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "PYTHONPATH": str(ROOT),
    }


@contextmanager
def traffic(kind: str, url: str, name: str, rate: int, streams: int = 1) -> Iterator[None]:
    """Another program's messages."""
    words = [sys.executable, "-m", "tests.perf.load", kind, url, name, str(rate), str(streams)]
    process = subprocess.Popen(words, cwd=ROOT)
    try:
        yield
        assert process.poll() is None, "the traffic ended early"
    finally:
        process.kill()
        process.wait()


def cursor_line(screen: Screen) -> int:
    """The line of the screen the cursor is on; -1 where there is none."""
    return next((line for line, row in enumerate(screen.display) if row.startswith(CURSOR)), -1)


def measured(terminal: Terminal, count: int, keys: str = "jk") -> list[float]:
    """Press keys in turn, at a person's fastest, unevenly; milliseconds each took to move the cursor."""
    uneven = Random(count)
    presses = []
    for number in range(count):
        presses.append(terminal.press(keys[number % len(keys)]))
        sleep(uneven.uniform(0.1, 0.2))
    return terminal.painted(presses, cursor_line)


@contextmanager
def many_streams(url: str) -> Iterator[None]:
    """10,000 streams of one message."""
    with redis_client(url) as client:
        pipe = client.pipeline(transaction=False)
        for number in range(ROWS):
            pipe.xadd(f"row-{number:05}", {"order": "1"})
        pipe.execute()
        try:
            yield
        finally:
            client.flushdb()


def rows(url: str, count: int) -> Waits:
    """10,000 destinations, whose figures change."""
    with many_streams(url), console(url) as terminal:
        terminal.reads("row-00003")
        sleep(3)
        idle = measured(terminal, count)
        with traffic("many", url, "row", CHANGES, ROWS):
            sleep(3)
            busy = measured(terminal, count)
        return Waits("10,000 rows", idle, busy)


def tail(url: str, count: int) -> Waits:
    """A stream that is followed, into which 20,000 messages a second go."""
    with traffic("one", url, "orders", 500), redis_client(url) as client:
        until = monotonic() + START_SECONDS
        while not client.xlen("orders"):
            assert monotonic() < until, "the traffic did not begin"
            sleep(0.1)
        sleep(0.5)
    with console(url, "orders") as terminal:
        terminal.reads("42.5")
        terminal.press("t")
        terminal.reads("following")
        idle = measured(terminal, count, TOP_AND_ON)
        with traffic("one", url, "orders", TAIL_RATE):
            sleep(2)
            busy = measured(terminal, count, TOP_AND_ON)
        return Waits("tail of 20,000/s", idle, busy)


def redrive(url: str, count: int, letters: int) -> Waits:
    """The list of destinations, while a redrive of this console goes on."""
    side = RedisSide(url)
    scene = side.fill(letters)
    try:
        with console(url, scene.dlq) as terminal:
            terminal.reads(f" {letters:,} · ")
            terminal.press("1")
            terminal.reads("1 dest")
            sleep(3)
            idle = measured(terminal, count)
            terminal.press("3")
            terminal.reads("Dead letters")
            terminal.press("R")
            terminal.reads("Start with 1 ")
            terminal.press("F")
            terminal.reads("Start with all at once")
            terminal.press("\r")
            terminal.reads(f"type {scene.dlq}")
            terminal.press(f"{scene.dlq}\r")
            terminal.reads("moved")
            terminal.press("1")
            terminal.reads("IN/s")
            busy = measured(terminal, count)
            return Waits("redrive", idle, busy)
    finally:
        side.drop(scene)
        side.close()
