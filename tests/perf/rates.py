"""Redrive rates: python -m tests.perf.rates [--broker redis] [--count 100000] [--pairs 3].

`mqtui redrive` as a whole process (start, plan, journal, bundle, receipts, exit) beside the fastest honest loop of the
broker's own client, which neither starts nor connects while it is timed: on the same letters and broker, in turn in one
run. The median of the ratios counts. Then how long `mqtui --version` takes, against `import click`.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import pytest

from mqtui.demo.servers import Servers
from tests.chaos.kafka_side import PARTITIONS, KafkaSide
from tests.chaos.killing import Desk
from tests.chaos.rabbitmq_side import CLASSIC, QUORUM, RabbitMQSide
from tests.chaos.redis_side import RedisSide
from tests.chaos.scenes import Scene, Side
from tests.perf import shovel

ROOT = Path(__file__).parents[2]
STARTS = 9
FEW = 100
BODY = b" " + b"x" * 491
"""Behind the 8 digits of a letter's number: 500 bytes."""


@dataclass(frozen=True, slots=True)
class Race:
    """One broker's loop, a module that prints its seconds, and the least part of its rate that a redrive must reach."""

    server: str
    side: Callable[[str], Side]
    loop: Callable[[str, Scene], Sequence[str]]
    count: int
    least: float
    beside: Callable[[str, Scene], float | None] | None = None
    """Seconds of what the broker itself has for it; None where it is not there."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Letters a second. `cpu` is the CPU time of our process in seconds, of all its threads."""

    ours: float
    loop: float
    cpu: float
    beside: float | None = None
    started: float = 0.0
    """What our rate is once start and exit are taken off, as a redrive of `FEW` letters has them."""

    @property
    def ratio(self) -> float:
        """How near we come."""
        return self.ours / self.loop

    @property
    def started_ratio(self) -> float:
        """How near we come without start and exit, which the loop's time has not either."""
        return self.started / self.loop

    def __str__(self) -> str:
        line = (
            f"redrive {self.ours:,.0f}/s ({self.cpu:.2f} s of CPU), loop {self.loop:,.0f}/s, ratio {self.ratio:.2f}, "
            f"without start and exit {self.started_ratio:.2f}"
        )
        return line if self.beside is None else f"{line}; shovel {self.beside / self.loop:.2f} of the loop"


def kafka_loop(url: str, scene: Scene) -> Sequence[str]:
    """Poll, produce, commit every 10,000."""
    return ("tests.perf.kafka_loop", url, scene.dlq, scene.home, str(scene.letters), str(PARTITIONS))


def pika_loop(url: str, scene: Scene) -> Sequence[str]:
    """Consume, publish, acknowledge what is confirmed."""
    return ("tests.perf.pika_loop", url, scene.dlq, scene.home, str(scene.letters))


def lua_loop(url: str, scene: Scene) -> Sequence[str]:
    """A script that ranges, copies and deletes inside the server."""
    return ("tests.perf.lua_loop", url, scene.dlq, scene.home)


RACES = {
    "kafka": Race("kafka", KafkaSide, kafka_loop, 200_000, 0.5),
    "classic": Race(
        "rabbitmq", partial(RabbitMQSide, arguments=CLASSIC, body=BODY), pika_loop, 50_000, 0.8, shovel.seconds
    ),
    "quorum": Race(
        "rabbitmq", partial(RabbitMQSide, arguments=QUORUM, body=BODY), pika_loop, 50_000, 0.8, shovel.seconds
    ),
    "redis": Race("redis", RedisSide, lua_loop, 100_000, 0.4),
}


def race(name: str, url: str, count: int, pairs: int, *, beside: bool = False) -> list[Pair]:
    """Both in turn, each on letters of its own; `beside` also measures what the broker has for it.

    Both from bytecode, as `pip install` leaves a package; a first pair of few letters, which makes it, is not counted.
    A second redrive of few tells what start and exit take.
    """
    run = RACES[name]
    found: list[Pair] = []
    with bytecode(), closing(run.side(url)) as side:
        _on_new_letters(side, FEW, lambda scene: _loop_seconds(run.loop(url, scene)))
        _on_new_letters(side, FEW, lambda scene: _redrive_seconds(url, scene))
        few = _on_new_letters(side, FEW, lambda scene: _redrive_seconds(url, scene))
        for _ in range(pairs):
            loop = _on_new_letters(side, count, lambda scene: _loop_seconds(run.loop(url, scene)))
            before = _cpu_of_children()
            ours = _on_new_letters(side, count, lambda scene: _redrive_seconds(url, scene))
            cpu = _cpu_of_children() - before
            other = None
            if beside and run.beside is not None:
                seconds = _on_new_letters(side, count, partial(run.beside, url))
                other = None if seconds is None else count / seconds
            assert loop is not None
            assert ours is not None
            assert few is not None
            found.append(Pair(count / ours, count / loop, cpu, other, (count - FEW) / (ours - few)))
    return found


@contextmanager
def bytecode() -> Iterator[None]:
    """A folder for the bytecode of the processes that are measured."""
    with TemporaryDirectory(prefix="mqtui-perf-") as folder, pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONPYCACHEPREFIX", folder)
        environment.setenv("PYTHONDONTWRITEBYTECODE", "")
        yield


def _on_new_letters(side: Side, count: int, measure: Callable[[Scene], float | None]) -> float | None:
    scene = side.fill(count)
    try:
        return measure(scene)
    finally:
        side.drop(scene)


def _loop_seconds(words: Sequence[str]) -> float:
    done = subprocess.run([sys.executable, "-m", *words], check=True, capture_output=True, text=True, cwd=ROOT)
    return float(json.loads(done.stdout))


def _redrive_seconds(url: str, scene: Scene) -> float:
    with Desk() as desk:
        told = desk.redrive(url, scene.dlq)
    assert told.code == 0, told.stderr
    assert told.result is not None
    assert told.result["moved"] == scene.letters, told.result
    return told.seconds


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def middle(pairs: Sequence[Pair]) -> float:
    """The median ratio."""
    return median(pair.ratio for pair in pairs)


def start_ratio(tries: int = STARTS) -> tuple[float, float]:
    """Median seconds of `mqtui --version` and of a bare `import click`, in turn."""
    bare, ours = [], []
    for _ in range(tries):
        bare.append(_seconds("-c", "import click"))
        ours.append(_seconds("-m", "mqtui", "--version"))
    return median(ours), median(bare)


def _seconds(*words: str) -> float:
    began = perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    return perf_counter() - began


def main() -> int:
    """Print the rates; 1 where one is below what is promised."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf.rates")
    parser.add_argument("--broker", action="append", choices=RACES, help="several times for several; all by default")
    parser.add_argument("--count", type=int, default=0, help="letters; by default as many as are promised for")
    parser.add_argument("--pairs", type=int, default=3)
    asked = parser.parse_args()
    names = asked.broker or list(RACES)
    slow = False
    with Servers() as servers:
        urls = servers.start_all(sorted({RACES[name].server for name in names}))
        for name in names:
            run = RACES[name]
            pairs = race(name, urls[run.server], asked.count or run.count, asked.pairs, beside=True)
            for pair in pairs:
                print(f"{name}: {pair}", flush=True)
            print(f"{name}: median ratio {middle(pairs):.2f}, at least {run.least}", flush=True)
            slow |= middle(pairs) < run.least
    ours, bare = start_ratio()
    print(f"mqtui --version {ours * 1000:.0f} ms, import click {bare * 1000:.0f} ms: {ours / bare:.2f}, under 3")
    return int(slow or ours >= 3 * bare)


if __name__ == "__main__":
    sys.exit(main())
