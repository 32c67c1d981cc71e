"""Reading topics: where a read ends, what it never creates, order over partitions, odd bytes, silence (K8, K9, C10)."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import pytest
from confluent_kafka import Producer
from kafka import KafkaProducer

from mqtui.brokers.optional_port import ListsPartitions
from mqtui.brokers.port import Adapter, ReadsNewest
from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput, MqtuiError, NotFound
from mqtui.domain.figure import Exactness
from mqtui.domain.message import EntryId, Offset, Outgoing
from mqtui.domain.partitioner import partitions_of_key
from mqtui.domain.plan import Deliver
from mqtui.domain.read_range import At, Edge, ReadRange, Since
from mqtui.domain.resource import Kind, Ref
from tests.contract.asking import a_plan, listed, publish, read
from tests.contract.kafka_cluster import GuardedRedrive, KafkaCluster, wait_until


class NonUtf8Name(str):
    """A header name that kafka-python sends in bytes that are not UTF-8."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return b"name-\xff"


@pytest.fixture
def writer(kafka: KafkaCluster) -> Producer:
    """Another program's transactional producer."""
    producer = kafka.producer(transactional_id=f"{kafka.prefix}.writer")
    producer.init_transactions(30)
    return producer


async def test_a_look_ends_at_the_last_stable_offset(
    kafka: KafkaCluster, kafka_adapter: Adapter, writer: Producer
) -> None:
    """K8: letters behind an open transaction are counted, not waited for, by look, snapshot and run."""
    source, target = kafka.topic("dlq"), kafka.topic("home")
    kafka.fill(source, 3)
    writer.begin_transaction()
    for _ in range(4):
        writer.produce(source.name, b"not yet", b"k")
    writer.flush(30)
    extent = await kafka_adapter.broker.reader.extent(source)
    assert extent.uncommitted == 4
    assert isinstance(kafka_adapter.broker, ListsPartitions)
    (part,) = await kafka_adapter.broker.list_partitions(source)
    assert (part.leader, part.replicas, part.in_sync, part.problem) == (1, (1,), (1,), "")
    assert (part.low, part.stable, part.high, part.note) == (0, 3, 7, "4 behind an open transaction")
    assert part.size.number
    assert extent.end == {0: Offset(0, 3)}
    assert len(await asyncio.wait_for(read(kafka_adapter, source), 10)) == 3
    assert len(await asyncio.wait_for(GuardedRedrive(kafka_adapter, source, target).move_all(), 20)) == 3
    writer.commit_transaction(30)
    wait_until(lambda: len(kafka.records(source)) == 7, 30, "the commit marker is in the topic")
    assert len(await read(kafka_adapter, source)) == 7


async def test_the_newest_of_many_topics_are_those_of_a_look_at_each(
    kafka: KafkaCluster, kafka_adapter: Adapter, writer: Producer
) -> None:
    """Behind markers, aborted and not yet committed records, over partitions; a topic that is not there is left out."""
    plain, marked, empty, hidden = (kafka.topic(stem, 3) for stem in ("plain", "marked", "empty", "hidden"))
    kafka.fill(plain, 10, partitions=3)
    kafka.fill(marked, 4, partitions=2)
    for ref in (marked, hidden):
        for number in range(7):
            writer.begin_transaction()
            writer.produce(ref.name, b"not this", b"k", number % 2)
            writer.flush(30)
            writer.abort_transaction(30)
    writer.begin_transaction()
    writer.produce(plain.name, b"not yet", b"k", 2)
    writer.flush(30)
    gone = Ref(Kind.TOPIC, f"{kafka.prefix}.gone")
    reader = kafka_adapter.broker.reader
    assert isinstance(reader, ReadsNewest)
    found = await reader.newest([plain, marked, empty, hidden, gone, Ref(Kind.QUEUE, "other")])
    writer.abort_transaction(30)
    alone = {
        ref: await read(kafka_adapter, ref, ReadRange(Edge.NEWEST), limit=1) for ref in (plain, marked, empty, hidden)
    }
    assert found == {ref: messages[0] if messages else None for ref, messages in alone.items()}
    assert [found[ref] is None for ref in (plain, marked, empty, hidden)] == [False, False, True, True]
    assert gone.name not in kafka.names()


async def test_a_look_ends_behind_markers_and_aborted_records(
    kafka: KafkaCluster, kafka_adapter: Adapter, writer: Producer
) -> None:
    """K8: by position; a count or a quiet poll would not tell."""
    ref = kafka.topic("mixed", 2)
    kafka.fill(ref, 10, partitions=2)
    for number in range(3):
        writer.begin_transaction()
        writer.produce(ref.name, b"%d" % number, b"k", 0)
        writer.flush(30)
        (writer.abort_transaction if number else writer.commit_transaction)(30)
    began = time.monotonic()
    assert len(await read(kafka_adapter, ref)) == 11
    newest = await read(kafka_adapter, ref, ReadRange(Edge.NEWEST, partition=0), limit=3)
    assert [message.value for message in newest][-1] == b"0"
    assert len(newest) == 3
    assert await read(kafka_adapter, ref, ReadRange(At(Offset(0, 8)))) == []
    assert time.monotonic() - began < 10


async def test_a_compacted_topic_is_an_estimate(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """Figures: end minus first offset is exact only where it is 0."""
    full, empty = kafka.topic("full"), kafka.topic("empty")
    kafka.fill(full, 5)
    rows = await listed(kafka_adapter)
    assert (rows[full].messages.number, rows[full].messages.sort) == (5, Exactness.ABOUT)
    assert (rows[empty].messages.number, rows[empty].messages.sort) == (0, Exactness.EXACT)
    assert rows[full].messages.why
    said = {(each.part, each.name): each for each in await kafka_adapter.broker.catalog.list_properties(full)}
    assert said["partition", "0"].value == "leader 1 · replicas 1 · in sync 1 · offsets 0 to 5"
    assert (said["config", "retention.ms"].value, said["config", "retention.ms"].source) == ("604800000", "default")
    internal = {ref.name for ref, row in rows.items() if row.internal}
    assert full.name not in internal
    assert all(name in internal for name in (ref.name for ref in rows) if name.startswith("__"))


async def test_a_key_goes_where_its_client_sends_it(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """By the default of librdkafka, and by its other name for the partitioner of Java."""
    names = ("consistent_random", "murmur2_random")
    topics = {name: kafka.topic(name.partition("_")[0], 7) for name in names}
    keys = [f"key-{number}-ü".encode() for number in range(60)]
    for name, ref in topics.items():
        producer = kafka.producer(partitioner=name)
        for key in keys:
            producer.produce(ref.name, b"", key)
        assert producer.flush(30) == 0
    for at, name in enumerate(("murmur2_random", "consistent_random")):
        stored = {(record.key, record.position.partition) for record in await read(kafka_adapter, topics[name])}  # type: ignore[union-attr]
        assert stored == {(key, partitions_of_key(key, 7)[at].partition) for key in keys}


async def test_looking_creates_nothing(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K9: on a broker that creates topics by itself, no look, plan, refusal or publish does."""
    there = kafka.topic("there")
    kafka.fill(there, 2)
    before = kafka.names()
    broker = kafka_adapter.broker
    missing = [Ref(Kind.TOPIC, f"{kafka.prefix}.missing"), Ref(Kind.TOPIC, "with space"), Ref(Kind.TOPIC, "größe 🧵")]
    for ref in (*missing, Ref(Kind.TOPIC, "\udcff"), Ref(Kind.QUEUE, there.name), Ref(Kind.TOPIC, "x" * 300)):
        looks = (broker.catalog.describe(ref), broker.catalog.list_properties(ref), broker.reader.extent(ref))
        for look in (*looks, broker.snapshot(ref)):
            with pytest.raises(NotFound):
                await look
        for batches in (broker.reader.read(ref, ReadRange(), limit=1), broker.reader.tail(ref)):
            with pytest.raises(NotFound):
                await anext(aiter(batches))
        with pytest.raises(NotFound):
            await broker.can(Verb.PEEK, ref)
        with pytest.raises(NotFound):
            await publish(kafka_adapter, [Outgoing(ref, b"x")])
    with pytest.raises(NotFound):
        await broker.reader.extent(there, 7)
    source = await broker.snapshot(there)
    plan = a_plan(kafka_adapter, Verb.REDRIVE, Deliver(missing[0], source.count))
    (risk,) = [risk for risk in (await broker.check_plan(source, plan)).risks if risk.name == "no-target"]
    assert risk.final
    await broker.groups.list_groups(there)
    assert kafka.names() == before


async def test_a_move_describes_its_target_first(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K9: a target that went away since the plan is not created by the first letter, and nothing is marked."""
    source, target = kafka.topic("dlq"), kafka.topic("home")
    kafka.fill(source, 3)
    run = GuardedRedrive(kafka_adapter, source, target)
    with pytest.raises(NotFound):
        async with run.lease() as lease:
            kafka.admin.delete_topics([target.name])[target.name].result(30)
            async for batch in lease.batches(10):
                await lease.move(run.transfers(batch))
    assert target.name not in kafka.names()
    assert (await kafka_adapter.broker.snapshot(source)).count.number == 3


async def test_a_topic_made_after_it_was_missed_is_seen(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """A long-lived console asks for a name before it exists, and again after."""
    name = f"{kafka.prefix}.dlq1"
    with pytest.raises(NotFound):
        await kafka_adapter.broker.catalog.describe(Ref(Kind.TOPIC, name))
    ref = kafka.topic("dlq")
    assert ref.name == name
    kafka.fill(ref, 2)
    assert len(await read(kafka_adapter, ref)) == 2


async def test_partitions_are_merged_by_time(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """The last and the first n over all partitions, oldest first."""
    ref = kafka.topic("merged", 3)
    producer = kafka.producer()
    for number in range(60):
        producer.produce(ref.name, b"%d" % number, b"k", (number * 7) % 3, timestamp=1_700_000_000_000 + number)
    assert producer.flush(30) == 0
    newest = await read(kafka_adapter, ref, ReadRange(Edge.NEWEST), limit=10)
    assert [message.value for message in newest] == [b"%d" % number for number in range(50, 60)]
    oldest = await read(kafka_adapter, ref, ReadRange(Edge.OLDEST), limit=10)
    assert [message.value for message in oldest] == [b"%d" % number for number in range(10)]
    since = await read(kafka_adapter, ref, ReadRange(Since(1_700_000_000_020), until=1_700_000_000_025), limit=100)
    assert [message.value for message in since] == [b"%d" % number for number in range(20, 25)]
    last = await read(kafka_adapter, ref, ReadRange(Edge.NEWEST, until=1_700_000_000_025), limit=2)
    assert [message.value for message in last] == [b"23", b"24"]
    after = await read(kafka_adapter, ref, ReadRange(after={0: 20, 1: 20, 2: 19}))
    assert len(after) == 1
    with pytest.raises(BadInput):
        await read(kafka_adapter, ref, ReadRange(At(Offset(-1, 3))))
    with pytest.raises(BadInput):
        await read(kafka_adapter, ref, ReadRange(At(EntryId(1, 1))))


async def test_batches_are_small(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """The port: at most 1,000 messages or 1 MiB a batch; a larger message comes alone."""
    ref = kafka.topic("large", config={"max.message.bytes": "25000000"})
    producer = kafka.producer(message_max_bytes=30_000_000)
    producer.produce(ref.name, b"x" * 20_000_000)
    for _ in range(2_500):
        producer.produce(ref.name, b"y" * 1_000)
    assert producer.flush(60) == 0
    sizes = [
        (len(batch), sum(message.size for message in batch))
        async for batch in kafka_adapter.broker.reader.read(ref, ReadRange(), limit=None)
    ]
    assert sizes[0] == (1, 20_000_000)
    assert all(count <= 1_000 and size <= 1 << 20 for count, size in sizes[1:])
    assert sum(count for count, _ in sizes) == 2_501


async def test_headers_that_are_not_utf8_are_shown_and_never_moved_in_part(
    kafka: KafkaCluster, kafka_adapter: Adapter
) -> None:
    """confluent-kafka can't hand such a name out: the record is shown, and a move refuses it rather than losing it."""
    source, target = kafka.topic("dlq"), kafka.topic("home")
    other = KafkaProducer(bootstrap_servers=kafka.servers["bootstrap.servers"])
    other.send(source.name, b"odd", headers=[(NonUtf8Name("name"), b"1")], partition=0).get(30)
    other.close()
    kafka.fill(source, 1)
    odd, plain = await read(kafka_adapter, source)
    assert odd.value == b"odd"
    assert [kind for _, _, kind in odd.headers] == ["unreadable"]
    first, second = await GuardedRedrive(kafka_adapter, source, target).move_all()
    assert (first.state, second.state) == ("refused", "stored")
    assert "UTF-8" in first.reason
    assert kafka.values(target) == [plain.value]


async def test_a_tail_follows_and_closes_at_once(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """C10: from the end on; closing does not wait for another record."""
    ref = kafka.topic("live", 2)
    kafka.fill(ref, 5)
    tail = aiter(kafka_adapter.broker.reader.tail(ref))
    coming = asyncio.ensure_future(anext(tail))
    await asyncio.sleep(0)
    number = 100
    while not coming.done():
        kafka.fill(ref, 1, first=number)
        number += 1
        await asyncio.wait({coming}, timeout=0.1)
    assert coming.result()[0].value not in {b"letter %06d" % known for known in range(5)}
    began = time.monotonic()
    await tail.aclose()  # type: ignore[attr-defined]  # an async generator behind the port's AsyncIterator
    assert time.monotonic() - began < 1


SILENT = """
import asyncio, sys
from mqtui.brokers.registry import connect
from mqtui.brokers.port import Address
from mqtui.domain.errors import MqtuiError
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.read_range import ReadRange

async def main() -> None:
    good = connect(Address(BrokerKind.KAFKA, (("127.0.0.1", int(sys.argv[1])),)))
    print((await good.broker.catalog.describe_cluster()).version)
    async for page in good.broker.catalog.list_destinations():
        pass
    async for batch in good.broker.reader.read(Ref(Kind.TOPIC, sys.argv[2]), ReadRange(), limit=3):
        print(len(batch))
    await good.close()
    dead = connect(Address(BrokerKind.KAFKA, (("127.0.0.1", 1),)))
    try:
        await dead.broker.catalog.describe_cluster()
    except MqtuiError as error:
        print(type(error).__name__, error.title)
    await dead.close()

asyncio.run(main())
"""


def test_nothing_is_written_to_descriptor_2(kafka: KafkaCluster) -> None:
    """Librdkafka's log would tear the screen."""
    ref = kafka.topic("quiet")
    kafka.fill(ref, 3)
    port = str(kafka.address.hosts[0][1])
    ran = subprocess.run(
        [sys.executable, "-c", SILENT, port, ref.name], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stderr == ""
    assert "Unreachable" in ran.stdout


async def test_options_are_checked(kafka: KafkaCluster) -> None:
    """An option librdkafka does not know, and one that mqtui's guarantees depend on."""
    for options in ({"no.such.option": "1"}, {"isolation.level": "read_uncommitted"}, {"plain": "1"}):
        adapter = kafka.adapter(options=options)
        with pytest.raises(BadInput):
            await adapter.broker.catalog.describe_cluster()
        await adapter.close()
    fine = kafka.adapter(options={"socket.keepalive.enable": "true"})
    assert (await fine.broker.catalog.describe_cluster()).nodes == 1
    await fine.close()


async def test_a_plain_client_at_a_tls_door_hears_why(kafka: KafkaCluster) -> None:
    """A refused TLS is told as such."""
    adapter = kafka.adapter(tls=True)
    with pytest.raises(MqtuiError) as refused:
        await adapter.broker.catalog.describe_cluster()
    assert type(refused.value).__name__ == "TlsRefused"
    await adapter.close()
