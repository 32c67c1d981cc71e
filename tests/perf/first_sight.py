"""How soon something is seen among 1,019 topics, beside other tools: python -m tests.perf.first_sight [--url URL].

The first message of a named topic beside kcat and kaskade, and the first row of the list of topics and the first order
by figures beside kaskade; each tool in turn, the medians of several runs. kaskade is installed into an environment of
its own (.cache/kaskade); where that does not work it is left out, and said so. With `--url` a broker that
`big_world.fill_kafka` has filled is looked at, else one is started and filled.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from mqtui.demo.servers import Servers
from tests.perf import big_world
from tests.perf.single import ROOT, environment, kafka_world
from tests.terminal import Terminal

KASKADE = ROOT / ".cache" / "kaskade"
PLACE, VALUE, DEAD = "HOST:PORT", '"order"', "† shop.orders."


@dataclass(frozen=True, slots=True)
class Sight:
    """A program, and what is on its screen when it has shown what was asked; "" for its first output to a pipe."""

    what: str
    words: tuple[str, ...]
    seen: str = ""


def sights(kaskade: str) -> list[Sight]:
    """The programs, those that show the same beside each other."""
    ours = (sys.executable, "-m", "mqtui")
    kcat = ("kcat", "-b", PLACE)
    found = [
        Sight("first message", (*ours, f"kafka://{PLACE}", big_world.TOPIC), VALUE),
        Sight("first message", (*ours, "peek", f"kafka://{PLACE}", big_world.TOPIC, "-n", "1", "--from", "oldest")),
        Sight("first message", (*kcat, "-C", "-e", "-q", "-o", "beginning", "-c", "1", "-t", big_world.TOPIC)),
        Sight("first row", (*ours, f"kafka://{PLACE}"), "shop.orders."),
        Sight("first row", (*kcat, "-L")),
        Sight("order by figures", (*ours, f"kafka://{PLACE}"), DEAD),
    ]
    if kaskade:
        consumer = (kaskade, "consumer", "-b", PLACE, "-t", big_world.TOPIC, "--earliest", "-v", "string")
        found += [
            Sight("first message", consumer, VALUE),
            Sight("first row", (kaskade, "admin", "-b", PLACE), "shop.orders."),
        ]
    return sorted(found, key=lambda one: ("first message", "first row", "order by figures").index(one.what))


def installed() -> str:
    """The command of kaskade, "" where it can't be had."""
    command = KASKADE / "bin" / "kaskade"
    try:
        if not command.exists():
            venv.create(KASKADE, with_pip=True)
            subprocess.run([KASKADE / "bin" / "pip", "install", "-q", "kaskade"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"kaskade is left out: {error}", flush=True)
        return ""
    return str(command)


def seconds(sight: Sight, place: str, variables: dict[str, str]) -> float:
    """From the start of the program to what was asked."""
    words = [word.replace(PLACE, place) for word in sight.words]
    if sight.seen:
        with Terminal(words, variables) as terminal:
            return terminal.reads(sight.seen, 120) - terminal.began
    began = perf_counter()
    with subprocess.Popen(words, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.read(1), f"{words} said nothing"
        took = perf_counter() - began
        process.stdout.read()
    return took


@contextmanager
def filled(url: str) -> Iterator[str]:
    """A broker with the big world in it."""
    if url:
        yield url
        return
    with Servers() as servers, kafka_world(servers) as world:
        yield world.url
        servers.discard("kafka")


def measured(url: str, rounds: int, chosen: Sequence[Sight]) -> list[tuple[Sight, list[float]]]:
    """Seconds of each, in turn; a first run, which leaves bytecode behind, is not counted."""
    place = url.removeprefix("kafka://")
    took: list[tuple[Sight, list[float]]] = [(one, []) for one in chosen]
    with TemporaryDirectory(prefix="mqtui-sight-") as folder:
        variables = {**environment(folder, ROOT), "PATH": os.environ["PATH"], "HOME": folder}
        for turn in range(rounds + 1):
            for one, times in took:
                found = seconds(one, place, variables)
                if turn:
                    times.append(found)
    return took


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf.first_sight")
    parser.add_argument("--url", default="", help="a broker that holds the big world")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    kaskade = installed()
    with filled(asked.url) as url:
        for one, times in measured(url, asked.rounds, sights(kaskade)):
            words = " ".join(Path(word).name if "/" in word and "://" not in word else word for word in one.words)
            print(f"{one.what:17} {median(times):6.2f} s (least {min(times):.2f})  {words}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
