"""Groups of every kind and their lag (K14, K16)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, ShareConsumer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from mqtui.brokers.kafka.connection.broker_connections import BrokerConnections
from mqtui.brokers.kafka.connection.bulk_metadata import Topology
from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.read import committed_offsets, offsets
from mqtui.brokers.kafka.read.bulk_offsets import list_offsets_in_bulk
from mqtui.brokers.kafka.read.lag import NOT_BEGUN
from mqtui.brokers.kafka.read.topic_listing import list_partitions
from mqtui.brokers.port import Adapter, CountsLag
from mqtui.domain.figure import exact
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import Group, GroupLag
from mqtui.services import lag
from tests.contract.asking import eventually, listed
from tests.contract.kafka_cluster import WAIT, GuardedRedrive, KafkaCluster, wait_until


@contextmanager
def keep_polling(poll: Callable[[float], object], close: Callable[[], object]) -> Iterator[None]:
    """Keep a consumer alive in a thread until the end of the block."""
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            poll(0.2)
        close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


async def lag_of(adapter: Adapter, name: str) -> GroupLag:
    (row,) = [row async for row in adapter.broker.groups.lag([Ref(Kind.GROUP, name)])]
    return row


async def group_of(adapter: Adapter, name: str) -> Group | None:
    found = [group for group in await adapter.broker.groups.list_groups() if group.ref.name == name]
    return found[0] if found else None


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
async def test_members_and_what_they_read(kafka: KafkaCluster, kafka_adapter: Adapter, protocol: str) -> None:
    """Classic and KIP-848 groups; what was never committed is unknown, not 0 (K14)."""
    ref = kafka.topic("work", 2)
    kafka.fill(ref, 10, partitions=2)
    name = f"{kafka.prefix}.{protocol}"
    config = kafka.servers | {"group.id": name, "group.protocol": protocol, "enable.auto.commit": False}
    consumer = Consumer(config | {"client.id": "reader"})
    consumer.subscribe([ref.name])
    with keep_polling(consumer.poll, consumer.close):

        async def stable() -> bool:
            group = await group_of(kafka_adapter, name)
            return group is not None and group.state == "Stable" and any(one.assigned for one in group.members)

        await eventually(stable, "the group is stable")
        group = await group_of(kafka_adapter, name)
        assert group is not None
        assert group.type == protocol
        assert group.reads == (ref,)
        (member,) = group.members
        assert member.client == "reader"
        assert member.assigned == ((ref.name, 0), (ref.name, 1))
        row = await lag_of(kafka_adapter, name)
        assert row.state == "Stable"
        assert [(part.partition, part.committed, part.end) for part in row.parts] == [(0, "", "5"), (1, "", "5")]
        assert not row.total.known
        assert "committed" in row.total.why


async def test_lag_is_counted_from_what_is_committed(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K14: exact by partition; a commit behind the end says that the topic was cut, never a negative lag."""
    ref = kafka.topic("work", 3)
    kafka.fill(ref, 30, partitions=3)
    name = f"{kafka.prefix}.slow"
    places = [TopicPartition(ref.name, 0, 4), TopicPartition(ref.name, 1, 10), TopicPartition(ref.name, 2, 99)]
    wanted = [ConsumerGroupTopicPartitions(name, places)]

    async def committed() -> bool:
        told = kafka.admin.alter_consumer_group_offsets(wanted)[name].result(WAIT)
        return all(place.error is None for place in told.topic_partitions)

    await eventually(committed, "the coordinator takes the offsets")
    row = await lag_of(kafka_adapter, name)
    assert [part.lag.number for part in row.parts] == [6, 0, None]
    assert "99" in row.parts[2].lag.why
    assert str(row.total) == "≈ 6"
    assert lag.check_lag([row], warn=None, fail=100).failed
    groups = await kafka_adapter.broker.groups.list_groups(ref)
    assert [group.ref.name for group in groups] == [name]
    assert not await kafka_adapter.broker.groups.list_groups(kafka.topic("other"))


async def test_a_group_nobody_knows_lags_unknown(kafka_adapter: Adapter, kafka: KafkaCluster) -> None:
    """K14: unknown with the reason, so that `lag --fail` fails."""
    row = await lag_of(kafka_adapter, f"{kafka.prefix}.nobody")
    assert not row.total.known
    assert row.total.why == "there is no such group"


async def test_share_groups_are_listed_and_told_apart(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K16, C35: members, what they read, state and lag as their coordinator tells them; one without progress is `?`."""
    ref = kafka.topic("work")
    name = f"{kafka.prefix}.share"
    consumer = ShareConsumer(kafka.servers | {"group.id": name, "log_level": 0})
    consumer.subscribe([ref.name])
    with keep_polling(consumer.poll, consumer.close):

        async def reading() -> bool:
            found = await group_of(kafka_adapter, name)
            return found is not None and any(member.assigned for member in found.members)

        await eventually(reading, "the share group reads")
        group = await group_of(kafka_adapter, name)
        assert group is not None
        assert (group.type, group.state, group.why, group.reads) == ("share", "Stable", "", (ref,))
        assert [member.assigned for member in group.members] == [((ref.name, 0),)]

        row = await lag_of(kafka_adapter, name)
        assert (row.state, row.total.known, row.total.why) == ("Stable", False, NOT_BEGUN)
        kafka.fill(ref, 3)

        async def done() -> bool:
            await group_of(kafka_adapter, name)
            return (await lag_of(kafka_adapter, name)).total == exact(0)

        await eventually(done, "it has read all three")

    async def left() -> bool:
        found = await group_of(kafka_adapter, name)
        return found is not None and found.state == "Empty"

    await eventually(left, "the group has no members")
    kafka.fill(ref, 7)
    await group_of(kafka_adapter, name)
    row = await lag_of(kafka_adapter, name)
    assert (row.state, [(part.partition, str(part.lag)) for part in row.parts]) == ("Empty", [(0, "≤ 7")])


async def test_many_partitions_are_asked_in_chunks(
    kafka: KafkaCluster, kafka_adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K14: chunks sent together, no partition lost between them."""
    monkeypatch.setattr(offsets, "CHUNK", 7)
    ref = kafka.topic("wide", 30)
    kafka.fill(ref, 60, partitions=30)
    assert (await listed(kafka_adapter))[ref].messages.number == 60


async def test_offsets_in_bulk_are_those_that_librdkafka_gives(kafka: KafkaCluster) -> None:
    """First, end and last stable offsets; librdkafka is asked for what has no leader that is known."""
    ref = kafka.topic("bulk", 30)
    kafka.fill(ref, 90, partitions=30)
    transact(kafka, ref, 5, "open")
    keys, later = [(ref.name, number) for number in range(30)], (kafka.topic("later").name, 0)
    clients = KafkaClients(kafka.address)
    assert (await list_partitions(clients))[ref.name] == list(range(30))
    leaders = {ref.name: clients.topology.leaders[ref.name]}
    admin = await clients.admin()
    for spec, committed in (
        (OffsetSpec.earliest(), False),
        (OffsetSpec.latest(), False),
        (OffsetSpec.latest(), True),
    ):
        timestamp = int(spec._value)
        found = list_offsets_in_bulk(clients.connections, leaders, [*keys, later], timestamp, committed=committed)
        assert found == offsets.list_offsets_blocking(admin, keys, spec, committed=committed)
        clients.topology = Topology({}, leaders)
        both = await offsets.list_offsets(clients, [*keys * 4, later], spec, committed=committed)
        assert both == {**found, later: 0}
    assert found[keys[0]] == 3
    await clients.close()


def commit(kafka: KafkaCluster, name: str, ref: Ref, *offsets: int) -> None:
    """Committed offsets of an empty group, by partition."""
    places = [TopicPartition(ref.name, number, offset) for number, offset in enumerate(offsets)]
    wanted = [ConsumerGroupTopicPartitions(name, places)]
    wait_until(
        lambda: all(
            place.error is None
            for place in kafka.admin.alter_consumer_group_offsets(wanted)[name].result(WAIT).topic_partitions
        ),
        WAIT,
        "the coordinator takes the offsets",
    )


def test_commits_in_bulk_are_those_that_librdkafka_gives(kafka: KafkaCluster) -> None:
    """Many groups in one request: every commit, and none of a group that nobody knows."""
    ref, other = kafka.topic("bulk", 3), kafka.topic("bulk")
    names = [f"{kafka.prefix}.bulk.{number}" for number in range(10)]
    for name in names[:-2]:
        commit(kafka, name, ref, 1, 2, 300)
    commit(kafka, names[0], other, 7)
    with closing(BrokerConnections(kafka.address)) as connections:
        found = committed_offsets.fetch_in_bulk(connections, names)
        assert found[names[0]] == {(ref.name, 0): 1, (ref.name, 1): 2, (ref.name, 2): 300, (other.name, 0): 7}
        assert [found[name] for name in names[-2:]] == [{}, {}]
        admin = AdminClient(kafka.servers)
        for name in names:
            assert committed_offsets.fetch_committed_blocking(admin, connections, [name]) == {name: found[name]}


def transact(kafka: KafkaCluster, ref: Ref, count: int, end: str) -> Producer:
    """A transaction of so many records that was committed, aborted, or is left open."""
    producer = kafka.producer(transactional_id=f"{kafka.prefix}.{end}", transaction_timeout_ms=600_000)
    producer.init_transactions(WAIT)
    producer.begin_transaction()
    for number in range(count):
        producer.produce(ref.name, b"%d" % number, partition=0)
    assert producer.flush(WAIT) == 0
    if end == "committed":
        producer.commit_transaction(WAIT)
    elif end == "aborted":
        producer.abort_transaction(WAIT)
    return producer


async def count_and_judge(adapter: Adapter, name: str, limit: int) -> tuple[GroupLag, bool]:
    """The lag as a check with that limit sees it, and whether it passes."""
    groups = adapter.broker.groups
    assert isinstance(groups, CountsLag)
    row = await groups.count_lag(await lag_of(adapter, name))
    return row, not lag.check_lag([row], warn=None, fail=limit).failed


async def test_markers_and_aborted_records_are_a_bound_and_are_counted(
    kafka: KafkaCluster, kafka_adapter: Adapter
) -> None:
    """C48: 3 committed, 4 aborted, 2 markers, all read: at most 6, counted 0. An open transaction's are told (C45)."""
    ref, name = kafka.topic("work"), f"{kafka.prefix}.done"
    transact(kafka, ref, 3, "committed")
    transact(kafka, ref, 4, "aborted")
    commit(kafka, name, ref, 3)
    row = await lag_of(kafka_adapter, name)
    assert (str(row.total), row.uncommitted) == ("≤ 6", 0)
    assert lag.check_lag([row], warn=None, fail=7).failed == ()
    assert lag.check_lag([row], warn=None, fail=6).failed
    counted, passes = await count_and_judge(kafka_adapter, name, 1)
    assert (counted.total, passes) == (exact(0), True)
    opened = transact(kafka, ref, 6, "open")
    row = await lag_of(kafka_adapter, name)
    assert (str(row.total), row.uncommitted) == ("≤ 12", 6)
    assert lag.lag_notes(row) == ["6 not yet committed by their writer"]
    counted, passes = await count_and_judge(kafka_adapter, name, 1)
    assert (counted.total, counted.uncommitted, passes) == (exact(0), 6, True)
    _, plan = await GuardedRedrive(kafka_adapter, ref, kafka.topic("home")).plan()
    assert [risk.text[:33] for risk in plan.risks if risk.name == "uncommitted"] == [
        "6 letters in an open transaction,"
    ]
    opened.commit_transaction(WAIT)
    counted, passes = await count_and_judge(kafka_adapter, name, 6)
    assert (counted.total, counted.uncommitted, passes) == (exact(6), 0, False)


async def test_what_was_deleted_before_it_was_read_is_no_lag(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """C49: committed 2, first offset 6, end 10: 4 can be read, 4 are gone; and where all of it is gone."""
    ref, name = kafka.topic("work", 2), f"{kafka.prefix}.late"
    kafka.fill(ref, 20, partitions=2)
    cut = [TopicPartition(ref.name, 0, 6), TopicPartition(ref.name, 1, 10)]
    for promise in kafka.admin.delete_records(cut).values():
        promise.result(WAIT)
    commit(kafka, name, ref, 2, 2)
    row = await lag_of(kafka_adapter, name)
    assert [(str(part.lag), str(part.lost)) for part in row.parts] == [("≤ 4", "≤ 4"), ("0", "≤ 8")]
    assert lag.lag_notes(row.parts[0]) == ["≤ 4 deleted by retention"]
    assert (str(row.total), str(row.lost)) == ("≤ 4", "≤ 12")
    counted, _ = await count_and_judge(kafka_adapter, name, 4)
    assert [part.lag for part in counted.parts] == [exact(4), exact(0)]
    assert str(counted.lost) == "≤ 12"
