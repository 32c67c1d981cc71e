"""Handled offsets: read after fencing, written in the letters' own transaction, removed by a put back (K1, K2, K11)."""

from __future__ import annotations

import random
import uuid
from collections import Counter

import pytest
from confluent_kafka.admin import NewTopic

from mqtui.brokers.port import Adapter
from mqtui.domain.capability import Verb
from mqtui.domain.errors import Refused
from mqtui.domain.figure import Exactness
from mqtui.domain.message import Message, Offset
from mqtui.domain.plan import CreateStateTopic, Unmark
from mqtui.domain.redrive import OffsetBounds, PublishStatus
from tests.contract.asking import a_plan, writing
from tests.contract.kafka_cluster import GuardedRedrive, KafkaCluster, read_until, redrive_process, wait_until

SEED = 4711


@pytest.mark.chaos
async def test_killed_runs_lose_and_double_nothing(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K1, C6: the state is read after fencing. Killed at 5 instants and resumed, each letter is there exactly once."""
    source, target = kafka.topic("dlq", 2), kafka.topic("home", 3)
    values = kafka.fill(source, 2000, partitions=2)
    run, instants = uuid.uuid4().hex, random.Random(SEED)
    for round_ in range(5):
        with redrive_process(kafka, source, target, run, resumed=round_ > 0, size=40) as process:
            assert read_until(process, "moved", instants.randrange(1, 9))
    last = GuardedRedrive(kafka_adapter, source, target, run=run, resumed=True)
    await last.move_all()
    assert Counter(kafka.values(target)) == Counter(values), f"seed {SEED}"
    assert (await kafka_adapter.broker.snapshot(source)).count.number == 0


async def test_a_scattered_selection_is_remembered_by_bitmap(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K2: a third of two partitions is moved; another adapter knows which, and the next run gets exactly the rest."""
    source, target = kafka.topic("dlq", 2), kafka.topic("home")
    values = kafka.fill(source, 1200, partitions=2)
    chosen = set(random.Random(SEED).sample(values, 400))
    receipts = await GuardedRedrive(kafka_adapter, source, target).move_all(
        chosen=lambda letter: letter.value in chosen, size=170
    )
    assert {receipt.state for receipt in receipts} == {PublishStatus.STORED}
    other = kafka.adapter()
    handled = (await other.broker.snapshot(source)).handled
    for number, value in enumerate(values):
        assert handled.has(number % 2, number // 2) == (value in chosen)
    assert kafka.state_records()[f"{(await other.broker.snapshot(source)).identity}/0/0"]["bitmap"]
    rest = await GuardedRedrive(other, source, target).move_all()
    await other.close()
    assert len(rest) == 800
    assert Counter(kafka.values(target)) == Counter(values)
    assert (await kafka_adapter.broker.snapshot(source)).count.sort is Exactness.EXACT


async def test_receipts_name_the_place_of_each_letter(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """C8: a receipt's position is where that very letter is."""
    source, target = kafka.topic("dlq", 2), kafka.topic("home", 4)
    kafka.fill(source, 300, partitions=2)
    moved: dict[Offset, bytes | None] = {}
    run = GuardedRedrive(kafka_adapter, source, target)
    async with run.lease() as lease:
        async for batch in lease.batches(70):
            receipts = await lease.move(run.transfers(batch))
            for letter, receipt in zip(batch, receipts, strict=True):
                assert isinstance(receipt.position, Offset)
                moved[receipt.position] = letter.value
    there = {Offset(record.partition(), record.offset()): record.value() for record in kafka.records(target)}
    assert moved == there
    assert len(there) == 300


async def test_markers_and_aborted_letters_do_not_stop_the_watermark(
    kafka: KafkaCluster, kafka_adapter: Adapter
) -> None:
    """K2: offsets a committed reader never sees count as handled, at the end of the topic too."""
    source, target = kafka.topic("dlq"), kafka.topic("home")
    producer = kafka.producer(transactional_id=f"{kafka.prefix}.writer")
    producer.init_transactions(30)
    for number in range(6):
        producer.begin_transaction()
        producer.produce(source.name, b"%d" % number, b"k")
        producer.flush(30)
        (producer.abort_transaction if number % 2 else producer.commit_transaction)(30)
    receipts = await GuardedRedrive(kafka_adapter, source, target).move_all()
    assert len(receipts) == 3
    assert kafka.values(target) == [b"0", b"2", b"4"]
    after = await kafka_adapter.broker.snapshot(source)
    assert after.count.number == 0
    assert after.count.sort is Exactness.EXACT
    assert after.handled.watermark == kafka.ends(source) == {0: 12}


async def test_the_state_topic_is_created_by_the_plan(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K2: looking and planning create nothing; the plan's first step creates a compacted topic of one partition."""
    source, target = kafka.topic("dlq"), kafka.topic("home")
    kafka.fill(source, 3)
    run = GuardedRedrive(kafka_adapter, source, target)
    _, plan = await run.plan()
    assert plan.steps[0] == CreateStateTopic(kafka.state)
    assert kafka.state not in kafka.names()
    async with writing(kafka_adapter, plan) as writer:
        assert (await writer.apply(plan.steps[0])).done == 1
        assert (await writer.apply(plan.steps[0])).notes == (f"{kafka.state} was there already",)
    assert len(kafka.ends(run.source.__class__(source.kind, kafka.state))) == 1
    detail = await kafka_adapter.broker.catalog.describe(source.__class__(source.kind, kafka.state))
    assert detail.facts["cleanup.policy"] == "compact"
    assert detail.internal
    _, again = await run.plan()
    assert not [step for step in again.steps if isinstance(step, CreateStateTopic)]


async def test_the_records_have_the_prefix_and_a_version(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """C9: state topic `<prefix>.state`, keys by topic id, JSON with `v`; and a clean end says so (K3)."""
    source, target = kafka.topic("dlq"), kafka.topic("home")
    kafka.fill(source, 5)
    run = GuardedRedrive(kafka_adapter, source, target)
    await run.move_all()
    identity = (await kafka_adapter.broker.snapshot(source)).identity
    found = kafka.state_records()
    assert found.keys() == {f"{identity}/0/0", f"{identity}/holder"}
    assert all(value["v"] == 1 for value in found.values())
    handled, holder = found[f"{identity}/0/0"], found[f"{identity}/holder"]
    assert (handled["watermark"], handled["bitmap"]) == (5, "")
    assert (handled["run"], handled["operator"], handled["plan"]) == (run.run, "ada", "hash")
    assert holder["ended"] is True
    assert (await kafka_adapter.broker.snapshot(source)).lock_owner is None


async def test_discarded_letters_are_marked_and_go_nowhere(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """C3: on Kafka a discard marks letters handled."""
    source, target = kafka.topic("dlq"), kafka.topic("home")
    kafka.fill(source, 9)
    run = GuardedRedrive(kafka_adapter, source, target, discard=True)
    async with run.lease() as lease:
        async for batch in lease.batches(4):
            assert {receipt.state for receipt in await lease.settle(batch)} == {PublishStatus.STORED}
    assert kafka.values(target) == []
    assert len(kafka.values(source)) == 9
    assert (await kafka_adapter.broker.snapshot(source)).count.number == 0


async def test_put_back_marks_letters_unhandled_and_produces_nothing(
    kafka: KafkaCluster, kafka_adapter: Adapter
) -> None:
    """K11: after put back the letters are there to be moved again; nothing is produced by it."""
    source, target = kafka.topic("dlq", 2), kafka.topic("home")
    values = kafka.fill(source, 40, partitions=2)
    run = GuardedRedrive(kafka_adapter, source, target)
    moved: list[Message] = []
    async with run.lease() as lease:
        async for batch in lease.batches(40):
            moved += batch
            await lease.move(run.transfers(batch))
    before = kafka.values(target)
    back = tuple(letter.position for letter in moved[5:15] if isinstance(letter.position, Offset))
    step = Unmark(source, run.run, (*back, Offset(0, 999)))
    async with writing(kafka_adapter, a_plan(kafka_adapter, Verb.PUT_BACK, step)) as writer:
        result = await writer.apply(step)
    assert (result.asked, result.done) == (11, 10)
    assert result.notes
    assert kafka.values(target) == before
    after = await kafka_adapter.broker.snapshot(source)
    assert after.count.number == 10
    assert after.lock_owner is None
    assert isinstance(after.bounds, OffsetBounds)
    again = await GuardedRedrive(kafka_adapter, source, target).move_all()
    assert len(again) == 10
    expected = Counter(values) + Counter(letter.value for letter in moved[5:15])
    assert Counter(kafka.values(target)) == expected


async def test_a_topic_made_anew_is_another_one(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K2: the state belongs to the topic's id, not to its name."""
    source, target = kafka.topic("dlq"), kafka.topic("home")
    kafka.fill(source, 4)
    await GuardedRedrive(kafka_adapter, source, target).move_all()
    first = (await kafka_adapter.broker.snapshot(source)).identity
    kafka.admin.delete_topics([source.name])[source.name].result(30)
    again = kafka.topic("dlq")
    kafka.fill(again, 4)
    fresh = await kafka_adapter.broker.snapshot(again)
    assert fresh.identity != first
    assert fresh.count.number == 4


async def test_a_topic_made_anew_since_the_plan_is_refused(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """A source is its topic id: one of the same name, made anew, is another topic, before a run and at its resume."""
    source, target = kafka.topic("dlq"), kafka.topic("home")
    kafka.fill(source, 5)
    run = GuardedRedrive(kafka_adapter, source, target)
    planned = await run.plan()
    kafka.admin.delete_topics([source.name])[source.name].result(30)
    wait_until(lambda: source.name not in kafka.names(), 30, "the topic is gone")
    kafka.admin.create_topics([NewTopic(source.name, 1, 1)])[source.name].result(30)
    wait_until(lambda: source.name in kafka.names(), 30, "the topic is there again")
    kafka.fill(source, 5, first=5)
    for resumed in (False, True):
        run.resumed = resumed
        with pytest.raises(Refused, match="another topic now"):
            async with run.lease(planned):
                pytest.fail("letters of another topic are taken")
    assert kafka.values(target) == []
    assert len(await GuardedRedrive(kafka_adapter, source, target).move_all()) == 5
