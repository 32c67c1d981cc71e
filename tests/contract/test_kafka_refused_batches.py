"""One poison record: the broker refuses its whole batch, and only that record is refused in the end (K17, C54, C55)."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from mqtui.brokers.optional_port import BulkLease
from mqtui.brokers.port import Adapter
from mqtui.domain.capability import Verb
from mqtui.domain.figure import exact
from mqtui.domain.message import Offset, Outgoing
from mqtui.domain.plan import Send, Severity
from mqtui.domain.redrive import Guarantee, PublishStatus, Receipt, Strength, Transfer
from mqtui.domain.resource import Ref
from tests.contract.asking import a_plan, publish, writing
from tests.contract.kafka_cluster import GuardedRedrive, KafkaCluster
from tests.contract.test_kafka_bulk_move import ORIGIN_TOPIC, RouteChoice

DAY = 86_400_000
COMPACTED = {"cleanup.policy": "compact"}


def fill(kafka: KafkaCluster, ref: Ref, home: Ref, count: int, poisoned: Sequence[int], partitions: int = 1) -> None:
    """Numbered letters that came from `home`; the poisoned ones have no key."""
    producer = kafka.producer(linger_ms=20)
    for number in range(count):
        key = None if number in poisoned else b"key %d" % number
        headers: list[tuple[str, str | bytes | None]] = [(ORIGIN_TOPIC, home.name.encode())]
        producer.produce(ref.name, b"%06d" % number, key, number % partitions, headers=headers)
    assert producer.flush(30) == 0


def configure(kafka: KafkaCluster, ref: Ref, settings: Mapping[str, str]) -> None:
    """Change a topic while a run holds its letters."""
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in settings.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, ref.name, incremental_configs=entries)
    for promise in kafka.admin.incremental_alter_configs([resource]).values():
        promise.result(30)
    deadline = time.monotonic() + 30
    while not settings.items() <= in_force(kafka, ref).items():
        assert time.monotonic() < deadline, f"{ref} has other settings"
        time.sleep(0.05)


def in_force(kafka: KafkaCluster, ref: Ref) -> dict[str, str]:
    """The settings of a topic, as its broker knows them."""
    (promise,) = kafka.admin.describe_configs([ConfigResource(ResourceType.TOPIC, ref.name)]).values()
    return {name: entry.value for name, entry in promise.result(30).items()}


def numbers(kafka: KafkaCluster, ref: Ref) -> Counter[int]:
    return Counter(int(value) for value in kafka.values(ref))


def refused(receipts: Sequence[Receipt]) -> list[int]:
    assert {receipt.state for receipt in receipts} <= {PublishStatus.STORED, PublishStatus.REFUSED}
    return [place for place, receipt in enumerate(receipts) if receipt.state is PublishStatus.REFUSED]


@pytest.mark.parametrize("poisoned", [(5,), (0,), (7,), (2, 5), (3, 4), tuple(range(8))], ids=str)
async def test_letters_without_a_key_stay_and_the_others_go(
    kafka: KafkaCluster, kafka_adapter: Adapter, poisoned: tuple[int, ...]
) -> None:
    """C54: one of eight, several, neighbours, all; a second run finds the refused ones only."""
    dlq, home = kafka.topic("dlq"), kafka.topic("home", config=COMPACTED)
    fill(kafka, dlq, home, 8, poisoned)
    receipts = await GuardedRedrive(kafka_adapter, dlq, home).move_all()
    assert refused(receipts) == list(poisoned)
    assert all("INVALID_RECORD" in receipts[place].reason for place in poisoned)
    assert numbers(kafka, home) == Counter(set(range(8)) - {*poisoned})
    assert (await kafka_adapter.broker.snapshot(dlq)).count.number == len(poisoned)
    again = await GuardedRedrive(kafka_adapter, dlq, home).move_all()
    assert refused(again) == list(range(len(poisoned)))
    assert numbers(kafka, home) == Counter(set(range(8)) - {*poisoned})


@pytest.mark.parametrize("poisoned", [(5,), (0, 199), (17, 18, 90, 150)], ids=str)
async def test_a_refusal_that_no_setting_foretold_is_found_by_halving(
    kafka: KafkaCluster, kafka_adapter: Adapter, poisoned: tuple[int, ...]
) -> None:
    """K17: the topic is compacted after the lease began. Only the poisoned stay, and the order is kept."""
    dlq, home = kafka.topic("dlq"), kafka.topic("home")
    fill(kafka, dlq, home, 200, poisoned)
    run = GuardedRedrive(kafka_adapter, dlq, home)
    async with run.lease() as lease:
        (batch,) = [batch async for batch in lease.batches(1000)]
        configure(kafka, home, COMPACTED)
        receipts = list(await lease.move(run.transfers(batch)))
    assert refused(receipts) == list(poisoned)
    assert [int(value) for value in kafka.values(home)] == [at for at in range(200) if at not in poisoned]
    assert (await kafka_adapter.broker.snapshot(dlq)).count.number == len(poisoned)


@pytest.mark.parametrize("foretold", [True, False])
async def test_one_of_many_raw_records_is_refused_alone(
    kafka: KafkaCluster, kafka_adapter: Adapter, foretold: bool
) -> None:
    """C54 on the bulk path, three partitions on both sides."""
    dlq, home = kafka.topic("dlq", 3), kafka.topic("home", 3, COMPACTED if foretold else {})
    fill(kafka, dlq, home, 600, (100, 301), 3)
    async with GuardedRedrive(kafka_adapter, dlq, home).lease() as lease:
        assert isinstance(lease, BulkLease)
        (load,) = [load async for load in lease.raw_batches(1000, RouteChoice(dlq, home).routes())]
        configure(kafka, home, COMPACTED)
        carried = await lease.move_raw(load)
    others = {str(place): receipt for place, _, receipt in carried.others}
    assert {place: receipt.state for place, receipt in others.items()} == {
        str(Offset(1, 33)): PublishStatus.REFUSED,
        str(Offset(1, 100)): PublishStatus.REFUSED,
    }
    assert all("INVALID_RECORD" in receipt.reason for receipt in others.values())
    assert len(carried.moved) == 598
    assert numbers(kafka, home) == Counter(set(range(600)) - {100, 301})


async def test_without_transactions_one_is_refused_alone_too(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K2, C54: at least once, by the idempotent producer."""
    dlq, home = kafka.topic("dlq"), kafka.topic("home", config=COMPACTED)
    fill(kafka, dlq, home, 50, (20,))
    run = GuardedRedrive(kafka_adapter, dlq, home)
    source, plan = await run.plan()
    plan = replace(plan, guarantee=Guarantee(Strength.AT_LEAST_ONCE, "at least once"))
    async with run.lease((source, plan)) as lease:
        (batch,) = [batch async for batch in lease.batches(1000)]
        receipts = list(await lease.move(run.transfers(batch)))
    assert refused(receipts) == [20]
    assert numbers(kafka, home) == Counter(set(range(50)) - {20})


@pytest.mark.parametrize("poisoned", [(1,), (0, 2), (0, 1, 2)], ids=str)
async def test_a_line_without_a_key_is_refused_alone(
    kafka: KafkaCluster, kafka_adapter: Adapter, poisoned: tuple[int, ...]
) -> None:
    """C55: three lines for a compacted topic."""
    home = kafka.topic("home", config=COMPACTED)
    lines = [Outgoing(home, b"%d" % at, None if at in poisoned else b"k") for at in range(3)]
    receipts = list(await publish(kafka_adapter, lines))
    assert refused(receipts) == list(poisoned)
    assert numbers(kafka, home) == Counter(set(range(3)) - {*poisoned})


async def test_a_published_record_is_found_by_halving(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K17: the topic is compacted after the publisher saw it first."""
    home = kafka.topic("home")
    plan = a_plan(kafka_adapter, Verb.PUBLISH, Send(home, exact(100)))
    async with writing(kafka_adapter, plan) as writer, writer.publisher() as publisher:
        await publisher.send([Outgoing(home, b"0", b"first")])
        configure(kafka, home, COMPACTED)
        lines = [Outgoing(home, b"%d" % at, None if at in (40, 70) else b"k") for at in range(1, 100)]
        first, second = list(await publisher.send(lines[:50])), list(await publisher.send(lines[50:]))
    assert (refused(first), refused(second)) == ([39], [19])
    assert numbers(kafka, home) == Counter(set(range(100)) - {40, 70})


@pytest.mark.parametrize("ahead", [-3 * DAY, 3 * DAY], ids=["old", "ahead"])
async def test_a_time_the_topic_does_not_take_is_refused_alone(
    kafka: KafkaCluster, kafka_adapter: Adapter, ahead: int
) -> None:
    """K7: `message.timestamp.before.max.ms` and `after.max.ms`, for letters that keep their time."""
    limits = {"message.timestamp.before.max.ms": str(DAY), "message.timestamp.after.max.ms": str(DAY)}
    dlq, home = kafka.topic("dlq"), kafka.topic("home", config=limits)
    fill(kafka, dlq, home, 30, ())
    now = int(time.time() * 1000)
    async with GuardedRedrive(kafka_adapter, dlq, home).lease() as lease:
        (batch,) = [batch async for batch in lease.batches(1000)]
        ways = [Transfer(one, home, timestamp=now + ahead if at == 9 else now) for at, one in enumerate(batch)]
        receipts = list(await lease.move(ways))
    assert refused(receipts) == [9]
    assert "TIMESTAMP" in receipts[9].reason
    assert numbers(kafka, home) == Counter(set(range(30)) - {9})


async def test_letters_too_large_for_a_limit_lowered_meanwhile(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K17: batches of many are too large by now, and so are two letters; those alone stay."""
    dlq, home = kafka.topic("dlq"), kafka.topic("home")
    producer = kafka.producer(linger_ms=20)
    for number in range(60):
        producer.produce(dlq.name, b"%06d" % number + b" " * (5000 if number in (7, 40) else 0), b"k")
    assert producer.flush(30) == 0
    run = GuardedRedrive(kafka_adapter, dlq, home)
    async with run.lease() as lease:
        (batch,) = [batch async for batch in lease.batches(1000)]
        configure(kafka, home, {"max.message.bytes": "700"})
        receipts = list(await lease.move(run.transfers(batch)))
    assert refused(receipts) == [7, 40]
    assert all("MSG_SIZE_TOO_LARGE" in receipts[place].reason for place in (7, 40))
    assert [int(value) for value in kafka.values(home)] == [at for at in range(60) if at not in (7, 40)]


@pytest.mark.parametrize("settings", [{}, {"compression.type": "gzip"}], ids=str)
async def test_a_letter_that_fits_compressed_moves(
    kafka: KafkaCluster, kafka_adapter: Adapter, settings: dict[str, str]
) -> None:
    """K18, C74: 3 MB of JSON lie in the source compressed; one of noise does not fit any way and stays alone."""
    limits = {"max.message.bytes": "500000", **settings}
    dlq, home = (
        kafka.topic("dlq", config={"max.message.bytes": "9000000", **settings}),
        kafka.topic("home", config=limits),
    )
    producer = kafka.producer(linger_ms=20, compression_type="zstd", message_max_bytes=9_000_000)
    values = [b"{}", b'{"order": 12345, "state": "declined"}' * 80_000, os.urandom(700_000), b"[]"]
    for number, value in enumerate(values):
        producer.produce(dlq.name, value, b"%d" % number)
    assert producer.flush(30) == 0
    run = GuardedRedrive(kafka_adapter, dlq, home)
    source, plan = await run.plan()
    plan = await kafka_adapter.broker.check_plan(
        source, replace(plan, largest=len(values[1]), risks=(), steps=plan.steps[1:])
    )
    (risk,) = [risk for risk in plan.risks if risk.name == "too-large"]
    assert (risk.severity, "may fit compressed" in risk.text) == (Severity.WARN, True)
    async with run.lease((source, plan)) as lease:
        batches = [batch async for batch in lease.batches(1000)]
        receipts = [receipt for batch in batches for receipt in await lease.move(run.transfers(batch))]
    assert refused(receipts) == [2]
    assert "MSG_SIZE_TOO_LARGE" in receipts[2].reason
    assert kafka.values(home) == [values[0], values[1], values[3]]


async def test_a_published_value_that_fits_compressed_is_stored(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K18, by the plain publisher: in order, and what does not fit is refused alone."""
    home = kafka.topic("home", config={"max.message.bytes": "500000"})
    values = [b"{}", b"text " * 400_000, os.urandom(700_000), b"[]"]
    receipts = list(await publish(kafka_adapter, [Outgoing(home, value, b"k") for value in values]))
    assert refused(receipts) == [2]
    assert kafka.values(home) == [values[0], values[1], values[3]]
