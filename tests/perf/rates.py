"""Redrive rates: python -m tests.perf.rates [--broker redis] [--count 200000] [--pairs 3].

The whole engine against a bare loop on the same letters and broker, in turn in one run; the median of the ratios
counts. Then how long `mqtui --version` takes, against `import click`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from mqtui.demo.servers import Servers
from mqtui.demo.shop.connections import kafka_settings, redis_client
from tests.chaos.kafka_side import PARTITIONS, KafkaSide
from tests.chaos.rabbitmq_side import RabbitMQSide
from tests.chaos.redis_side import RedisSide
from tests.chaos.scenes import Scene, Side
from tests.perf import engine, kafka_rate, redis_rate

ROOT = Path(__file__).parents[2]
STARTS = 9


@dataclass(frozen=True, slots=True)
class Race:
    """One broker's two loops. `bare` gives the seconds of the loop that keeps nothing; `least` is what is promised."""

    side: Callable[[str], Side]
    bare: Callable[[str, Scene], float]
    least: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Letters a second."""

    ours: float
    bare: float

    @property
    def ratio(self) -> float:
        """How near we come."""
        return self.ours / self.bare


def bare_kafka(url: str, scene: Scene) -> float:
    """Poll, produce, commit every 10,000."""
    return kafka_rate.bare(kafka_settings(url), scene.dlq, scene.home, scene.letters, PARTITIONS)


def bare_rabbitmq(url: str, scene: Scene) -> float:
    """Consume, publish, acknowledge what is confirmed; in a process of its own, because ours changes pika's."""
    words = ("bare", url, scene.dlq, scene.home, str(scene.letters))
    done = subprocess.run(
        [sys.executable, "-m", "tests.perf.rabbitmq_rate", *words], check=True, capture_output=True, text=True, cwd=ROOT
    )
    return float(json.loads(done.stdout))


def bare_redis(url: str, scene: Scene) -> float:
    """XRANGE, then a script that copies and deletes by id."""
    with redis_client(url) as client:
        return redis_rate.bare(client, scene.dlq, scene.home)


RACES = {
    "kafka": Race(KafkaSide, bare_kafka, 0.7),
    "rabbitmq": Race(RabbitMQSide, bare_rabbitmq, 0.8),
    "redis": Race(RedisSide, bare_redis, 0.7),
}


def race(name: str, url: str, count: int, pairs: int) -> list[Pair]:
    """Both loops in turn, each on letters of its own."""
    run = RACES[name]
    found: list[Pair] = []
    with closing(run.side(url)) as side:
        for _ in range(pairs):
            scene = side.fill(count)
            bare = count / run.bare(url, scene)
            side.drop(scene)
            scene = side.fill(count)
            ours = asyncio.run(engine.rate(url, scene))
            side.drop(scene)
            found.append(Pair(ours, bare))
    return found


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
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--pairs", type=int, default=3)
    asked = parser.parse_args()
    names = asked.broker or list(RACES)
    slow = False
    with Servers() as servers:
        urls = servers.start_all(names)
        for name in names:
            pairs = race(name, urls[name], asked.count, asked.pairs)
            for pair in pairs:
                print(f"{name}: ours {pair.ours:,.0f}/s, bare {pair.bare:,.0f}/s, ratio {pair.ratio:.2f}", flush=True)
            print(f"{name}: median ratio {middle(pairs):.2f}, at least {RACES[name].least}", flush=True)
            slow |= middle(pairs) < RACES[name].least
    ours, bare = start_ratio()
    print(f"mqtui --version {ours * 1000:.0f} ms, import click {bare * 1000:.0f} ms: {ours / bare:.2f}, under 3")
    return int(slow or ours >= 3 * bare)


if __name__ == "__main__":
    sys.exit(main())
