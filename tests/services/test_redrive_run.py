"""A run: what is moved, what stays and why, and that the outcomes sum up to what was planned (C8)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest
from msgspec import structs

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
from tests.services.memory_fixtures import EXCEPTIONS, KafkaFixture, MemoryFixture, RabbitMQFixture
from tests.services.redrive_operator import CONFIRMED, Operator, assert_complete, last_run, small_batches

COUNT = 12
ODD = '($m.value // ($m.fields | map(select(.[0] == "value"))[0][1]) | tonumber) % 2 == 1'


async def cause_of(broker: MemoryFixture, number: int) -> str:
    """The cause id of a letter."""
    async with open_session(broker.url, adapters=broker.connect) as session:
        price = await session.broker.reader.peek_cost(broker.source, 1)
        found = await read_causes(session, broker.source, price, load_for_profile().conventions, CONFIRMED)
    return next(cause.id for cause in found if EXCEPTIONS[number % 3] in cause.text)


async def test_all_letters_go_home(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(COUNT))
    result = assert_complete(await Operator(broker).run())
    assert (result.planned, result.moved, result.suspects) == (COUNT, COUNT, ())
    assert sorted(broker.returned()) == list(range(COUNT))
    assert broker.unhandled() == []
    record = last_run()
    assert (record.state, record.planned) == ("done", COUNT)
    assert Journal().count_outcomes(record.id) == {"moved": COUNT}
    assert Journal().unfinished_letters(record.id) == []
    begun, ended = Audit().entries()
    assert (begun.event, begun.run, begun.planned) == ("begin", record.id, COUNT)
    assert (ended.event, ended.result) == ("end", f"{COUNT} moved")


async def test_nothing_to_do(broker: MemoryFixture) -> None:
    result = assert_complete(await Operator(broker).run())
    assert (result.planned, result.moved) == (0, 0)


async def test_a_limit(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(COUNT))
    operator = Operator(broker)
    result = assert_complete(await operator.run(operator.request(limit=5)))
    assert (result.planned, result.moved, len(broker.returned())) == (5, 5, 5)
    assert sorted([*broker.returned(), *broker.unhandled()]) == list(range(COUNT))


@pytest.mark.parametrize("whole_id", [True, False])
async def test_a_cause(broker: MemoryFixture, whole_id: bool) -> None:
    broker.add_dead_letters(range(COUNT))
    operator = Operator(broker)
    cause = await cause_of(broker, 1)
    result = assert_complete(await operator.run(operator.request(cause=cause if whole_id else cause[:4].upper())))
    assert sorted(broker.returned()) == [number for number in range(COUNT) if number % 3 == 1]
    assert result.moved == result.planned == COUNT // 3
    assert sorted(broker.unhandled()) == [number for number in range(COUNT) if number % 3 != 1]


async def test_a_cause_that_no_letter_has(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(3))
    operator = Operator(broker)
    if isinstance(broker, RabbitMQFixture):
        assert assert_complete(await operator.run(operator.request(cause="00000000"))).planned == 0
    else:
        with pytest.raises(NotFound, match="has the cause"):
            await operator.run(operator.request(cause="00000000"))
    assert sorted(broker.unhandled()) == [0, 1, 2]


async def test_a_jq_program(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(COUNT))
    operator = Operator(broker)
    result = assert_complete(await operator.run(operator.request(where=ODD, limit=4)))
    assert sorted(broker.returned()) == [1, 3, 5, 7]
    assert result.moved == result.planned == 4


async def test_a_program_or_a_cause_that_cannot_be_read(broker: MemoryFixture) -> None:
    operator = Operator(broker)
    for order in (operator.request(where="]["), operator.request(cause="abc")):
        with pytest.raises(BadInput):
            await operator.plan(order)


async def test_times(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(COUNT))
    operator = Operator(broker)
    assert_complete(await operator.run(operator.request(since=broker.time(3), until=broker.time(7))))
    assert sorted(broker.returned()) == [3, 4, 5, 6]
    assert_complete(await operator.run(operator.request(since=broker.time(10))))
    assert sorted(broker.returned()) == [3, 4, 5, 6, 10, 11]


async def test_a_partition() -> None:
    broker = KafkaFixture()
    broker.add_dead_letters(range(COUNT))
    operator = Operator(broker)
    result = assert_complete(await operator.run(operator.request(partition=1)))
    assert sorted(broker.returned()) == [1, 3, 5, 7, 9, 11]
    assert result.planned == 6
    assert "mqtui.state" in broker.server.topics


async def test_one_place_for_all(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(4))
    other = broker.create("elsewhere")
    operator = Operator(broker)
    assert_complete(await operator.run(operator.request(to=other)))
    assert sorted(broker.values(other)) == [0, 1, 2, 3]
    assert broker.returned() == []


async def test_a_letter_that_is_refused_stays_and_is_named(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(6))
    large = broker.letter(2)
    content = b"%0400d" % 7
    fields = tuple((name, content if name == b"value" else value) for name, value in large.fields)
    broker.server.store(structs.replace(large, value=content if large.value is not None else None, fields=fields))
    broker.server.faults.max_size = 400
    operator = Operator(broker)
    result = assert_complete(await operator.run())
    assert (result.planned, result.moved, result.refused) == (7, 6, 1)
    ((reason, number),) = result.reasons
    assert number == 1
    assert reason.startswith("too large")
    assert broker.unhandled() == [7]
    refused = [done for done in Journal().read_outcomes(last_run().id) if done[1] == "refused"]
    assert [done[3] for done in refused] == [reason]


async def test_letters_of_an_unknown_origin_stay(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(4))
    broker.add_dead_letters([4, 5], origin="gone")
    result = assert_complete(await Operator(broker).run())
    assert (result.planned, result.moved, result.refused) == (6, 4, 2)
    assert sorted(broker.unhandled()) == [4, 5]
    assert sum(number for _, number in result.reasons) == 2


async def test_unroutable_letters_come_back() -> None:
    """R6: a mandatory message that no queue gets is returned; the letter stays."""
    broker = RabbitMQFixture()
    broker.add_dead_letters(range(4))
    exchange = broker.server.exchange("orders")
    operator = Operator(broker)
    result = assert_complete(await operator.run(operator.request(to=exchange)))
    assert (result.moved, result.refused) == (0, 4)
    assert result.reasons == (("unroutable: 312 NO_ROUTE", 4),)
    assert broker.unhandled() == [0, 1, 2, 3]
    broker.server.bind(exchange, "invoice", broker.origin)
    assert assert_complete(await operator.run(operator.request(to=exchange))).moved == 4
    assert broker.returned() == [0, 1, 2, 3]


async def test_what_others_took_meanwhile_is_skipped(broker: MemoryFixture) -> None:
    """Between plan and run half of the letters are handled by another run."""
    broker.add_dead_letters(range(6))
    planned = await Operator(broker).plan()
    other = Operator(broker)
    assert_complete(await other.run(other.request(limit=3)))
    result = assert_complete(await Operator(broker).run_planned(planned))
    assert (result.planned, result.moved, result.skipped) == (6, 3, 3)
    assert sorted(broker.returned()) == list(range(6))


async def test_a_stop_finishes_the_hand(broker: MemoryFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    small_batches(monkeypatch, 2)
    broker.add_dead_letters(range(COUNT))
    operator = Operator(broker, stop_at=3)
    result = assert_complete(await operator.run())
    assert 3 <= result.moved < COUNT
    assert result.left == COUNT - result.moved
    assert (result.unknown, result.suspects) == (0, ())
    assert len(broker.returned()) == result.moved
    record = last_run()
    assert record.state == "stopped"
    assert Journal().unfinished_letters(record.id) == []
    assert_complete(await Operator(broker).resume(record.id))
    assert sorted(broker.returned()) == list(range(COUNT))


async def test_a_rate(broker: MemoryFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most a second's worth is in hand at once, and on average no more than the rate is sent."""
    now = 0.0
    pauses: list[tuple[int, float]] = []

    def passing(seconds: float) -> asyncio.Timeout:
        nonlocal now
        now += seconds
        pauses.append((len(broker.returned()), seconds))
        return asyncio.timeout(0)

    monkeypatch.setattr(rate_limit, "monotonic", lambda: now)
    monkeypatch.setattr(rate_limit, "asyncio", SimpleNamespace(timeout=passing, sleep=None))
    broker.add_dead_letters(range(10))
    operator = Operator(broker)
    assert assert_complete(await operator.run(operator.request(rate=4))).moved == 10
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
    broker = KafkaFixture()
    broker.add_dead_letters(range(6))
    operator = Operator(broker)
    assert await operator.is_killed_during(operator.run, 3)
    with pytest.raises(Held):
        await operator.run()
    assert last_run().state == "failed"
    assert_complete(await operator.run(replace(operator.request(), take_over=True)))
    assert sorted(broker.returned()) == list(range(6))


class Fenced(Operator):
    """Another run takes the topic over once the first batch is settled, and handles all that is left."""

    def _progress(self, counter: OutcomeCounter) -> None:
        server = self.source.server
        assert isinstance(server, MemoryKafka)
        topic = server.topic(self.source.source)
        server.runs[topic.id] = replace(server.runs[topic.id], run="b" * 32, operator="grace")
        for number in range(len(topic.partitions)):
            for offset in range(100):
                server.marked_by.setdefault((topic.id, Offset(number, offset)), "b" * 32)


async def test_letters_of_a_run_that_took_over_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """C8: the loser says of each letter in hand what became of it, and leaves none of them in doubt."""
    small_batches(monkeypatch, 2)
    broker = KafkaFixture()
    broker.add_dead_letters(range(12))
    operator = Fenced(broker)
    with pytest.raises(FencedDuringMove, match="grace"):
        await operator.run()
    result = assert_complete(operator.result)
    assert (result.skipped, result.unknown) == (2, 0)
    assert result.moved == len(broker.returned()) > 0
    record = last_run()
    assert record.state == "failed"
    assert Journal().count_outcomes(record.id) == {"moved": result.moved, "skipped": 2}


async def test_consumers_of_a_queue_must_be_agreed_to() -> None:
    broker = RabbitMQFixture()
    broker.add_dead_letters(range(4))
    broker.server.queues["work.dlq"].consumers.append("another program")
    operator = Operator(broker)
    with pytest.raises(Refused, match="shared"):
        await operator.run()
    assert broker.unhandled() == [0, 1, 2, 3]
    consent = Consent(yes=True, allowed=frozenset({"shared"}))
    assert_complete(await operator.run(replace(operator.request(), shared=True), consent))
    assert broker.returned() == [0, 1, 2, 3]


async def test_a_discard(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(6))
    operator = Operator(broker)
    result = assert_complete(await operator.run(operator.request(Verb.DISCARD, where=ODD)))
    assert (result.planned, result.moved) == (3, 3)
    assert broker.returned() == []
    assert sorted(broker.unhandled()) == [0, 2, 4]


async def test_names_that_are_not_utf8() -> None:
    broker = RabbitMQFixture()
    broker.source = broker.server.declare("caf\udce9.dlq")
    broker.origin = broker.server.declare("caf\udce9", dead_to="caf\udce9.dlq")
    broker.server.store(Outgoing(broker.source, b"1"))
    operator = Operator(broker)
    assert await operator.is_killed_during(operator.run, 1)
    assert_complete(await operator.resume(last_run().id))
    assert set(broker.returned()) == {1}
    assert last_run().source == Ref(Kind.QUEUE, "caf\udce9.dlq")
