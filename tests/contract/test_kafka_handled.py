"""What was handled: read after fencing, written in the letters' own transaction, put back on demand (K1, K2, K11)."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator

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
from tests.contract.kafka_stage import Run, Stage, mover, told, until

SEED = 4711


@pytest.fixture
def stage(kafka_url: str) -> Iterator[Stage]:
    made = Stage(kafka_url)
    yield made
    made.close()


@pytest.fixture
async def adapter(stage: Stage) -> AsyncIterator[Adapter]:
    made = stage.adapter()
    yield made
    await made.close()


@pytest.mark.chaos
async def test_killed_runs_lose_and_double_nothing(stage: Stage, adapter: Adapter) -> None:
    """K1, C6: the state is read after fencing. Killed at 5 instants and resumed, each letter is there exactly once."""
    source, target = stage.topic("dlq", 2), stage.topic("home", 3)
    values = stage.fill(source, 2000, partitions=2)
    run, instants = uuid.uuid4().hex, random.Random(SEED)
    for round_ in range(5):
        with mover(stage, source, target, run, resumed=round_ > 0, size=40) as process:
            assert told(process, "moved", instants.randrange(1, 9))
    last = Run(adapter, source, target, run=run, resumed=True)
    await last.all()
    assert Counter(stage.values(target)) == Counter(values), f"seed {SEED}"
    assert (await adapter.broker.snapshot(source)).count.number == 0


async def test_a_scattered_selection_is_remembered_by_bitmap(stage: Stage, adapter: Adapter) -> None:
    """K2: a third of two partitions is moved; another adapter knows which, and the next run gets exactly the rest."""
    source, target = stage.topic("dlq", 2), stage.topic("home")
    values = stage.fill(source, 1200, partitions=2)
    chosen = set(random.Random(SEED).sample(values, 400))
    receipts = await Run(adapter, source, target).all(chosen=lambda letter: letter.value in chosen, size=170)
    assert {receipt.state for receipt in receipts} == {PublishStatus.STORED}
    other = stage.adapter()
    handled = (await other.broker.snapshot(source)).handled
    for number, value in enumerate(values):
        assert handled.has(number % 2, number // 2) == (value in chosen)
    assert stage.state_records()[f"{(await other.broker.snapshot(source)).identity}/0/0"]["bitmap"]
    rest = await Run(other, source, target).all()
    await other.close()
    assert len(rest) == 800
    assert Counter(stage.values(target)) == Counter(values)
    assert (await adapter.broker.snapshot(source)).count.sort is Exactness.EXACT


async def test_receipts_name_the_place_of_each_letter(stage: Stage, adapter: Adapter) -> None:
    """C8: a receipt's position is where that very letter is."""
    source, target = stage.topic("dlq", 2), stage.topic("home", 4)
    stage.fill(source, 300, partitions=2)
    moved: dict[Offset, bytes | None] = {}
    run = Run(adapter, source, target)
    async with run.lease() as lease:
        async for batch in lease.batches(70):
            receipts = await lease.move(run.transfers(batch))
            for letter, receipt in zip(batch, receipts, strict=True):
                assert isinstance(receipt.position, Offset)
                moved[receipt.position] = letter.value
    there = {Offset(record.partition(), record.offset()): record.value() for record in stage.records(target)}
    assert moved == there
    assert len(there) == 300


async def test_markers_and_aborted_letters_do_not_stop_the_watermark(stage: Stage, adapter: Adapter) -> None:
    """K2: offsets a committed reader never sees count as handled, at the end of the topic too."""
    source, target = stage.topic("dlq"), stage.topic("home")
    producer = stage.producer(transactional_id=f"{stage.prefix}.writer")
    producer.init_transactions(30)
    for number in range(6):
        producer.begin_transaction()
        producer.produce(source.name, b"%d" % number, b"k")
        producer.flush(30)
        (producer.abort_transaction if number % 2 else producer.commit_transaction)(30)
    receipts = await Run(adapter, source, target).all()
    assert len(receipts) == 3
    assert stage.values(target) == [b"0", b"2", b"4"]
    after = await adapter.broker.snapshot(source)
    assert after.count.number == 0
    assert after.count.sort is Exactness.EXACT
    assert after.handled.watermark == stage.ends(source) == {0: 12}


async def test_the_state_topic_is_created_by_the_plan(stage: Stage, adapter: Adapter) -> None:
    """K2: looking and planning create nothing; the plan's first step creates a compacted topic of one partition."""
    source, target = stage.topic("dlq"), stage.topic("home")
    stage.fill(source, 3)
    run = Run(adapter, source, target)
    _, plan = await run.planned()
    assert plan.steps[0] == CreateStateTopic(stage.state)
    assert stage.state not in stage.names()
    async with writing(adapter, plan) as writer:
        assert (await writer.apply(plan.steps[0])).done == 1
        assert (await writer.apply(plan.steps[0])).notes == (f"{stage.state} was there already",)
    assert len(stage.ends(run.source.__class__(source.kind, stage.state))) == 1
    detail = await adapter.broker.catalog.describe(source.__class__(source.kind, stage.state))
    assert detail.facts["cleanup.policy"] == "compact"
    assert detail.internal
    _, again = await run.planned()
    assert not [step for step in again.steps if isinstance(step, CreateStateTopic)]


async def test_the_records_have_the_prefix_and_a_version(stage: Stage, adapter: Adapter) -> None:
    """C9: state topic `<prefix>.state`, keys by topic id, JSON with `v`; and a clean end says so (K3)."""
    source, target = stage.topic("dlq"), stage.topic("home")
    stage.fill(source, 5)
    run = Run(adapter, source, target)
    await run.all()
    identity = (await adapter.broker.snapshot(source)).identity
    found = stage.state_records()
    assert found.keys() == {f"{identity}/0/0", f"{identity}/holder"}
    assert all(value["v"] == 1 for value in found.values())
    handled, holder = found[f"{identity}/0/0"], found[f"{identity}/holder"]
    assert (handled["watermark"], handled["bitmap"]) == (5, "")
    assert (handled["run"], handled["operator"], handled["plan"]) == (run.run, "ada", "hash")
    assert holder["ended"] is True
    assert (await adapter.broker.snapshot(source)).lock_owner is None


async def test_discarded_letters_are_marked_and_go_nowhere(stage: Stage, adapter: Adapter) -> None:
    """C3: on Kafka a discard marks letters handled."""
    source, target = stage.topic("dlq"), stage.topic("home")
    stage.fill(source, 9)
    run = Run(adapter, source, target, discard=True)
    async with run.lease() as lease:
        async for batch in lease.batches(4):
            assert {receipt.state for receipt in await lease.settle(batch)} == {PublishStatus.STORED}
    assert stage.values(target) == []
    assert len(stage.values(source)) == 9
    assert (await adapter.broker.snapshot(source)).count.number == 0


async def test_put_back_marks_letters_unhandled_and_produces_nothing(stage: Stage, adapter: Adapter) -> None:
    """K11: after put back the letters are there to be moved again; nothing is produced by it."""
    source, target = stage.topic("dlq", 2), stage.topic("home")
    values = stage.fill(source, 40, partitions=2)
    run = Run(adapter, source, target)
    moved: list[Message] = []
    async with run.lease() as lease:
        async for batch in lease.batches(40):
            moved += batch
            await lease.move(run.transfers(batch))
    before = stage.values(target)
    back = tuple(letter.position for letter in moved[5:15] if isinstance(letter.position, Offset))
    step = Unmark(source, run.run, (*back, Offset(0, 999)))
    async with writing(adapter, a_plan(adapter, Verb.PUT_BACK, step)) as writer:
        result = await writer.apply(step)
    assert (result.asked, result.done) == (11, 10)
    assert result.notes
    assert stage.values(target) == before
    after = await adapter.broker.snapshot(source)
    assert after.count.number == 10
    assert after.lock_owner is None
    assert isinstance(after.bounds, OffsetBounds)
    again = await Run(adapter, source, target).all()
    assert len(again) == 10
    expected = Counter(values) + Counter(letter.value for letter in moved[5:15])
    assert Counter(stage.values(target)) == expected


async def test_a_topic_made_anew_is_another_one(stage: Stage, adapter: Adapter) -> None:
    """K2: the state belongs to the topic's id, not to its name."""
    source, target = stage.topic("dlq"), stage.topic("home")
    stage.fill(source, 4)
    await Run(adapter, source, target).all()
    first = (await adapter.broker.snapshot(source)).identity
    stage.admin.delete_topics([source.name])[source.name].result(30)
    again = stage.topic("dlq")
    stage.fill(again, 4)
    fresh = await adapter.broker.snapshot(again)
    assert fresh.identity != first
    assert fresh.count.number == 4


async def test_a_topic_made_anew_since_the_plan_is_refused(stage: Stage, adapter: Adapter) -> None:
    """A source is its topic id: one of the same name, made anew, is another topic, before a run and at its resume."""
    source, target = stage.topic("dlq"), stage.topic("home")
    stage.fill(source, 5)
    run = Run(adapter, source, target)
    planned = await run.planned()
    stage.admin.delete_topics([source.name])[source.name].result(30)
    until(lambda: source.name not in stage.names(), 30, "the topic is gone")
    stage.admin.create_topics([NewTopic(source.name, 1, 1)])[source.name].result(30)
    until(lambda: source.name in stage.names(), 30, "the topic is there again")
    stage.fill(source, 5, first=5)
    for resumed in (False, True):
        run.resumed = resumed
        with pytest.raises(Refused, match="another topic now"):
            async with run.lease(planned):
                pytest.fail("letters of another topic are taken")
    assert stage.values(target) == []
    assert len(await Run(adapter, source, target).all()) == 5
