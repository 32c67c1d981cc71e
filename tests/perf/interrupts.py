"""How soon ctrl+c ends a run whose jq program never ends: python -m tests.perf.interrupts [--tries 10].

From the signal to the end of the process, with every letter back in its queue; beside it a Python that only loops.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic, sleep

from cryptography.fernet import Fernet

from mqtui.demo.servers import Servers
from mqtui.domain.resource import BrokerKind
from tests.cli.broker_fixtures import BrokerFixture, broker_fixture_of, wait_until
from tests.cli.command_line import Mqtui

LETTERS = 20
ENDLESS = "until(false; .)"
LOOP = "import signal\nprint('up', flush=True)\nwhile True: pass"


@dataclass(frozen=True, slots=True)
class Ends:
    """Seconds from SIGINT to the end of each process."""

    runs: list[float]
    loops: list[float]

    def __str__(self) -> str:
        return (
            f"a run ends {median(self.runs):.2f} s after ctrl+c (longest {max(self.runs):.2f} s of {len(self.runs)}), "
            f"a bare loop {median(self.loops):.2f} s"
        )


def ends(ground: BrokerFixture, tries: int) -> Ends:
    """Interrupt runs on letters that stay, and bare loops, in turn."""
    dlq, to = ground.world.create("dead"), ground.world.create("to")
    ground.world.put(dlq, [ground.dead_letter(number, to) for number in range(LETTERS)])
    found = Ends([], [])
    for _ in range(tries):
        with TemporaryDirectory(prefix="mqtui-perf-") as folder:
            mqtui = Mqtui(Path(folder), Fernet.generate_key().decode())
            words = ("redrive", ground.url, dlq.name, "--to", to.name, "--where", ENDLESS, "--yes")
            found.runs.append(_interrupted(mqtui.start(*words, "--allow", "consumers", "--allow", "no-reader"), ground))
        loop = subprocess.Popen([sys.executable, "-c", LOOP], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert loop.stdout is not None
        loop.stdout.readline()
        found.loops.append(_ended(loop))
        wait_until(lambda: ground.world.depth(dlq) == LETTERS)
    return found


def _interrupted(run: subprocess.Popen[bytes], ground: BrokerFixture) -> float:
    wait_until(lambda: bool(_workers(run.pid)))
    sleep(0.3)  # the worker is in the program by then
    return _ended(run)


def _workers(parent: int) -> list[str]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False)
    return listed.stdout.split()


def _ended(process: subprocess.Popen[bytes]) -> float:
    process.send_signal(signal.SIGINT)
    began = monotonic()
    process.communicate(timeout=60)
    return monotonic() - began


def main() -> None:
    """Print the figures for each broker."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf.interrupts")
    parser.add_argument("--tries", type=int, default=10)
    asked = parser.parse_args()
    with Servers() as servers:
        for kind, url in servers.start_all().items():
            ground = broker_fixture_of(BrokerKind(kind), url)
            print(f"{kind}: {ends(ground, asked.tries)}", flush=True)
            ground.world.close()


if __name__ == "__main__":
    main()
