"""Letters that the broker or the library refuses stay, and their neighbours move; partitions of keys (K4, K6, C8)."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from mqtui.brokers.port import Adapter
from mqtui.domain.message import Header, Offset, Outgoing
from mqtui.domain.redrive import PublishStatus, Receipt, Transfer
from tests.brokers import Brokers
from tests.contract.asking import publish
from tests.contract.kafka_cluster import GuardedRedrive, KafkaCluster

JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
"""Keys and hashes of Apache Kafka's own UtilsTest.testMurmur2."""


def states(receipts: list[Receipt]) -> Counter[PublishStatus]:
    return Counter(receipt.state for receipt in receipts)


async def test_a_letter_too_large_stays_and_its_neighbours_go(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K4, C8: a target that takes less than one batch of the others, and two letters over its limit."""
    source, target = kafka.topic("dlq"), kafka.topic("home", config={"max.message.bytes": "2000"})
    producer = kafka.producer()
    for number in range(200):
        producer.produce(source.name, b"x" * (3000 if number in (50, 51) else 100), b"%d" % number)
    assert producer.flush(30) == 0
    receipts = await GuardedRedrive(kafka_adapter, source, target).move_all()
    assert states(receipts) == {PublishStatus.STORED: 198, PublishStatus.REFUSED: 2}
    assert [place for place, receipt in enumerate(receipts) if receipt.state is PublishStatus.REFUSED] == [50, 51]
    assert "max.message.bytes" in receipts[50].reason
    assert len(kafka.values(target)) == 198
    left = await kafka_adapter.broker.snapshot(source)
    assert left.count.number == 2
    assert not left.handled.has(0, 50)


async def test_letters_without_a_key_do_not_go_to_a_compacted_topic(
    kafka: KafkaCluster, kafka_adapter: Adapter
) -> None:
    """K13's cause, C8: the broker refuses them (INVALID_RECORD), the others go."""
    source, target = kafka.topic("dlq"), kafka.topic("home", config={"cleanup.policy": "compact"})
    producer = kafka.producer()
    for number in range(40):
        producer.produce(source.name, b"%d" % number, None if number % 10 == 0 else b"%d" % number)
    assert producer.flush(30) == 0
    receipts = await GuardedRedrive(kafka_adapter, source, target).move_all()
    assert states(receipts) == {PublishStatus.STORED: 36, PublishStatus.REFUSED: 4}
    assert len(kafka.values(target)) == 36
    assert (await kafka_adapter.broker.snapshot(source)).count.number == 4


async def test_a_letter_for_a_missing_partition_stays(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """C8: refused with the reason, before it reaches the library."""
    source, target = kafka.topic("dlq"), kafka.topic("home", 2)
    kafka.fill(source, 3)
    run = GuardedRedrive(kafka_adapter, source, target)
    async with run.lease() as lease:
        (batch,) = [batch async for batch in lease.batches(10)]
        ways = [
            Transfer(letter, target, partition=partition) for letter, partition in zip(batch, (1, 7, None), strict=True)
        ]
        first, second, third = await lease.move(ways)
    assert first.position == Offset(1, 0)
    assert (second.state, second.reason) == (PublishStatus.REFUSED, f"{target.name} has no partition 7")
    assert third.state is PublishStatus.STORED


@pytest.mark.parametrize("name", ["cut\0here", "\udcff"], ids=["NUL", "surrogate"])
async def test_header_names_the_library_can_not_carry_are_refused(
    kafka: KafkaCluster, kafka_adapter: Adapter, name: str
) -> None:
    """It would cut one at the NUL and die of the other [confluent-kafka 2.16.1: segmentation fault]."""
    source, target = kafka.topic("dlq"), kafka.topic("home")
    kafka.fill(source, 2)
    header: Header = (name, b"1", "")
    (refused, fine) = await publish(kafka_adapter, [Outgoing(target, b"a", headers=(header,)), Outgoing(target, b"b")])
    assert (refused.state, fine.state) == (PublishStatus.REFUSED, PublishStatus.STORED)
    run = GuardedRedrive(kafka_adapter, source, target)
    async with run.lease() as lease:
        (batch,) = [batch async for batch in lease.batches(10)]
        ways = [Transfer(batch[0], target, added=(header,)), Transfer(batch[1], target)]
        assert states(list(await lease.move(ways))) == {PublishStatus.REFUSED: 1, PublishStatus.STORED: 1}
    assert len(kafka.values(target)) == 2


async def test_what_is_stripped_and_added_is_what_outgoing_says(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """The short way of a move and `Transfer.outgoing()` are one: headers, duplicates, partition, time."""
    source, target = kafka.topic("dlq"), kafka.topic("home", 3)
    producer = kafka.producer()
    headers: list[tuple[str, str | bytes | None]] = [
        ("a", b"1"),
        ("b", b"\xff"),
        ("a", b"2"),
        ("none", None),
        ("", b""),
    ]
    producer.produce(source.name, b"v", b"k", headers=headers)
    assert producer.flush(30) == 0
    run = GuardedRedrive(kafka_adapter, source, target)
    async with run.lease() as lease:
        ((letter,),) = [batch async for batch in lease.batches(10)]
        added: tuple[Header, ...] = (("b", b"new", ""), ("x", None, ""))
        way = Transfer(letter, target, partition=2, timestamp=1_700_000_000_000, stripped=frozenset({"b"}), added=added)
        await lease.move([way])
    (record,) = kafka.records(target)
    outgoing = way.outgoing()
    assert record.headers() == [(name, value) for name, value, _ in outgoing.headers]
    assert record.headers() == [("a", b"1"), ("a", b"2"), ("none", None), ("", b""), ("b", b"new"), ("x", None)]
    assert (record.partition(), record.timestamp()[1]) == (2, 1_700_000_000_000)


async def test_keys_land_where_java_puts_them(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K6: publishing and moving alike, by hashes of Kafka's own tests."""
    source, target = kafka.topic("dlq"), kafka.topic("home", 12)
    wanted = {key: (number & 0x7FFFFFFF) % 12 for key, number in JAVA.items()}
    receipts = await publish(kafka_adapter, [Outgoing(target, b"", key) for key in JAVA])
    assert [receipt.position.partition for receipt in receipts if isinstance(receipt.position, Offset)] == list(
        wanted.values()
    )
    await publish(kafka_adapter, [Outgoing(source, b"", key) for key in JAVA])
    await GuardedRedrive(kafka_adapter, source, target).move_all()
    assert Counter((record.key(), record.partition()) for record in kafka.records(target)) == Counter(
        dict.fromkeys(wanted.items(), 2)
    )


async def test_a_broker_that_dies_while_letters_move(brokers: Brokers) -> None:
    """C6, C8: killed and started again in the middle of a move; nothing is lost, nothing doubled."""
    name = "kafka-dies"
    kafka = KafkaCluster(brokers.servers.start_kafka(name))
    adapter = kafka.adapter()
    source, target = kafka.topic("dlq", 2), kafka.topic("home", 2)
    values = kafka.fill(source, 400, partitions=2)
    run = GuardedRedrive(adapter, source, target)
    receipts: list[Receipt] = []
    async with run.lease() as lease:
        async for batch in lease.batches(50):
            move = asyncio.ensure_future(lease.move(run.transfers(batch)))
            if len(receipts) == 100:
                await asyncio.to_thread(brokers.servers.kill, name)
                await asyncio.to_thread(brokers.servers.restart, name)
            receipts += await move
    await adapter.close()
    assert states(receipts) == {PublishStatus.STORED: 400}
    assert Counter(kafka.values(target)) == Counter(values)
    kafka.leave()
    brokers.servers.discard(name)
