"""What an idle console asks of a broker a poll: python -m tests.perf.polls [--broker redis] [--tree FOLDER].

In the big world of tests/perf/big_world.py. Printed for each poll are its seconds and what the broker was asked: Redis
by `INFO commandstats`, Kafka and RabbitMQ through a counting proxy. `--tree` measures another checkout before.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from mqtui.demo.servers import Servers
from tests.perf.single import ROOT, WORLDS, World, environment

WATCHED = Path(__file__).with_name("one_watch.py")


def polls(world: World, variables: Mapping[str, str], tree: Path, count: int) -> None:
    """Print a line a poll."""
    words = [sys.executable, str(WATCHED), world.counted]
    with subprocess.Popen(words, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        world.asked()
        for number in range(1, count + 1):
            process.stdin.write("\n")
            process.stdin.flush()
            told, seen = process.stdout.readline().strip(), world.asked()
            named = ", ".join(f"{name} {times:,}" for name, times in seen.requests.most_common(8))
            print(
                f"  {tree.name:10} poll {number}: {told}; {seen.requests.total():,} requests, "
                f"{seen.connections} connections, {seen.answered / 1024:,.0f} kB [{named}]",
                flush=True,
            )
        process.stdin.close()


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf.polls")
    parser.add_argument("--broker", action="append", choices=WORLDS, help="several times for several; all by default")
    parser.add_argument("--tree", action="append", type=Path, default=[], help="another checkout, measured before")
    parser.add_argument("--polls", type=int, default=4)
    asked = parser.parse_args()
    with Servers() as servers, TemporaryDirectory(prefix="mqtui-polls-") as folder:
        for name in asked.broker or WORLDS:
            with WORLDS[name](servers) as world:
                print(f"--- {name}", flush=True)
                for tree in (*asked.tree, ROOT):
                    polls(world, environment(folder, tree), tree, asked.polls)
            servers.discard(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
