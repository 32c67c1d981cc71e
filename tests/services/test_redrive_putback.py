"""Put back: what can be returned of a run, once, and what cannot (K11, R11)."""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from mqtui.domain.capability import Verb
from mqtui.domain.errors import BrokerTrouble, Held, NeedsConsent, NotFound, Refused
from mqtui.domain.policy import Consent
from mqtui.domain.resource import BrokerKind
from mqtui.services.redrive.putback import putback
from mqtui.services.redrive.putback.passed_copies import COPIES_STAY
from mqtui.state import bundles
from mqtui.state.audit import Audit
from mqtui.state.journal import Journal
from tests.memory import Killed
from tests.memory.kafka import place
from tests.services.memory_fixtures import KafkaFixture, MemoryFixture, RabbitMQFixture, RedisFixture
from tests.services.redrive_operator import Operator, assert_complete, last_run, mark_processes_dead
from tests.services.test_redrive_crashes import named

COUNT = 7
PRODUCING = (RabbitMQFixture, RedisFixture)
"""Kafka's put back produces nothing: it is one step."""


def contents(broker: MemoryFixture) -> list[object]:
    """What lies in the source that nobody handled, byte for byte, without places and times."""
    if isinstance(broker, KafkaFixture):
        handled = broker.server.handled_in(broker.server.topics[broker.source.name])
        return [
            (record.position, record.value, record.key, record.headers)
            for record in broker.server.records(broker.source)
            if not handled.has(*place(record))
        ]
    if isinstance(broker, RabbitMQFixture):
        return [(sent.value, sent.headers, sent.properties) for sent in broker.server.ready(broker.source)]
    assert isinstance(broker, RedisFixture)
    return [fields for _, fields in broker.server.entries(broker.source)]


async def planned(operator: Operator, run: str) -> putback.PlannedPutBack:
    async with AsyncExitStack() as stack:
        session, _ = await operator.sessions(stack)
        journal = Journal()
        return await putback.plan_put_back(session, journal.find(run), journal)


@pytest.mark.parametrize("verb", [Verb.REDRIVE, Verb.DISCARD])
async def test_all_of_a_run_comes_back_as_it_was(broker: MemoryFixture, verb: Verb) -> None:
    broker.add_dead_letters(range(COUNT))
    before = contents(broker)
    operator = Operator(broker)
    run = (await operator.run(operator.request(verb))).run
    assert contents(broker) == []
    back = await planned(operator, run)
    assert back.plan.count.number == COUNT
    assert {risk.name for risk in back.plan.risks} == (set() if verb is Verb.DISCARD else {"doubles"})
    assert contents(broker) == []
    result = assert_complete(await operator.put_back(run))
    assert (result.moved, result.suspects) == (COUNT, ())
    assert contents(broker) == before
    assert len(broker.returned()) == (COUNT if verb is Verb.REDRIVE else 0)
    assert (last_run().verb, last_run().state) == (Verb.PUT_BACK, "done")
    assert Audit().entries()[-1].result == f"{COUNT} put back of run {Journal().short_id(run)}"
    with pytest.raises(NotFound, match="Nothing to put back"):
        await operator.put_back(run)


async def test_put_back_and_again_redriven(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(4))
    operator = Operator(broker)
    first = (await operator.run()).run
    await operator.put_back(first)
    second = await operator.run()
    assert second.moved == 4
    await operator.put_back(second.run)
    assert sorted(broker.unhandled()) == [0, 1, 2, 3]
    with pytest.raises(NotFound):
        await operator.put_back(first)


async def test_only_what_was_moved_comes_back(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(COUNT))
    operator = Operator(broker)
    run = (await operator.run(operator.request(limit=3))).run
    assert assert_complete(await operator.put_back(run)).moved == 3
    assert sorted(broker.unhandled()) == list(range(COUNT))


async def test_letters_that_a_crash_left_in_hand_come_back_too(broker: MemoryFixture) -> None:
    """What a resume found gone from the source was moved, so it is put back with the rest."""
    broker.add_dead_letters(range(COUNT))
    operator = Operator(broker)
    assert await operator.is_killed_during(operator.run, batches=1)
    run = last_run().id
    assert assert_complete(await operator.resume(run)).moved == COUNT
    assert assert_complete(await operator.put_back(run)).moved == COUNT
    assert sorted(broker.unhandled()) == list(range(COUNT))


@pytest.mark.parametrize("after", range(1, COUNT + 1))
@pytest.mark.parametrize("verb", [Verb.REDRIVE, Verb.DISCARD])
async def test_killed_and_put_back_again(
    broker: MemoryFixture, after: int, verb: Verb, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost; nothing comes twice but named suspects on RabbitMQ, whose queues can't be asked."""
    monkeypatch.setattr(putback, "CHUNK_SIZE", 3)
    broker.add_dead_letters(range(COUNT))
    operator = Operator(broker)
    run = (await operator.run(operator.request(verb))).run
    await operator.is_killed_during(lambda: operator.put_back(run), after)
    suspects: tuple[str, ...] = ()
    if last_run().state != "done" and len(broker.unhandled()) < COUNT:
        back = await planned(operator, run)
        assert ("in-doubt" in {risk.name for risk in back.plan.risks}) is broker.may_duplicate
    if last_run().state != "done" and (broker.may_duplicate or len(broker.unhandled()) < COUNT):
        suspects = assert_complete(await operator.put_back(run)).suspects
    times = Counter(broker.unhandled())
    assert set(times) == set(range(COUNT))
    doubled = [number for number, seen in times.items() if seen > 1]
    assert broker.may_duplicate or doubled == []
    assert all(any(f"m{number} " in suspect for suspect in suspects) for number in doubled)
    with pytest.raises(NotFound):
        await operator.put_back(run)


async def test_killed_after_letters_were_unmarked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka: the marks are gone, and nobody wrote it down; the broker knows better than the journal."""
    broker = KafkaFixture()
    broker.add_dead_letters(range(COUNT))
    operator = Operator(broker)
    run = (await operator.run()).run

    def dying(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "record_outcomes", dying)
        patch.setattr(Journal, "end", dying)
        with pytest.raises(Killed):
            await operator.put_back(run)
    with pytest.raises(Held):
        await operator.put_back(run)
    mark_processes_dead()
    assert broker.unhandled() == [0, 2, 4, 6, 1, 3, 5]
    assert_complete(await operator.run(operator.request(limit=2)))
    assert assert_complete(await operator.put_back(run)).moved == 0
    assert len(broker.unhandled()) == COUNT - 2


@pytest.mark.parametrize("after", [1, 3, 4])
@pytest.mark.parametrize("made", PRODUCING)
async def test_a_broker_that_dies_while_letters_are_put_back(
    made: type[MemoryFixture], after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = made()
    monkeypatch.setattr(putback, "CHUNK_SIZE", 2)
    broker.add_dead_letters(range(COUNT))
    operator = Operator(broker)
    run = (await operator.run()).run
    broker.server.faults.break_after = after
    with pytest.raises(BrokerTrouble):
        await operator.put_back(run)
    assert last_run().state == "failed"
    broker.server.faults.unreachable = False
    result = assert_complete(await operator.put_back(run))
    assert set(broker.unhandled()) == set(range(COUNT))
    assert broker.may_duplicate or len(broker.unhandled()) == COUNT
    assert named(result, [number for number, times in Counter(broker.unhandled()).items() if times > 1])


@pytest.mark.parametrize("made", PRODUCING)
async def test_a_lost_reply_is_settled_by_the_next(made: type[MemoryFixture]) -> None:
    broker = made()
    broker.add_dead_letters(range(3))
    operator = Operator(broker)
    run = (await operator.run()).run
    broker.server.faults.lose_replies = 1
    assert assert_complete(await operator.put_back(run)).unknown == 1
    if broker.kind is BrokerKind.REDIS:
        with pytest.raises(NotFound):
            await operator.put_back(run)
        assert sorted(broker.unhandled()) == [0, 1, 2]
    else:
        result = assert_complete(await operator.put_back(run))
        assert (result.moved, len(result.suspects)) == (1, 1)


async def test_the_plan_tells_who_passed_the_copies() -> None:
    broker = KafkaFixture()
    broker.add_dead_letters(range(6))
    operator = Operator(broker)
    run = (await operator.run()).run
    for partition in range(3):
        broker.server.commit("billing", broker.origin, partition, 1)
    copies = len({place(record)[0] for record in broker.server.records(broker.origin)})
    (risk,) = (await planned(operator, run)).plan.risks
    assert risk.text == f"billing has passed {copies} of 6 copies in orders"
    broker.delete(broker.origin)
    (risk,) = (await planned(operator, run)).plan.risks
    assert risk.text == COPIES_STAY


async def test_letters_that_crossed_over_come_back() -> None:
    broker, remote = KafkaFixture(), RedisFixture()
    broker.add_dead_letters(range(4))
    operator = Operator(broker, remote)
    run = (await operator.run(operator.request(to=remote.origin))).run
    assert broker.unhandled() == []
    assert assert_complete(await Operator(broker).put_back(run)).moved == 4
    assert sorted(broker.unhandled()) == [0, 1, 2, 3]


async def test_what_cannot_be_put_back(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(3))
    operator = Operator(broker)
    run = (await operator.run()).run
    with pytest.raises(NeedsConsent):
        await operator.put_back(run, Consent())
    assert len(Journal().list_runs()) == 1
    if broker.kind is not BrokerKind.KAFKA:
        bundles.bundle_path(run).unlink()
        with pytest.raises(Refused, match="bundle"):
            await operator.put_back(run)
        return
    await operator.put_back(run)
    with pytest.raises(Refused, match="A put back"):
        await operator.put_back(last_run().id)


async def test_a_run_that_goes_on_is_not_put_back(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(3))
    operator = Operator(broker)
    run = (await operator.run()).run
    journal = Journal()
    record = replace(journal.find(run), id="a" * 32, state="running", ended=None)
    journal.begin(record)
    with pytest.raises(Held):
        await operator.put_back(record.id)
