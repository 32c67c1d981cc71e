"""Offsets of Kafka's groups: as Kafka's own tool previews them, and skipped with copies exactly once."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition

from mqtui.brokers.kafka.skip_with_copies import SkipTransaction
from mqtui.brokers.optional_port import SetsGroupOffsets
from mqtui.brokers.port import Adapter
from mqtui.domain.capability import Verb
from mqtui.domain.errors import Refused
from mqtui.domain.figure import exact
from mqtui.domain.group_offsets import OffsetMove, OffsetTarget, Shift
from mqtui.domain.message import Offset, Outgoing
from mqtui.domain.plan import SetOffsets, SkipWithCopies, StepResult
from mqtui.domain.read_range import Edge
from mqtui.domain.resource import Kind, Ref
from tests.beside.kafka_theirs import run_tool
from tests.contract.asking import a_plan, eventually, writing
from tests.contract.kafka_cluster import WAIT, KafkaCluster
from tests.contract.test_kafka_groups import keep_polling

NOTHING = exact(0)


async def commit(kafka: KafkaCluster, name: str, ref: Ref, offsets: Sequence[int | None]) -> Ref:
    """A group that has committed these offsets, by partition."""
    places = [TopicPartition(ref.name, number, at) for number, at in enumerate(offsets) if at is not None]

    async def committed() -> bool:
        request = [ConsumerGroupTopicPartitions(name, places)]
        told = kafka.admin.alter_consumer_group_offsets(request)[name].result(WAIT)
        return all(place.error is None for place in told.topic_partitions)

    await eventually(committed, "the coordinator takes the offsets")
    return Ref(Kind.GROUP, name)


async def standing(kafka: KafkaCluster, group: Ref, ref: Ref) -> dict[int, int]:
    asked = [ConsumerGroupTopicPartitions(group.name)]
    told = kafka.admin.list_consumer_group_offsets(asked, require_stable=True)[group.name].result(WAIT)
    return {place.partition: place.offset for place in told.topic_partitions if place.topic == ref.name}


def by_tool(kafka: KafkaCluster, ref: Ref, groups: Sequence[Ref], *words: str) -> dict[tuple[str, int], int]:
    """New offsets by group and partition, as Kafka's own tool says in a dry run."""
    named = [word for group in groups for word in ("--group", group.name)]
    printed, complaint = run_tool(
        kafka.servers["bootstrap.servers"],
        *("consumer.group.ConsumerGroupCommand", "--reset-offsets", "--topic", ref.name, *named, *words, "--dry-run"),
    )
    rows = [row for row in map(str.split, printed.splitlines()) if row[1:2] == [ref.name]]
    assert rows, printed + complaint
    return {(row[0], int(row[2])): int(row[3]) for row in rows}


async def test_previews_equal_those_of_kafkas_own_tool(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """Random groups, shifted by one call of the tool; `python -m tests.beside.offset_resets` does all targets."""
    broker, dice = kafka_adapter.broker, random.Random(15)
    assert isinstance(broker, SetsGroupOffsets)
    ref = kafka.topic("work", 3)
    kafka.fill(ref, 60, partitions=3)
    groups = [
        await commit(kafka, f"{kafka.prefix}.g{number}", ref, [dice.randint(0, 20) for _ in range(3)])
        for number in range(4)
    ]
    theirs = by_tool(kafka, ref, groups, "--shift-by", "-7")
    for group in groups:
        preview = await broker.preview_offsets(group, ref, Shift(-7))
        ours = {
            (group.name, move.partition): move.after.offset for move in preview.moves if isinstance(move.after, Offset)
        }
        assert ours == {key: at for key, at in theirs.items() if key[0] == group.name}


async def test_a_group_with_members_takes_no_offsets(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """They are named; the broker itself refuses where they came after the plan, and so does a skip with copies."""
    broker = kafka_adapter.broker
    assert isinstance(broker, SetsGroupOffsets)
    ref, dead = kafka.topic("work"), kafka.topic("dead")
    kafka.fill(ref, 6)
    group = await commit(kafka, f"{kafka.prefix}.busy", ref, [2])
    early = await broker.preview_offsets(group, ref, Edge.OLDEST)
    assert (early.state, early.members) == ("Empty", ())
    consumer = Consumer(kafka.servers | {"group.id": group.name, "client.id": "ship-2", "enable.auto.commit": False})
    consumer.subscribe([ref.name])
    with keep_polling(consumer.poll, consumer.close):

        async def is_busy() -> bool:
            assert isinstance(broker, SetsGroupOffsets)
            preview = await broker.preview_offsets(group, ref, Edge.OLDEST)
            return [member.client for member in preview.members] == ["ship-2"]

        await eventually(is_busy, "its member is named")
        with pytest.raises(Refused, match="has members"):
            await applied(kafka_adapter, SetOffsets(group, early.moves))
        with pytest.raises(Refused, match="has members"):
            await applied(kafka_adapter, skip(group, ref, dead, 2, 1))
    assert await standing(kafka, group, ref) == {0: 2}
    assert kafka.values(dead) == []


async def applied(adapter: Adapter, step: SetOffsets | SkipWithCopies) -> StepResult:
    async with writing(adapter, a_plan(adapter, Verb.OFFSETS, step)) as writer:
        return await writer.apply(step)


def skip(group: Ref, ref: Ref, dead: Ref, start: int, count: int) -> SkipWithCopies:
    """The step that skips records of partition 0."""
    move = OffsetMove(ref, 0, Offset(0, start), Offset(0, start + count), exact(count), NOTHING)
    copies = tuple(Outgoing(dead, b"copy %d" % (start + number)) for number in range(count))
    return SkipWithCopies(group, move, copies)


async def test_a_skip_that_is_killed_on_the_way_is_done_once(
    kafka: KafkaCluster, kafka_adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that died before its commit leaves neither copy nor offset; one that committed is not done again."""
    ref, dead = kafka.topic("work"), kafka.topic("dead")
    kafka.fill(ref, 6)
    group = await commit(kafka, f"{kafka.prefix}.stuck", ref, [2])
    step = skip(group, ref, dead, 2, 2)
    stopped = threading.Event()

    class Dying(Exception):
        """The process died."""

    def die(transaction: SkipTransaction) -> None:
        consumer = transaction._clients.create_consumer("skip", group_id=group.name)
        transaction._send_offset(consumer)
        consumer.close()
        stopped.set()
        raise Dying

    with monkeypatch.context() as patched:
        patched.setattr(SkipTransaction, "commit", die)
        with pytest.raises(Dying):
            await applied(kafka_adapter, step)
    assert stopped.is_set()
    assert kafka.values(dead) == []
    other = kafka.adapter()
    try:
        assert (await applied(other, step)).notes == ()
        assert (await applied(other, step)).notes == ("it was done before",)
        with pytest.raises(Refused, match="moved since"):
            await applied(other, skip(group, ref, dead, 1, 1))
    finally:
        await other.close()
    assert await standing(kafka, group, ref) == {0: 4}
    assert kafka.values(dead) == [b"copy 2", b"copy 3"]


async def test_offsets_of_a_topic_are_deleted_alone(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    broker = kafka_adapter.broker
    assert isinstance(broker, SetsGroupOffsets)
    ref, other = kafka.topic("work", 2), kafka.topic("other")
    kafka.fill(ref, 6, partitions=2)
    kafka.fill(other, 2)
    group = await commit(kafka, f"{kafka.prefix}.two", ref, [1, 2])
    await commit(kafka, group.name, other, [1])
    nothing: OffsetTarget | None = None
    preview = await broker.preview_offsets(group, ref, nothing)
    assert [str(move.before) for move in preview.moves] == ["0/1", "1/2"]
    assert (await applied(kafka_adapter, SetOffsets(group, preview.moves))).done == 2
    assert await standing(kafka, group, ref) == {}
    assert await standing(kafka, group, other) == {0: 1}
    assert not (await broker.preview_offsets(Ref(Kind.GROUP, f"{group.name}.none"), ref, Edge.OLDEST)).exists
