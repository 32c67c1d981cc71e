"""A watched run over brokers in memory, on the way each of them moves letters by default (C16)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from time import monotonic

import pytest

from mqtui.brokers.port import Batch
from mqtui.domain.message import EntryId, Offset
from mqtui.domain.policy import Consent
from mqtui.domain.read_range import ReadRange
from mqtui.domain.redrive import Source
from mqtui.domain.resource import Kind, Ref
from mqtui.services.conventions import load_for_profile
from mqtui.services.redrive.request import CanaryStages, RedriveRequest
from mqtui.services.redrive.run.monitor import ConsumptionMonitor
from mqtui.services.redrive.run.monitor_result import MonitorResult
from mqtui.services.redrive.run.stored_copies import StoredCopies
from mqtui.services.session import open_session
from tests.services.memory_fixtures import KafkaFixture, MemoryFixture, RedisFixture
from tests.services.redrive_operator import CONFIRMED, Operator, assert_complete

COUNT = 12
TOPIC = Ref(Kind.TOPIC, "orders")
STREAM = Ref(Kind.STREAM, "work")


def watched(operator: Operator, first: tuple[int, ...] = (1,)) -> RedriveRequest:
    """Everything, in stages, each watched for a moment."""
    return replace(operator.request(), stages=CanaryStages(first, 0.05, 0.3))


def kafka(committed: int, state: str = "Stable") -> KafkaFixture:
    """Letters in two partitions, whose origin a group has read so far."""
    broker = KafkaFixture()
    broker.add_dead_letters(range(COUNT))
    for partition in range(len(broker.server.topics[broker.origin.name].partitions)):
        broker.server.commit("billing", broker.origin, partition, committed, state)
    return broker


async def test_letters_that_pass_in_bulk() -> None:
    operator = Operator(kafka(committed=1_000))
    result = assert_complete(await operator.run(watched(operator, (1, 3))))
    assert (result.moved, result.passed, result.waiting, result.came_back, result.whole) == (COUNT, COUNT, 0, 0, True)
    (reader,) = result.readers
    assert (reader.group, reader.state, reader.alive, reader.passed, reader.counts) == (
        "billing",
        "Stable",
        True,
        COUNT,
        True,
    )
    assert result.verdict.startswith(f"{COUNT} letters passed billing and did not come back")


async def test_a_stage_holds_until_its_letters_passed() -> None:
    operator = Operator(kafka(committed=0))
    result = assert_complete(await operator.run(watched(operator)))
    assert (result.moved, result.passed, result.waiting, result.left) == (1, 0, 1, COUNT - 1)
    assert "held after stage 1: 1 of 1 did not pass" in result.why
    assert "billing is Stable" in result.why


@pytest.mark.parametrize("allowed", [False, True])
async def test_nobody_reads(allowed: bool) -> None:
    operator = Operator(kafka(committed=0, state="Empty"))
    consent = Consent(yes=True, allowed=frozenset({"unread"} if allowed else ()))
    result = assert_complete(await operator.run(watched(operator), consent))
    assert "unread" in {risk.name for risk in operator.planned.plan.risks}
    assert result.moved == (COUNT if allowed else 1)
    assert ("no consumer reads" in result.why) is not allowed
    assert (result.passed, result.waiting) == (0, result.moved)


async def test_letters_on_another_broker_are_not_heard() -> None:
    broker, far = RedisFixture(), kafka(committed=1_000)
    broker.add_dead_letters(range(3))
    operator = Operator(broker, far)
    order = replace(watched(operator), to=far.origin)
    result = assert_complete(await operator.run(order))
    assert (result.moved, result.passed, result.came_back) == (1, 1, None)
    assert "another broker" in result.why
    assert "not-heard" in {risk.name for risk in operator.planned.plan.risks}


async def test_a_watch_is_over_once_it_is_certain(broker: MemoryFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads, or nobody can be asked: the rest of the time would tell nothing more."""
    monkeypatch.setattr("mqtui.services.redrive.run.monitor.STABLE_SECONDS", 0.3)
    broker.add_dead_letters(range(2))
    operator = Operator(broker)
    began = monotonic()
    order = replace(operator.request(), stages=CanaryStages((), 0.05, 300.0))
    result = assert_complete(await operator.run(order, CONFIRMED))
    assert monotonic() - began < 100
    assert result.watched is not None and result.watched < 100
    assert "of at most 300" in result.verdict


class Hasty:
    """Hears letters at once: before the broker's word on where the copies lie has come back."""

    def __init__(self, letters: Batch) -> None:
        self._letters = letters
        self.heard = asyncio.Event()

    async def listen(self, source: Source) -> AsyncIterator[Batch]:
        yield ()
        yield self._letters
        self.heard.set()
        await asyncio.Event().wait()


async def test_a_letter_that_dies_before_its_receipt_is_read_came_back() -> None:
    """A consumer on the same machine lets it die within the same millisecond; letters of others stay theirs."""
    broker = kafka(committed=1_000)
    async with open_session(broker.url, adapters=broker.connect) as session:
        source = await session.broker.snapshot(broker.source)
        letters = [
            letter
            async for batch in session.broker.reader.read(source.ref, ReadRange(), limit=None)
            for letter in batch
        ]
        monitor = ConsumptionMonitor(session.broker, source, "run", load_for_profile().conventions)
        hasty = Hasty(letters)
        await monitor.start(hasty)
        await hasty.heard.wait()
        monitor.copies.add_published(broker.origin, [Offset(1, 4), Offset(2, 5)])
        result = await monitor.watch(0.3, 1.0, lambda _: None, asyncio.Event())
        await monitor.close()
    assert (result.moved, result.came_back) == (2, 2)
    assert sorted(text.partition(": ")[2] for text in result.returned_letters) == [
        "NoStock: order #",
        "Timeout: order #",
    ]


def test_copies_are_counted_by_place() -> None:
    """In whatever order they came, by partition."""
    copies = StoredCopies(load_for_profile().conventions)
    copies.add_published(TOPIC, [Offset(1, 7), Offset(0, 5), Offset(0, 3), None])
    copies.add_published(STREAM, [EntryId(5, number) for number in (2, 0, 1)])
    ((_, placed),) = copies.in_target(TOPIC)
    assert [placed.count_before({0: (end, 0)}) for end in (3, 4, 6)] == [0, 1, 2]
    assert placed.count_before({0: (100, 0), 1: (7, 0)}) == 2
    assert (len(placed), placed.without_position, copies.count(TOPIC)) == (4, 1, 4)
    assert copies.contains(TOPIC, Offset(0, 3)) and not copies.contains(TOPIC, Offset(0, 4))
    ((_, entries),) = copies.in_target(STREAM)
    assert entries.count_before({0: (5, 2)}) == 2
    assert copies.contains(STREAM, EntryId(5, 2)) and not copies.contains(STREAM, EntryId(6, 0))


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (MonitorResult(1, 1, 0, 11, 60), "and did not come back; watched 11 s of at most 60"),
        (MonitorResult(4, 1, 0, 60, 60), "3 of 4 did not pass"),
        (MonitorResult(4, None, 0, 10, 60, why="no rights."), "is not known (no rights)"),
        (MonitorResult(4, 4, 0, 10, 60, not_observable="no API."), "can't be observed (no API)"),
        (MonitorResult(4, 4, 2, 10, 60, not_observable="no API."), "at least 2 of 4 came back"),
        (MonitorResult(4, 4, 0, 10, 60, possibly_returned=2), "2 like them perhaps"),
        (MonitorResult(4, 0, 0, 10, 60, without_consumer=("orders",)), "none reads orders"),
    ],
)
def test_a_verdict_says_what_it_does_not_know(result: MonitorResult, words: str) -> None:
    assert words in result.describe()
    assert result.is_success is (result == MonitorResult(1, 1, 0, 11, 60))
