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
from tests.services.grounds import Ground, KafkaGround, RabbitMQGround, RedisGround
from tests.services.operator import Operator, bury, last, whole
from tests.services.test_redrive_killed import named

COUNT = 7
PRODUCING = (RabbitMQGround, RedisGround)
"""Kafka's put back produces nothing: it is one step."""


def contents(ground: Ground) -> list[object]:
    """What lies in the source that nobody handled, byte for byte, without places and times."""
    if isinstance(ground, KafkaGround):
        handled = ground.server.handled_in(ground.server.topics[ground.source.name])
        return [
            (record.position, record.value, record.key, record.headers)
            for record in ground.server.records(ground.source)
            if not handled.has(*place(record))
        ]
    if isinstance(ground, RabbitMQGround):
        return [(sent.value, sent.headers, sent.properties) for sent in ground.server.ready(ground.source)]
    assert isinstance(ground, RedisGround)
    return [fields for _, fields in ground.server.entries(ground.source)]


async def planned(operator: Operator, run: str) -> putback.PlannedPutBack:
    async with AsyncExitStack() as stack:
        session, _ = await operator.sessions(stack)
        journal = Journal()
        return await putback.plan_put_back(session, journal.find(run), journal)


@pytest.mark.parametrize("verb", [Verb.REDRIVE, Verb.DISCARD])
async def test_all_of_a_run_comes_back_as_it_was(ground: Ground, verb: Verb) -> None:
    ground.put(range(COUNT))
    before = contents(ground)
    operator = Operator(ground)
    run = (await operator.run(operator.order(verb))).run
    assert contents(ground) == []
    back = await planned(operator, run)
    assert back.plan.count.number == COUNT
    assert {risk.name for risk in back.plan.risks} == (set() if verb is Verb.DISCARD else {"doubles"})
    assert contents(ground) == []
    result = whole(await operator.put_back(run))
    assert (result.moved, result.suspects) == (COUNT, ())
    assert contents(ground) == before
    assert len(ground.home()) == (COUNT if verb is Verb.REDRIVE else 0)
    assert (last().verb, last().state) == (Verb.PUT_BACK, "done")
    assert Audit().entries()[-1].result == f"{COUNT} put back of run {Journal().short_id(run)}"
    with pytest.raises(NotFound, match="Nothing to put back"):
        await operator.put_back(run)


async def test_put_back_and_again_redriven(ground: Ground) -> None:
    ground.put(range(4))
    operator = Operator(ground)
    first = (await operator.run()).run
    await operator.put_back(first)
    second = await operator.run()
    assert second.moved == 4
    await operator.put_back(second.run)
    assert sorted(ground.left()) == [0, 1, 2, 3]
    with pytest.raises(NotFound):
        await operator.put_back(first)


async def test_only_what_was_moved_comes_back(ground: Ground) -> None:
    ground.put(range(COUNT))
    operator = Operator(ground)
    run = (await operator.run(operator.order(limit=3))).run
    assert whole(await operator.put_back(run)).moved == 3
    assert sorted(ground.left()) == list(range(COUNT))


async def test_letters_that_a_crash_left_in_hand_come_back_too(ground: Ground) -> None:
    """What a resume found gone from the source was moved, so it is put back with the rest."""
    ground.put(range(COUNT))
    operator = Operator(ground)
    assert await operator.killed(operator.run, batches=1)
    run = last().id
    assert whole(await operator.resume(run)).moved == COUNT
    assert whole(await operator.put_back(run)).moved == COUNT
    assert sorted(ground.left()) == list(range(COUNT))


@pytest.mark.parametrize("after", range(1, COUNT + 1))
@pytest.mark.parametrize("verb", [Verb.REDRIVE, Verb.DISCARD])
async def test_killed_and_put_back_again(
    ground: Ground, after: int, verb: Verb, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost; nothing comes twice but named suspects on RabbitMQ, whose queues can't be asked."""
    monkeypatch.setattr(putback, "CHUNK_SIZE", 3)
    ground.put(range(COUNT))
    operator = Operator(ground)
    run = (await operator.run(operator.order(verb))).run
    await operator.killed(lambda: operator.put_back(run), after)
    suspects: tuple[str, ...] = ()
    if last().state != "done" and len(ground.left()) < COUNT:
        back = await planned(operator, run)
        assert ("in-doubt" in {risk.name for risk in back.plan.risks}) is ground.doubles
    if last().state != "done" and (ground.doubles or len(ground.left()) < COUNT):
        suspects = whole(await operator.put_back(run)).suspects
    times = Counter(ground.left())
    assert set(times) == set(range(COUNT))
    doubled = [number for number, seen in times.items() if seen > 1]
    assert ground.doubles or doubled == []
    assert all(any(f"m{number} " in suspect for suspect in suspects) for number in doubled)
    with pytest.raises(NotFound):
        await operator.put_back(run)


async def test_killed_after_letters_were_unmarked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka: the marks are gone, and nobody wrote it down; the broker knows better than the journal."""
    ground = KafkaGround()
    ground.put(range(COUNT))
    operator = Operator(ground)
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
    bury()
    assert ground.left() == [0, 2, 4, 6, 1, 3, 5]
    whole(await operator.run(operator.order(limit=2)))
    assert whole(await operator.put_back(run)).moved == 0
    assert len(ground.left()) == COUNT - 2


@pytest.mark.parametrize("after", [1, 3, 4])
@pytest.mark.parametrize("made", PRODUCING)
async def test_a_broker_that_dies_while_letters_are_put_back(
    made: type[Ground], after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = made()
    monkeypatch.setattr(putback, "CHUNK_SIZE", 2)
    ground.put(range(COUNT))
    operator = Operator(ground)
    run = (await operator.run()).run
    ground.server.faults.break_after = after
    with pytest.raises(BrokerTrouble):
        await operator.put_back(run)
    assert last().state == "failed"
    ground.server.faults.unreachable = False
    result = whole(await operator.put_back(run))
    assert set(ground.left()) == set(range(COUNT))
    assert ground.doubles or len(ground.left()) == COUNT
    assert named(result, [number for number, times in Counter(ground.left()).items() if times > 1])


@pytest.mark.parametrize("made", PRODUCING)
async def test_a_lost_reply_is_settled_by_the_next(made: type[Ground]) -> None:
    ground = made()
    ground.put(range(3))
    operator = Operator(ground)
    run = (await operator.run()).run
    ground.server.faults.lose_replies = 1
    assert whole(await operator.put_back(run)).unknown == 1
    if ground.kind is BrokerKind.REDIS:
        with pytest.raises(NotFound):
            await operator.put_back(run)
        assert sorted(ground.left()) == [0, 1, 2]
    else:
        result = whole(await operator.put_back(run))
        assert (result.moved, len(result.suspects)) == (1, 1)


async def test_the_plan_tells_who_passed_the_copies() -> None:
    ground = KafkaGround()
    ground.put(range(6))
    operator = Operator(ground)
    run = (await operator.run()).run
    for partition in range(3):
        ground.server.commit("billing", ground.origin, partition, 1)
    copies = len({place(record)[0] for record in ground.server.records(ground.origin)})
    (risk,) = (await planned(operator, run)).plan.risks
    assert risk.text == f"billing has passed {copies} of 6 copies in orders"
    ground.unmake(ground.origin)
    (risk,) = (await planned(operator, run)).plan.risks
    assert risk.text == COPIES_STAY


async def test_letters_that_crossed_over_come_back() -> None:
    ground, remote = KafkaGround(), RedisGround()
    ground.put(range(4))
    operator = Operator(ground, remote)
    run = (await operator.run(operator.order(to=remote.origin))).run
    assert ground.left() == []
    assert whole(await Operator(ground).put_back(run)).moved == 4
    assert sorted(ground.left()) == [0, 1, 2, 3]


async def test_what_cannot_be_put_back(ground: Ground) -> None:
    ground.put(range(3))
    operator = Operator(ground)
    run = (await operator.run()).run
    with pytest.raises(NeedsConsent):
        await operator.put_back(run, Consent())
    assert len(Journal().list_runs()) == 1
    if ground.kind is not BrokerKind.KAFKA:
        bundles.bundle_path(run).unlink()
        with pytest.raises(Refused, match="bundle"):
            await operator.put_back(run)
        return
    await operator.put_back(run)
    with pytest.raises(Refused, match="A put back"):
        await operator.put_back(last().id)


async def test_a_run_that_goes_on_is_not_put_back(ground: Ground) -> None:
    ground.put(range(3))
    operator = Operator(ground)
    run = (await operator.run()).run
    journal = Journal()
    record = replace(journal.find(run), id="a" * 32, state="running", ended=None)
    journal.begin(record)
    with pytest.raises(Held):
        await operator.put_back(record.id)
