"""How many of mqtui's functions are on the way of what users do: python -m tests.perf.calls [--tree FOLDER].

A profile hook counts calls, functions and files of the package: of a peek, of a redrive (and of one more letter), of
enter on a row. `--tree` counts those of another tree of the project, such as one of an earlier commit.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

from mqtui.demo.servers import Servers
from tests.chaos.kafka_side import KafkaSide
from tests.chaos.rabbitmq_side import RabbitMQSide
from tests.chaos.redis_side import RedisSide
from tests.chaos.scenes import Side
from tests.perf.keys import ROOT, own
from tests.terminal import Terminal

SIDES = {"kafka": KafkaSide, "rabbitmq": RabbitMQSide, "redis": RedisSide}
FEW, MORE = 1_000, 11_000
SETTLED_SECONDS = 3.0
"""Seconds after which a list that stands has nothing more to read."""

PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of mqtui's functions, how many functions these are, and in how many files."""

    calls: int
    functions: int
    files: int

    def __str__(self) -> str:
        return f"{self.calls:10,} calls of {self.functions:4} functions in {self.files:3} files"


class Probe:
    """Runs mqtui of a tree with its calls counted, in folders of its own."""

    def __init__(self, tree: Path, folder: str) -> None:
        self._file = Path(folder, "calls.json")
        self._environment = {**own(folder), "PYTHONPATH": str(tree)}
        self._start = [sys.executable, str(ROOT / "tests/perf/call_probe.py"), str(self._file)]

    def command(self, *words: str) -> Calls:
        """What a command does from its start to its end."""
        done = subprocess.run([*self._start, *words], env=self._environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return self._told()

    def enter(self, url: str, row: str, reads: Sequence[str]) -> Calls:
        """What enter on the row of a destination does, and on what is read after it, until the last words are read."""
        with Terminal([*self._start, url], self._environment) as terminal:
            terminal.reads(row)
            sleep(SETTLED_SECONDS)
            terminal.press("/")
            terminal.press(f"{row}\r")
            sleep(SETTLED_SECONDS)
            terminal.process.send_signal(signal.SIGUSR1)
            for words in reads:
                terminal.press("\r")
                terminal.reads(words)
            terminal.process.send_signal(signal.SIGUSR2)
            return self._told()

    def _told(self) -> Calls:
        until = monotonic() + PATIENCE
        while not self._file.exists():
            assert monotonic() < until, "nothing was counted"
            sleep(0.02)
        told = json.loads(self._file.read_text(encoding="utf-8"))
        self._file.unlink()
        return Calls(**told)


@contextmanager
def probe(tree: Path) -> Iterator[Probe]:
    """A probe with folders that go with it."""
    with TemporaryDirectory(prefix="mqtui-calls-") as folder:
        yield Probe(tree, folder)


def ways(tree: Path, side: Side) -> Iterator[str]:
    """A line for each thing that users do on a broker."""
    causes = ["declined"] if side.name != "rabbitmq" else ["enter reads all", "declined"]
    with probe(tree) as counted:
        scene = side.fill(FEW)
        yield f"{side.name:9} peek of one        {counted.command('peek', side.url, scene.dlq, '-n', '1')}"
        yield f"{side.name:9} enter on a row     {counted.enter(side.url, scene.dlq, causes)}"
        few = counted.command("redrive", side.url, scene.dlq, "--yes", "--json")
        side.drop(scene)
        scene = side.fill(MORE)
        more = counted.command("redrive", side.url, scene.dlq, "--yes", "--json")
        side.drop(scene)
        yield f"{side.name:9} redrive of {MORE:6,}  {more}, {(more.calls - few.calls) / (MORE - FEW):.2f} a letter"


def main() -> int:
    """Print a line for each way."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf.calls")
    parser.add_argument("--tree", type=Path, default=ROOT)
    parser.add_argument("--broker", action="append", choices=SIDES)
    asked = parser.parse_args()
    names = asked.broker or [*SIDES]
    with Servers() as servers:
        urls = servers.start_all(names)
        for name in names:
            with closing(SIDES[name](urls[name])) as side:
                for line in ways(asked.tree.resolve(), side):
                    print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
