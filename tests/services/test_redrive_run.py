"""A run: what is moved, what stays and why, and that the outcomes sum up to what was planned (C8)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from mqtui.domain.bulk import FencedDuringMove
from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput, Held, NotFound, Refused
from mqtui.domain.message import Offset, Outgoing
from mqtui.domain.policy import Consent
from mqtui.domain.resource import Kind, Ref
from mqtui.services import rate_limit
from mqtui.services.conventions import load_for_profile
from mqtui.services.deadletters import read_causes
from mqtui.services.redrive.run.outcome_counter import OutcomeCounter
from mqtui.services.session import open_session
from mqtui.state.audit import Audit
from mqtui.state.journal import Journal
from tests.memory import MemoryKafka
from tests.services.grounds import WHY, Ground, KafkaGround, RabbitMQGround
from tests.services.operator import YES, Operator, last, small_batches, whole

COUNT = 12
ODD = '($m.value // ($m.fields | map(select(.[0] == "value"))[0][1]) | tonumber) % 2 == 1'


async def cause_of(ground: Ground, number: int) -> str:
    """The cause id of a letter."""
    async with open_session(ground.url, adapters=ground.connect) as session:
        price = await session.broker.reader.peek_cost(ground.source, 1)
        found = await read_causes(session, ground.source, price, load_for_profile().conventions, YES)
    return next(cause.id for cause in found if WHY[number % 3] in cause.text)


async def test_all_letters_go_home(ground: Ground) -> None:
    ground.put(range(COUNT))
    result = whole(await Operator(ground).run())
    assert (result.planned, result.moved, result.suspects) == (COUNT, COUNT, ())
    assert sorted(ground.home()) == list(range(COUNT))
    assert ground.left() == []
    record = last()
    assert (record.state, record.planned) == ("done", COUNT)
    assert Journal().count_outcomes(record.id) == {"moved": COUNT}
    assert Journal().unfinished_letters(record.id) == []
    begun, ended = Audit().entries()
    assert (begun.event, begun.run, begun.planned) == ("begin", record.id, COUNT)
    assert (ended.event, ended.result) == ("end", f"{COUNT} moved")


async def test_nothing_to_do(ground: Ground) -> None:
    result = whole(await Operator(ground).run())
    assert (result.planned, result.moved) == (0, 0)


async def test_a_limit(ground: Ground) -> None:
    ground.put(range(COUNT))
    operator = Operator(ground)
    result = whole(await operator.run(operator.order(limit=5)))
    assert (result.planned, result.moved, len(ground.home())) == (5, 5, 5)
    assert sorted([*ground.home(), *ground.left()]) == list(range(COUNT))


@pytest.mark.parametrize("whole_id", [True, False])
async def test_a_cause(ground: Ground, whole_id: bool) -> None:
    ground.put(range(COUNT))
    operator = Operator(ground)
    cause = await cause_of(ground, 1)
    result = whole(await operator.run(operator.order(cause=cause if whole_id else cause[:4].upper())))
    assert sorted(ground.home()) == [number for number in range(COUNT) if number % 3 == 1]
    assert result.moved == result.planned == COUNT // 3
    assert sorted(ground.left()) == [number for number in range(COUNT) if number % 3 != 1]


async def test_a_cause_that_no_letter_has(ground: Ground) -> None:
    ground.put(range(3))
    operator = Operator(ground)
    if isinstance(ground, RabbitMQGround):
        assert whole(await operator.run(operator.order(cause="00000000"))).planned == 0
    else:
        with pytest.raises(NotFound, match="has the cause"):
            await operator.run(operator.order(cause="00000000"))
    assert sorted(ground.left()) == [0, 1, 2]


async def test_a_jq_program(ground: Ground) -> None:
    ground.put(range(COUNT))
    operator = Operator(ground)
    result = whole(await operator.run(operator.order(where=ODD, limit=4)))
    assert sorted(ground.home()) == [1, 3, 5, 7]
    assert result.moved == result.planned == 4


async def test_a_program_or_a_cause_that_cannot_be_read(ground: Ground) -> None:
    operator = Operator(ground)
    for order in (operator.order(where="]["), operator.order(cause="abc")):
        with pytest.raises(BadInput):
            await operator.plan(order)


async def test_times(ground: Ground) -> None:
    ground.put(range(COUNT))
    operator = Operator(ground)
    whole(await operator.run(operator.order(since=ground.time(3), until=ground.time(7))))
    assert sorted(ground.home()) == [3, 4, 5, 6]
    whole(await operator.run(operator.order(since=ground.time(10))))
    assert sorted(ground.home()) == [3, 4, 5, 6, 10, 11]


async def test_a_partition() -> None:
    ground = KafkaGround()
    ground.put(range(COUNT))
    operator = Operator(ground)
    result = whole(await operator.run(operator.order(partition=1)))
    assert sorted(ground.home()) == [1, 3, 5, 7, 9, 11]
    assert result.planned == 6
    assert "mqtui.state" in ground.server.topics


async def test_one_place_for_all(ground: Ground) -> None:
    ground.put(range(4))
    other = ground.make("elsewhere")
    operator = Operator(ground)
    whole(await operator.run(operator.order(to=other)))
    assert sorted(ground.values(other)) == [0, 1, 2, 3]
    assert ground.home() == []


async def test_a_letter_that_is_refused_stays_and_is_named(ground: Ground) -> None:
    ground.put(range(6))
    large = ground.letter(2)
    content = b"%0400d" % 7
    fields = tuple((name, content if name == b"value" else value) for name, value in large.fields)
    ground.server.store(replace(large, value=content if large.value is not None else None, fields=fields))
    ground.server.faults.max_size = 400
    operator = Operator(ground)
    result = whole(await operator.run())
    assert (result.planned, result.moved, result.refused) == (7, 6, 1)
    ((reason, number),) = result.reasons
    assert number == 1
    assert reason.startswith("too large")
    assert ground.left() == [7]
    refused = [done for done in Journal().read_outcomes(last().id) if done[1] == "refused"]
    assert [done[3] for done in refused] == [reason]


async def test_letters_of_an_unknown_origin_stay(ground: Ground) -> None:
    ground.put(range(4))
    ground.put([4, 5], origin="gone")
    result = whole(await Operator(ground).run())
    assert (result.planned, result.moved, result.refused) == (6, 4, 2)
    assert sorted(ground.left()) == [4, 5]
    assert sum(number for _, number in result.reasons) == 2


async def test_unroutable_letters_come_back() -> None:
    """R6: a mandatory message that no queue gets is returned; the letter stays."""
    ground = RabbitMQGround()
    ground.put(range(4))
    exchange = ground.server.exchange("orders")
    operator = Operator(ground)
    result = whole(await operator.run(operator.order(to=exchange)))
    assert (result.moved, result.refused) == (0, 4)
    assert result.reasons == (("unroutable: 312 NO_ROUTE", 4),)
    assert ground.left() == [0, 1, 2, 3]
    ground.server.bind(exchange, "invoice", ground.origin)
    assert whole(await operator.run(operator.order(to=exchange))).moved == 4
    assert ground.home() == [0, 1, 2, 3]


async def test_what_others_took_meanwhile_is_skipped(ground: Ground) -> None:
    """Between plan and run half of the letters are handled by another run."""
    ground.put(range(6))
    planned = await Operator(ground).plan()
    other = Operator(ground)
    whole(await other.run(other.order(limit=3)))
    result = whole(await Operator(ground).run_planned(planned))
    assert (result.planned, result.moved, result.skipped) == (6, 3, 3)
    assert sorted(ground.home()) == list(range(6))


async def test_a_stop_finishes_the_hand(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    small_batches(monkeypatch, 2)
    ground.put(range(COUNT))
    operator = Operator(ground, stop_at=3)
    result = whole(await operator.run())
    assert 3 <= result.moved < COUNT
    assert result.left == COUNT - result.moved
    assert (result.unknown, result.suspects) == (0, ())
    assert len(ground.home()) == result.moved
    record = last()
    assert record.state == "stopped"
    assert Journal().unfinished_letters(record.id) == []
    whole(await Operator(ground).resume(record.id))
    assert sorted(ground.home()) == list(range(COUNT))


async def test_a_rate(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most a second's worth is in hand at once, and on average no more than the rate is sent."""
    now = 0.0
    pauses: list[tuple[int, float]] = []

    async def passing(waiting: Awaitable[Any], seconds: float) -> None:
        nonlocal now
        asyncio.ensure_future(waiting).cancel()
        now += seconds
        pauses.append((len(ground.home()), seconds))
        raise TimeoutError

    monkeypatch.setattr(rate_limit, "monotonic", lambda: now)
    monkeypatch.setattr(rate_limit, "asyncio", SimpleNamespace(wait_for=passing, sleep=None))
    ground.put(range(10))
    operator = Operator(ground)
    assert whole(await operator.run(operator.order(rate=4))).moved == 10
    assert pauses == [(4, 1.0), (8, 1.0), (10, 0.5)]


async def test_pace() -> None:
    assert (
        rate_limit.RateLimiter(None).batch_size(500),
        rate_limit.RateLimiter(20).batch_size(500),
        rate_limit.RateLimiter(0.2).batch_size(500),
    ) == (500, 20, 1)
    stop = asyncio.Event()
    stop.set()
    await rate_limit.RateLimiter(0.001).wait_after(1, stop)
    await rate_limit.RateLimiter(None).wait_after(1_000_000)
    began = asyncio.get_running_loop().time()
    await rate_limit.RateLimiter(1000).wait_after(30)
    assert asyncio.get_running_loop().time() - began >= 0.02


async def test_a_topic_is_held_by_one_run_at_a_time() -> None:
    """K3: the run of a killed process holds the topic for others until it is fenced or lapses."""
    ground = KafkaGround()
    ground.put(range(6))
    operator = Operator(ground)
    assert await operator.killed(operator.run, 3)
    with pytest.raises(Held):
        await operator.run()
    assert last().state == "failed"
    whole(await operator.run(replace(operator.order(), take_over=True)))
    assert sorted(ground.home()) == list(range(6))


class Fenced(Operator):
    """Another run takes the topic over once the first batch is settled, and handles all that is left."""

    def _progress(self, ledger: OutcomeCounter) -> None:
        server = self.ground.server
        assert isinstance(server, MemoryKafka)
        topic = server.topic(self.ground.source)
        server.runs[topic.id] = replace(server.runs[topic.id], run="b" * 32, operator="grace")
        for number in range(len(topic.partitions)):
            for offset in range(100):
                server.marked_by.setdefault((topic.id, Offset(number, offset)), "b" * 32)


async def test_letters_of_a_run_that_took_over_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """C8: the loser says of each letter in hand what became of it, and leaves none of them in doubt."""
    small_batches(monkeypatch, 2)
    ground = KafkaGround()
    ground.put(range(12))
    operator = Fenced(ground)
    with pytest.raises(FencedDuringMove, match="grace"):
        await operator.run()
    result = whole(operator.result)
    assert (result.skipped, result.unknown) == (2, 0)
    assert result.moved == len(ground.home()) > 0
    record = last()
    assert record.state == "failed"
    assert Journal().count_outcomes(record.id) == {"moved": result.moved, "skipped": 2}


async def test_consumers_of_a_queue_must_be_agreed_to() -> None:
    ground = RabbitMQGround()
    ground.put(range(4))
    ground.server.queues["work.dlq"].consumers.append("another program")
    operator = Operator(ground)
    with pytest.raises(Refused, match="shared"):
        await operator.run()
    assert ground.left() == [0, 1, 2, 3]
    consent = Consent(yes=True, allowed=frozenset({"shared"}))
    whole(await operator.run(replace(operator.order(), shared=True), consent))
    assert ground.home() == [0, 1, 2, 3]


async def test_a_discard(ground: Ground) -> None:
    ground.put(range(6))
    operator = Operator(ground)
    result = whole(await operator.run(operator.order(Verb.DISCARD, where=ODD)))
    assert (result.planned, result.moved) == (3, 3)
    assert ground.home() == []
    assert sorted(ground.left()) == [0, 2, 4]


async def test_names_that_are_not_utf8() -> None:
    ground = RabbitMQGround()
    ground.source = ground.server.declare("caf\udce9.dlq")
    ground.origin = ground.server.declare("caf\udce9", dead_to="caf\udce9.dlq")
    ground.server.store(Outgoing(ground.source, b"1"))
    operator = Operator(ground)
    assert await operator.killed(operator.run, 1)
    whole(await operator.resume(last().id))
    assert set(ground.home()) == {1}
    assert last().source == Ref(Kind.QUEUE, "caf\udce9.dlq")
