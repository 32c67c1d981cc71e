"""`mqtui export`: the lines of a peek in a file, gone on with after a full disk, and as CSV and Parquet."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mqtui.domain.resource import BrokerKind
from tests.cli.broker_fixtures import BrokerFixture, BrokerFixtureOn
from tests.cli.command_line import Mqtui
from tests.contract.worlds import Letter

LETTERS, SIZE = 40, 50_000
ROOM = 1_500_000
"""Bytes a file may have: the first flush fits, the second one does not."""


def limited() -> None:
    """As a full disk answers: what is written beyond fails."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))


def letter(broker: BrokerFixture, value: bytes) -> Letter:
    return Letter(fields=((b"value", value),)) if broker.redis else Letter(value=value, key=b"k")


@pytest.mark.parametrize("kind", [BrokerKind.KAFKA, BrokerKind.REDIS])
def test_a_full_disk_leaves_what_is_gone_on_with(
    mqtui: Mqtui, broker_on: BrokerFixtureOn, kind: str, tmp_path: Path
) -> None:
    """It is stopped twice: by a full disk, and in the middle of a line. Then each message is there once, as peeked."""
    broker, file = broker_on(kind), tmp_path / "dead.jsonl"
    ref = broker.world.create("much", partitions=1 if broker.redis else 2)
    letters = [letter(broker, os.urandom(SIZE)) for _ in range(LETTERS)]
    broker.world.put(ref, letters[::2])
    broker.world.put(ref, letters[1::2], partition=0 if broker.redis else 1)
    words = ("export", broker.url, ref.name, "--out", file)
    process = mqtui.start(*words, preexec_fn=limited)
    _, err = process.communicate(timeout=60)
    part = tmp_path / "dead.jsonl.part"
    held = part.read_bytes().splitlines()
    assert process.returncode == 1 and 0 < len(held) < LETTERS
    assert f"{len(held)} messages are in {part}" in err.decode() and "--resume" in err.decode()
    assert not file.exists() and part.stat().st_mode & 0o777 == 0o600
    mqtui(*words).fails(2, "is there already", "--resume")
    os.truncate(part, part.stat().st_size - 100)
    (row,) = mqtui(*words, "--resume", "--json").ok().rows()
    assert (row["exported"], row["resumed"], row["scanned"]) == (LETTERS, len(held) - 1, LETTERS - len(held) + 1)
    assert row["size"] == file.stat().st_size and not part.exists()
    peeked = mqtui("peek", broker.url, ref.name, "-n", LETTERS, "--from", "oldest", "--json").ok().out
    assert sorted(file.read_bytes().splitlines()) == sorted(peeked.splitlines())
    mqtui(*words).fails(2, "nothing is written over")
    other = broker.world.create("other")
    file.rename(part)
    mqtui("export", broker.url, other.name, "--out", file, "--resume").fails(2, "can't be gone on with", ref.name)


@pytest.mark.parametrize("kind", [BrokerKind.REDIS])
def test_csv_and_parquet_have_the_decoded_fields(
    mqtui: Mqtui, broker_on: BrokerFixtureOn, kind: str, tmp_path: Path
) -> None:
    broker = broker_on(kind)
    ref = broker.world.create("orders")
    orders: list[dict[str, Any]] = [
        {"id": 1, "total": 12.5, "lines": ["a", "b"], "to": {"town": "Köln"}, "paid": True},
        {"id": 2**53 + 1, "total": 3, "lines": [], "to": {"town": None, "zip.code": "01"}, "paid": None},
    ]
    broker.world.put(ref, [letter(broker, json.dumps(each).encode()) for each in orders])
    csv, parquet = tmp_path / "o.csv", tmp_path / "o.parquet"
    mqtui("export", broker.url, ref.name, "--out", csv).ok()
    peeked = mqtui("peek", broker.url, ref.name, "--from", "oldest", "-o", "csv").ok()
    assert csv.read_bytes() == peeked.out
    assert "2 messages" in mqtui("export", broker.url, ref.name, "--out", parquet).ok().text
    assert [each.name for each in tmp_path.iterdir() if each.suffix == ".part"] == []
    with duckdb.connect() as connection:
        told = connection.sql(f"select * from '{parquet}' order by id").to_arrow_table().to_pylist()
    assert [row["decoded.value.id"] for row in told] == [1, 2**53 + 1]
    assert [row["decoded.value.total"] for row in told] == [12.5, 3.0]
    assert [row["decoded.value.lines"] for row in told] == [["a", "b"], []]
    assert [row["decoded.value.to.town"] for row in told] == ["Köln", None]
    assert [row['decoded.value.to."zip.code"'] for row in told] == [None, "01"]
    assert [row["decoded.value.paid"] for row in told] == [True, None]
    assert told[0]["timestamp"].year >= 2024


@pytest.mark.parametrize("kind", [BrokerKind.RABBITMQ])
def test_a_queue_says_its_price_and_keeps_its_messages(
    mqtui: Mqtui, broker_on: BrokerFixtureOn, kind: str, tmp_path: Path
) -> None:
    broker, file = broker_on(kind), tmp_path / "q.jsonl"
    ref = broker.world.create("lent")
    broker.world.put(ref, [Letter(value=b'{"n":%d}' % number) for number in range(5)])
    told = mqtui("export", broker.url, ref.name, "--where", ".n > 2", "--out", file).ok()
    assert "price: " in told.err and "2 messages of 5 read" in told.text
    assert [json.loads(line)["value"] for line in file.read_bytes().splitlines()] == ['{"n":3}', '{"n":4}']
    assert len(broker.world.contents(ref)) == 5
    again = ("export", broker.url, ref.name, "--out", tmp_path / "other")
    mqtui(*again, "--resume").fails(4, "have no position")
    mqtui(*again, "--until", "-1h").fails(2, "from its head only")


@pytest.mark.parametrize("kind", [BrokerKind.KAFKA])
def test_letters_of_a_cause_and_the_newest(mqtui: Mqtui, broker_on: BrokerFixtureOn, kind: str, tmp_path: Path) -> None:
    broker = broker_on(kind)
    dlq, origin = broker.create_pair(6)
    broker.add_dead_letters(dlq, origin, range(6, 9), "slow")
    causes = {row["message"]: row["cause_id"] for row in mqtui("dlq", broker.url, dlq.name, "--json").ok().rows()}
    slow = next(cause for message, cause in causes.items() if "no answer" in message)
    for name, words, numbers in (
        ("cause", ("--cause", slow[:4]), [6, 7, 8]),
        ("few", ("--cause", slow, "-n", 2), [6, 7]),
        ("newest", ("--from", "newest", "-n", 2), [7, 8]),
        ("place", ("--from", "0/7"), [7, 8]),
        ("past", ("--until", "-1h"), []),
    ):
        file = tmp_path / name
        mqtui("export", broker.url, dlq.name, *words, "--out", file).ok()
        rows = [json.loads(line) for line in file.read_bytes().splitlines()]
        assert [json.loads(row["value"])["number"] for row in rows] == numbers, name
    mqtui("export", broker.url, dlq.name, "--from", "newest", "--out", tmp_path / "x").fails(
        2, "The newest of how many"
    )
