"""Open transactions are told with whose they are and what they hold back, and one is aborted by a plan (K22)."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from confluent_kafka import KafkaException

from mqtui.brokers.optional_port import ListsTransactions, TellsAges
from mqtui.brokers.port import Adapter
from mqtui.domain.capability import Verb
from mqtui.domain.errors import Refused
from mqtui.domain.figure import unknown
from mqtui.domain.plan import AbortTransaction
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import GroupLag, PartitionLag
from mqtui.domain.transactions import OpenTransaction
from mqtui.services.decoding import PLAIN
from mqtui.services.session import open_session
from mqtui.services.stuck_record import StuckRecord, inspect_stuck_record
from tests.contract.asking import a_plan, writing
from tests.contract.kafka_cluster import WAIT, KafkaCluster
from tests.contract.test_kafka_groups import transact


async def open_in(adapter: Adapter, ref: Ref) -> list[OpenTransaction]:
    assert isinstance(adapter.broker, ListsTransactions)
    found = await adapter.broker.open_transactions(ref)
    assert found.missing == ()
    return list(found)


async def abort(adapter: Adapter, transaction: OpenTransaction) -> tuple[str, ...]:
    step = AbortTransaction(transaction)
    async with writing(adapter, a_plan(adapter, Verb.ABORT, step)) as writer:
        return (await writer.apply(step)).notes


async def test_an_open_transaction_is_listed_and_aborted(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """Its producer is fenced, what it wrote is never seen; what is planned is aborted once, and nothing else."""
    ref, quiet = kafka.topic("held", 2), kafka.topic("quiet")
    kafka.fill(quiet, 1)
    transact(kafka, ref, 2, "committed")
    producer = transact(kafka, ref, 6, "open")
    assert not await open_in(kafka_adapter, quiet)
    (found,) = await open_in(kafka_adapter, ref)
    now = time.time()
    assert (found.transactional_id, found.state, found.word(now)) == (f"{kafka.prefix}.open", "Ongoing", "open")
    assert [(part.partition, part.start in (2, 3)) for part in found.parts] == [(0, True)], "beside the other's marker"
    assert found.timeout_ms == 600_000
    assert found.since is not None and abs(now - found.since / 1000) < 60
    assert found.last_record is not None and abs(now - found.last_record / 1000) < 60
    assert isinstance(kafka_adapter.broker, ListsTransactions)
    everywhere = await kafka_adapter.broker.open_transactions()
    assert found.transactional_id in [each.transactional_id for each in everywhere]
    with pytest.raises(Refused, match="has ended"):
        await abort(kafka_adapter, replace(found, since=1))
    assert len(await open_in(kafka_adapter, ref)) == 1
    await abort(kafka_adapter, found)
    assert not await open_in(kafka_adapter, ref)
    with pytest.raises(KafkaException):
        producer.commit_transaction(WAIT)
    assert kafka.values(ref) == [b"0", b"1"]
    with pytest.raises(Refused, match="has ended"):
        await abort(kafka_adapter, found)


async def test_a_transaction_that_no_coordinator_lists_gets_abort_markers(
    kafka: KafkaCluster, kafka_adapter: Adapter
) -> None:
    ref = kafka.topic("held")
    transact(kafka, ref, 6, "open")
    (found,) = await open_in(kafka_adapter, ref)
    assert await abort(kafka_adapter, replace(found, transactional_id="", state="")) == (
        "abort markers in 1 partition",
    )
    assert not await open_in(kafka_adapter, ref)
    assert kafka.values(ref) == []


def waiting(ref: Ref, committed: int, end: int) -> GroupLag:
    """A group that stands somewhere in partition 0."""
    part = PartitionLag(ref, 0, str(committed), str(end), unknown("not asked"))
    return GroupLag(Ref(Kind.GROUP, "shipping"), "Stable", (replace(part, lag=replace(part.lag, number=1)),), part.lag)


async def look(kafka: KafkaCluster, lag: GroupLag) -> StuckRecord:
    async with open_session(kafka.url) as session:
        found = await inspect_stuck_record(session, PLAIN, lag, lag.parts[0])
    assert found is not None
    return found


async def test_what_a_group_is_stuck_on(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """The record, what sets it apart, how old it is and when it is deleted; or the transaction in front of it."""
    ref = kafka.topic("orders", config={"retention.ms": "3600000"})
    producer = kafka.producer(linger_ms=20)
    for number in range(40):
        poison = number == 30
        value = b'{"id": %d, "total": 3}' % number if poison else b'{"id": %d, "amount": 3}' % number
        producer.produce(ref.name, value, b"u%d" % number, 0)
    assert producer.flush(WAIT) == 0
    transact(kafka, ref, 3, "open")
    found = await look(kafka, waiting(ref, 30, 43))
    assert found.message is not None and found.message.value == b'{"id": 30, "total": 3}'
    assert found.differences == 'unlike the 30 before it: without "amount", with "total"'
    assert found.transactions == ()
    assert any(line.startswith("the first unread are deleted in ") for line in found.describe(time.time()))
    plain = await look(kafka, waiting(ref, 29, 43))
    assert plain.differences == "" and "in form like the 29 before it" in plain.describe(time.time())
    behind = await look(kafka, waiting(ref, 40, 43))
    assert behind.message is None
    told = " ".join(behind.describe(time.time()))
    assert f"a transaction of {kafka.prefix}.open is in front of it: open since" in told and f"{ref.name}-0@40" in told


async def test_ages_of_records_and_retention(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    ref, compacted = (
        kafka.topic("aged", 2, {"retention.ms": "3600000"}),
        kafka.topic("c", 1, {"cleanup.policy": "compact"}),
    )
    kafka.fill(ref, 6, partitions=2)
    reader = kafka_adapter.broker.reader
    assert isinstance(reader, TellsAges)
    times = await reader.times_from(ref, {0: 1, 1: 3, 7: 0})
    assert list(times) == [0] and abs(time.time() - times[0] / 1000) < 60
    assert await reader.retention(ref) == 3_600_000
    assert await reader.retention(compacted) is None
