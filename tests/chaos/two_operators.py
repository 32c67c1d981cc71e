"""Two hands at one source: python -m tests.chaos.two_operators [--broker kafka] [--runs 20] [--letters 240] [--seed S].

In turn: two operators redrive at once, within a broker or across two, the same or different letters; or a redrive is
killed by `kill -9`, somebody purges or trims the source, and it is resumed. Each time source, target, bundles and
outcomes have to add up (rule C13): nothing is lost, every double is a named suspect, every figure is the truth.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import random
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mqtui.demo.servers import Servers
from mqtui.domain.resource import BrokerKind, Ref
from tests.chaos.scenes import bundled_messages
from tests.cli.broker_fixtures import BrokerFixture, broker_fixture_of, wait_until
from tests.cli.command_line import Mqtui

NUMBER = re.compile(rb'\\*"number\\*": ?(\d+)')
KINDS = ("kafka", "rabbitmq", "quorum", "redis")
OTHER = {"kafka": "redis", "rabbitmq": "kafka", "quorum": "redis", "redis": "rabbitmq"}
"""Where letters of a kind cross over to."""

OUTCOMES = ("moved", "refused", "unknown", "skipped", "left")
LIMIT = 20
SLOWEST, FASTEST = 25, 250
END = 240.0


@dataclass(slots=True)
class Operator:
    """Somebody with a machine of their own; what their last command told."""

    mqtui: Mqtui
    code: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    err: str = ""

    def ended(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for a command and read what it told."""
        out, err = process.communicate(timeout=END)
        self.code, self.err = process.returncode, err.decode()
        self.rows = [json.loads(line) for line in out.splitlines() if line.startswith(b"{") and line.endswith(b"}")]
        assert "Traceback" not in self.err, self.err
        assert "Internal error in mqtui" not in self.err, self.err

    @property
    def result(self) -> dict[str, Any]:
        """The figures of the run; zeros where none was begun."""
        told = next((row for row in reversed(self.rows) if "duplicates_suspected" in row), None)
        return told or dict.fromkeys(("planned", "duplicates_suspected", *OUTCOMES), 0)

    @property
    def bundled(self) -> set[int]:
        """Numbers of the letters that this machine has the bytes of."""
        folder = self.mqtui.folder / "state" / "bundles"
        kept = bundled_messages(sorted(folder.glob("*.bundle")), self.mqtui.bundle_key.encode())
        return {number_of(letter.value or repr(letter.fields).encode()) for letter in kept}


@dataclass(frozen=True, slots=True)
class Place:
    """Where letters lie and where they go; `over` says that it is another broker."""

    source: BrokerFixture
    target: BrokerFixture
    dlq: Ref
    home: Ref
    over: bool

    def words(self, *more: object) -> tuple[object, ...]:
        """The redrive from here to there."""
        across = ("--to-target", self.target.url) if self.over else ()
        shared = ("--yes-shared",) if self.source.kind is BrokerKind.RABBITMQ else ()
        ends = ("redrive", self.source.url, self.dlq.name, "--to", self.home.name)
        return (*ends, *across, *shared, "--yes", "--json", *more)

    def at_home(self) -> Counter[int]:
        """How often each letter is in the target."""
        return numbers(self.target, self.home)

    def at_source(self) -> Counter[int]:
        """How often each letter is in the source; on Kafka they stay there when they are handled."""
        return numbers(self.source, self.dlq)


def number_of(raw: bytes) -> int:
    """The number a letter carries, whatever shape it crossed over in."""
    found = NUMBER.search(raw)
    assert found is not None, raw
    return int(found[1])


def numbers(ground: BrokerFixture, ref: Ref) -> Counter[int]:
    """How often each letter is in a destination."""
    letters = ground.world.contents(ref)
    return Counter(number_of(letter.value or repr(letter.fields).encode()) for letter in letters)


@contextmanager
def scene(kind: str, urls: dict[str, str], letters: int, *, over: bool) -> Iterator[Place]:
    """Letters in a new source, and an empty target."""
    source = broker_fixture_of(
        BrokerKind("rabbitmq" if kind == "quorum" else kind), urls["rabbitmq" if kind == "quorum" else kind]
    )
    target = broker_fixture_of(BrokerKind(OTHER[kind]), urls[OTHER[kind]]) if over else source
    try:
        dlq = source.create_quorum_queue(LIMIT) if kind == "quorum" else source.world.create("dead")
        home = target.world.create("home")
        source.world.put(dlq, [source.dead_letter(number, home) for number in range(letters)])
        yield Place(source, target, dlq, home, over)
    finally:
        source.world.close()
        if over:
            target.world.close()


@contextmanager
def operators(count: int) -> Iterator[list[Operator]]:
    """Each with folders of their own."""
    folder = Path(tempfile.mkdtemp(prefix="mqtui-two-"))
    try:
        key = base64.urlsafe_b64encode(os.urandom(32)).decode()
        found = [Operator(Mqtui(folder / str(number), key)) for number in range(count)]
        for each in found:
            each.mqtui.folder.mkdir()
        yield found
    finally:
        shutil.rmtree(folder)


def added_up(told: dict[str, Any]) -> None:
    """Planned is the sum of the outcomes (C8)."""
    assert sum(told[name] for name in OUTCOMES) == told["planned"], told


def two_at_once(kind: str, urls: dict[str, str], letters: int, dice: random.Random, *, over: bool) -> str:
    """Two redrives of one source; what they did, in a line."""
    with scene(kind, urls, letters, over=over) as place, operators(2) as (ann, ben):
        choice = dice.choice(["the same letters", "half of them", "a third of them"])
        more = {"the same letters": (), "half of them": _odd(place), "a third of them": ("--limit", letters // 3)}[
            choice
        ]
        over_it = ("--take-over",) if place.source.kind is BrokerKind.KAFKA and dice.random() < 0.5 else ()
        rates = [dice.randint(SLOWEST, FASTEST) for _ in range(2)]
        pause = dice.random() * 3
        first = ann.mqtui.start(*place.words("--rate", rates[0]))
        time.sleep(pause)
        second = ben.mqtui.start(*place.words("--rate", rates[1], *more, *over_it))
        ben.ended(second)
        ann.ended(first)
        home = place.at_home()
        source = place.at_source()
        told = [ann.result, ben.result]
        words = f"two at once, {choice}, pause {pause:.1f} s, {rates} a second, moved {[one['moved'] for one in told]}"
        for each in told:
            added_up(each)
        assert set(home) | set(source) == set(range(letters)), words
        doubled = home.total() - len(home)
        suspects = sum(each["duplicates_suspected"] for each in told)
        assert doubled <= suspects, f"{words}: {doubled} doubled, {suspects} suspects"
        moved, unknown = (sum(each[name] for each in told) for name in ("moved", "unknown"))
        assert moved, f"{words}: exit {ann.code} and {ben.code}: {ann.err[-600:]}"
        assert moved <= home.total() <= moved + unknown, f"{words}: {home.total()} at home, {unknown} unknown"
        suspecting = [one.code for one in (ann, ben) if one.result["duplicates_suspected"]]
        assert not doubled or any(suspecting), f"{words}: {doubled} doubled, exit {suspecting} of those who suspect it"
        for operator in (ann, ben):
            whole = operator.result["moved"] + operator.result["skipped"] == operator.result["planned"]
            assert operator.code != 0 or whole, f"{words}: exit 0 of {operator.result}"
        return f"{words}, {doubled} doubled, {suspects} suspected"


def _odd(place: Place) -> tuple[str, str]:
    return "--where", ".value.odd" if place.source.redis else ".odd"


def killed_and_robbed(kind: str, urls: dict[str, str], letters: int, dice: random.Random, *, over: bool) -> str:
    """A redrive that is killed, a source that somebody empties, and the resume; what came of it, in a line."""
    with scene(kind, urls, letters, over=over) as place, operators(1) as (ann,):
        rate = dice.randint(SLOWEST, FASTEST)
        goal = dice.randint(1, letters * 3 // 4)
        first = ann.mqtui.start(*place.words("--rate", rate))
        wait_until(lambda: place.target.world.depth(place.home) >= goal or first.poll() is not None, END)
        first.send_signal(signal.SIGKILL)
        first.communicate(timeout=END)
        place.source.wait_until_requeued(place.dlq)
        taken = rob(place, dice)
        before = place.at_home()
        (run,) = ann.mqtui("runs", "--json").ok().rows()
        if run["state"] != "interrupted":
            return "it ended before it was killed"
        resume = ann.mqtui.start("runs", "resume", run["run"], *_shared(place), "--yes", "--json")
        ann.ended(resume)
        told, home, source = ann.result, place.at_home(), place.at_source()
        words = f"killed with {before.total()} at home, {run['in_flight']} in flight, {taken}: {figures(told)}"
        added_up(told)
        assert told["planned"] == letters, words
        assert told["unknown"] <= run["in_flight"], words
        assert told["moved"] <= home.total(), words
        assert len(home) <= told["moved"] + told["unknown"], words
        assert home.total() - len(home) <= told["duplicates_suspected"], words
        gone = set(range(letters)) - set(home) - (set() if place.source.kind is BrokerKind.KAFKA else set(source))
        known = ann.bundled if place.source.kind is not BrokerKind.KAFKA else set[int]()
        assert len(gone) <= told["unknown"] + told["skipped"] + told["left"], words
        assert len(gone - known) <= told["skipped"] + (0 if known else told["unknown"]), words
        assert (ann.code == 0) is (told["moved"] == letters), f"{words}: exit {ann.code}, {ann.err[-300:]}"
        return words


def _shared(place: Place) -> tuple[str, ...]:
    return ("--yes-shared",) if place.source.kind is BrokerKind.RABBITMQ else ()


def rob(place: Place, dice: random.Random) -> str:
    """Somebody takes all or the first letters out of the source; what they did."""
    if dice.random() < 0.5:
        place.source.empty(place.dlq)
        return "all purged"
    number = dice.randint(1, 100)
    place.source.take_first(place.dlq, number)
    return f"{number} taken"


def figures(told: dict[str, Any]) -> str:
    """The outcomes in words."""
    return ", ".join(f"{told[name]} {name}" for name in OUTCOMES if told[name])


def campaign(kind: str, urls: dict[str, str], runs: int, letters: int, seed: int) -> Iterator[str]:
    """Runs of one kind in turn, each told in a line."""
    dice = random.Random(f"{seed} {kind}")
    for number in range(runs):
        what = killed_and_robbed if number % 2 else two_at_once
        over = number % 4 >= 2
        line = what(kind, urls, letters, dice, over=over)
        yield f"{kind}{f' to {OTHER[kind]}' if over else ''} {number + 1}/{runs}: {line}"


def main() -> int:
    """Tell each run; the first that does not add up ends it with its trace, and the seed stands above."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.two_operators")
    parser.add_argument("--broker", action="append", choices=KINDS, help="several times for several; all by default")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--letters", type=int, default=240)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    with Servers() as servers:
        urls = servers.start_all(["kafka", "rabbitmq", "redis"])
        for kind in asked.broker or KINDS:
            for line in campaign(kind, urls, asked.runs, asked.letters, asked.seed):
                print(line, flush=True)
    print(f"seed {asked.seed}: all add up")
    return 0


if __name__ == "__main__":
    sys.exit(main())
