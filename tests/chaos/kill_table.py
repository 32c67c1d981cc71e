"""The kill table: python -m tests.chaos.kill_table [--broker kafka] [--runs 20] [--letters 50000] [--seed S]
[--poison 1000] [--skip 0.9].

Each broker's redrives are killed by `kill -9` at instants spread over a run's whole length, every third resume too; all
are resumed to their end, and then the brokers' own clients say where every letter is (rule C6). With `--poison 1000`
the broker refuses one letter in 1,000: it stays, named with the broker's words, and the others move as ever.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from time import monotonic

from mqtui.demo.servers import Servers
from tests.chaos.campaign import Case, Row, campaign
from tests.chaos.kafka_side import KafkaSide
from tests.chaos.rabbitmq_side import FRAIL, QUORUM, RabbitMQSide
from tests.chaos.redis_side import RedisSide
from tests.chaos.scenes import Side

SERVERS = {"kafka": "kafka", "rabbitmq": "rabbitmq", "quorum": "rabbitmq", "frail": "rabbitmq", "redis": "redis"}
SIDES: dict[str, Callable[[str], Side]] = {
    "kafka": KafkaSide,
    "rabbitmq": RabbitMQSide,
    "quorum": lambda url: RabbitMQSide(url, "quorum", QUORUM),
    "frail": lambda url: RabbitMQSide(url, "frail", FRAIL, returns=1),
    "redis": RedisSide,
}
"""`quorum` is a pair of quorum queues with a limit of 20; `frail` one whose letters have no delivery left: take 500."""

USUAL = ("kafka", "rabbitmq", "redis")
COLUMNS: Sequence[tuple[str, Callable[[Row], object]]] = (
    ("broker", lambda row: row.broker),
    ("runs", lambda row: len(row.cases)),
    ("letters", lambda row: f"{row.letters:,}"),
    ("run s", lambda row: f"{row.length:.1f}"),
    ("before the journal", lambda row: row.total(lambda case: not case.begun)),
    ("before the first", lambda row: row.total(lambda case: case.moved == 0)),
    ("after the last", lambda row: row.total(lambda case: case.moved == row.movable)),
    ("with letters in hand", lambda row: row.total(lambda case: case.in_hand > 0)),
    ("resumes killed", lambda row: row.total(lambda case: case.resumes_killed)),
    ("lost", lambda row: row.total(lambda case: case.verdict.lost)),
    ("doubled", lambda row: row.total(lambda case: case.verdict.doubled)),
    ("among suspects", lambda row: row.total(lambda case: case.verdict.among_suspects)),
    ("suspects named", lambda row: row.total(lambda case: case.suspects)),
    ("unknown", lambda row: row.total(lambda case: case.unknown)),
    ("unplanned", lambda row: row.total(lambda case: case.verdict.strangers)),
    ("still in source", lambda row: row.total(lambda case: case.verdict.left)),
    ("refused", lambda row: row.total(lambda case: case.refused)),
    ("by the broker's words", lambda row: row.total(lambda case: case.named)),
    ("told wrong", lambda row: row.total(lambda case: case.told_wrong)),
)


def table(rows: Sequence[Row]) -> str:
    """One line a broker; figures are sums over its runs."""
    lines = [[name for name, _ in COLUMNS]] + [[str(of(row)) for _, of in COLUMNS] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def told(number: int, runs: int, row: Row, case: Case) -> str:
    """One run in a line."""
    line = f"{row.broker} {number}/{runs}: killed at {case.instant:.2f} s of {row.length:.2f}, {case.moved:,} moved"
    line += f", {case.in_hand:,} in hand" if case.begun else ", nothing begun"
    line += ", resume killed" * case.resumes_killed
    return line + (f"\n  {case}" if case in row.broken else "")


def main() -> int:
    """Print the table; 1 where a run broke its promise."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.kill_table")
    parser.add_argument("--broker", action="append", choices=SIDES, help="several times for several; all by default")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--letters", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--poison", type=int, default=0, help="one letter in so many is one the broker refuses")
    parser.add_argument("--skip", type=float, default=0.0, help="share of the time before the first letter left alone")
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    rows: list[Row] = []
    began = monotonic()
    with Servers() as servers:
        names = asked.broker or USUAL
        urls = servers.start_all(sorted({SERVERS[name] for name in names}))
        for name in names:
            with closing(SIDES[name](urls[SERVERS[name]])) as side:
                if asked.poison and not side.refusal:
                    parser.error(f"nothing is known that {name} refuses")
                side.poison = asked.poison
                killed = campaign(side, asked.runs, asked.letters, asked.seed, skip=asked.skip)
                for number, row in enumerate(killed, 1):
                    print(told(number, asked.runs, row, row.cases[-1]), file=sys.stderr, flush=True)
            rows.append(row)
    print(table(rows))
    print(f"seed {asked.seed}, {monotonic() - began:.0f} s")
    return int(any(row.broken for row in rows))


if __name__ == "__main__":
    sys.exit(main())
