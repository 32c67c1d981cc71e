"""Searches beside kcat with grep and with jq: python -m tests.perf.searches [--count 1000000] [--pairs 3].

`mqtui search --count` as a whole process beside a pipeline of kcat, on one topic of JSON records of 160 bytes, in turn
in one run. Each finds the same number. The median ratio of the walls counts. CPU is that of all processes but jq's own
workers, which are killed at the end. Ratios without the start are those of what both take longer than for a topic of
few records.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from mqtui.demo.servers import Servers
from tests.contract.worlds import address_of

ROOT = Path(__file__).parents[2]
PARTITIONS = 4
FEW = 100
WAIT = 60.0


@dataclass(frozen=True, slots=True)
class SearchRace:
    """What is searched for by us and by the peer, the ratio of walls that is promised, and what the suite asks of CPU.

    The promise of text and of jq is not kept yet: from Python librdkafka alone takes as long as kcat and grep together,
    and jq's library twice as long as its program.
    """

    words: tuple[str, ...]
    peer: str
    promised: float
    least: float


PREDICATE = '.total > 990 and (.user == "u7" or .user == "u8")'
PROGRAM = '(.user | test("^u[78]$")) and .total > 990'
RACES = {
    "text": SearchRace(("--grep", "AB-990"), "grep -c AB-990", 1.2, 0.15),
    "predicate": SearchRace((PREDICATE,), f"jq -c {shlex.quote(f'select({PREDICATE})')} | wc -l", 1.3, 0.8),
    "jq": SearchRace((PROGRAM,), f"jq -c {shlex.quote(f'select({PROGRAM})')} | wc -l", 0.6, 0.2),
}


@dataclass(frozen=True, slots=True)
class Side:
    """Seconds of wall and CPU of a call, the most memory of one of its processes in MB, and what it counted."""

    wall: float
    cpu: float
    memory: float
    found: int


@dataclass(frozen=True, slots=True)
class SearchPair:
    """Ours and the peer's, on the topic and on one of few records."""

    ours: Side
    peer: Side
    our_start: Side
    peer_start: Side

    @property
    def ratio(self) -> float:
        """How many times as fast as the peer, start and exit included."""
        return self.peer.wall / self.ours.wall

    @property
    def started_ratio(self) -> float:
        """The same without start and exit."""
        ours = max(0.001, self.ours.wall - self.our_start.wall)
        return max(0.001, self.peer.wall - self.peer_start.wall) / ours

    @property
    def cpu_ratio(self) -> float:
        """That of the CPU times without start and exit, which says the same whatever else the machine does."""
        ours = max(0.001, self.ours.cpu - self.our_start.cpu)
        return max(0.001, self.peer.cpu - self.peer_start.cpu) / ours

    def __str__(self) -> str:
        return (
            f"ours {self.ours.wall:.2f} s ({self.ours.cpu:.2f} s of CPU, {self.ours.memory:.0f} MB), "
            f"peer {self.peer.wall:.2f} s ({self.peer.cpu:.2f} s), ratio {self.ratio:.2f}, "
            f"without start {self.started_ratio:.2f}, of CPU {self.cpu_ratio:.2f}"
        )


@contextmanager
def filled_topics(url: str, count: int) -> Iterator[tuple[str, str]]:
    """A topic of so many records, and one of few."""
    servers: dict[str, str | int | float | bool] = {
        "bootstrap.servers": ",".join(f"{host}:{port}" for host, port in address_of(url).hosts)
    }
    admin = AdminClient(servers)
    names = tuple(f"mqtui-perf-search-{os.getpid()}-{size}" for size in ("all", "few"))
    for made in admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names]).values():
        made.result(WAIT)
    producer = Producer(servers | {"linger.ms": 50, "queue.buffering.max.messages": 1_000_000})
    try:
        for name, records in zip(names, (count, FEW), strict=True):
            for number in range(records):
                producer.produce(name, record(number), partition=number % PARTITIONS)
                if number % 10_000 == 0:
                    producer.poll(0)
        assert not producer.flush(WAIT)
        yield names[0], names[1]
    finally:
        for deleted in admin.delete_topics(list(names)).values():
            deleted.result(WAIT)


def record(number: int) -> bytes:
    """An order of 160 bytes."""
    body = b'{"order":"AB-%d","user":"u%d","total":%d,"items":["lamp","desk"],"note":"' % (
        number,
        number % 11,
        number % 1000,
    )
    return body + b"x" * (158 - len(body)) + b'"}'


def race(url: str, name: str, topics: tuple[str, str], pairs: int) -> list[SearchPair]:
    """Both in turn."""
    run = RACES[name]
    starts = [call(words) for words in (ours(url, topics[1], run), peers(url, topics[1], run))]
    found = []
    for _ in range(pairs):
        us, peer = call(ours(url, topics[0], run)), call(peers(url, topics[0], run))
        assert us.found == peer.found, (us, peer)
        found.append(SearchPair(us, peer, starts[0], starts[1]))
    return found


def ours(url: str, topic: str, run: SearchRace) -> Sequence[str]:
    return (sys.executable, "-m", "mqtui", "search", url, topic, *run.words, "--count")


def peers(url: str, topic: str, run: SearchRace) -> Sequence[str]:
    host, port = address_of(url).hosts[0]
    return ("sh", "-c", f"kcat -C -b {host}:{port} -t {topic} -o beginning -e -q | {run.peer}")


def call(words: Sequence[str]) -> Side:
    """Run it, and measure what it and its processes took."""
    with TemporaryDirectory() as state:
        began = perf_counter()
        process = subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "MQTUI_STATE_DIR": state, "PYTHONPATH": str(ROOT)},
        )
        assert process.stdout is not None
        with process.stdout:
            out = process.stdout.read()
        _, _, used = os.wait4(process.pid, 0)
        wall = perf_counter() - began
        process.returncode = 0
    return Side(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, int(out.split()[-1].replace(b",", b"")))


def main() -> None:
    """Measure all races and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--race", choices=list(RACES))
    given = parser.parse_args()
    with Servers() as servers:
        url = servers.start_all(["kafka"])["kafka"]
        with filled_topics(url, given.count) as topics:
            for name in [given.race] if given.race else RACES:
                pairs = race(url, name, topics, given.pairs)
                print(*(f"{name}: {pair}" for pair in pairs), sep="\n")
                print(
                    f"{name}: median ratio {median(pair.ratio for pair in pairs):.2f}, promised {RACES[name].promised}"
                )


if __name__ == "__main__":
    main()
