"""Bundles and journals that were damaged: each face says what is left, and plans no more than that."""

from __future__ import annotations

import base64
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.broker_fixtures import BrokerFixture
from tests.cli.command_line import Mqtui

COUNT = 1_200


def halved(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flipped(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 1
    file.write_bytes(whole)


def bundle_of(mqtui: Mqtui) -> Path:
    (file,) = (mqtui.folder / "state" / "bundles").glob("*.bundle")
    return file


def moved(mqtui: Mqtui, broker: BrokerFixture) -> tuple[str, int]:
    """A run of letters, and the count of what lies in its source afterwards."""
    dlq, _ = broker.create_pair(COUNT)
    told = mqtui("redrive", broker.url, dlq.name, "--rate", 400, "--yes", "--json").ok().rows()[-1]
    assert told["moved"] == COUNT
    return told["run"], len(broker.world.contents(dlq))


@pytest.mark.parametrize("spoil", [halved, flipped])
@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_a_damaged_bundle_gives_what_it_still_has(
    mqtui: Mqtui, broker_on: Callable[[str], BrokerFixture], kind: str, spoil: Callable[[Path], None]
) -> None:
    broker = broker_on(kind)
    dlq, _ = broker.create_pair(COUNT)
    run = mqtui("redrive", broker.url, dlq.name, "--rate", 400, "--yes", "--json").ok().rows()[-1]["run"]
    spoil(bundle_of(mqtui))
    plan = mqtui("runs", "putback", run, "--dry-run", "--json").ok().rows()[0]["plan"]
    left = plan["count"]
    assert 0 < left < COUNT
    (said,) = [risk["text"] for risk in plan["risks"] if risk["name"] == "bundle"]
    assert said.startswith("the bundle is damaged from letter ")
    assert f": {left:,} of {COUNT:,} can be put back" in said
    done = mqtui("runs", "putback", run, "--yes", "--json")
    assert done.rows()[-1]["moved"] == left
    assert len(broker.world.contents(dlq)) == left


def test_an_emptied_bundle_and_a_lost_one_are_refused(mqtui: Mqtui, redis: BrokerFixture) -> None:
    run, _ = moved(mqtui, redis)
    file = bundle_of(mqtui)
    whole = file.read_bytes()
    file.write_bytes(b"")
    refused = f"0 of {COUNT:,} can be put back"
    mqtui("runs", "putback", run, "--dry-run").fails(4, "the bundle was emptied", refused)
    file.unlink()
    mqtui("runs", "putback", run, "--dry-run").fails(4, "the bundle is gone")
    file.write_bytes(whole)
    mqtui.bundle_key = base64.urlsafe_b64encode(os.urandom(32)).decode()
    mqtui("runs", "putback", run, "--dry-run").fails(4, "another key")


def test_a_flipped_byte_in_the_journal_is_called_damage(mqtui: Mqtui, redis: BrokerFixture) -> None:
    run, _ = moved(mqtui, redis)
    journal = mqtui.folder / "state" / "runs.sqlite"
    with closing(sqlite3.connect(journal)) as folding:
        folding.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = journal.read_bytes()
    journal.write_bytes(whole[:16] + b"\xff" * 200 + whole[216:])
    for words in (("runs",), ("runs", "show", run), ("runs", "putback", run, "--dry-run")):
        told = mqtui(*words)
        assert told.code not in (0, 70)
        assert "damaged" in told.err
        assert "Traceback" not in told.err
