"""Runs killed at every letter and resumed: nothing lost, doubles only where the broker can't help it, named (C6)."""

from __future__ import annotations

import pytest

from mqtui.domain.capability import Verb
from mqtui.domain.errors import BrokerTrouble
from mqtui.domain.plan import Result
from mqtui.domain.policy import Consent
from mqtui.domain.resource import BrokerKind
from mqtui.state.journal import Journal, LettersInFlight
from tests.memory import Killed, MemoryRabbitMQ, MemoryRedis
from tests.services.memory_fixtures import MemoryFixture, RabbitMQFixture, RedisFixture
from tests.services.redrive_operator import Operator, assert_complete, last_run, mark_processes_dead, small_batches

COUNT = 11


def named(result: Result, doubled: list[int]) -> bool:
    """Whether each doubled letter is among the suspects (RabbitMQ names them by their message id)."""
    return all(any(f"m{number} " in suspect for suspect in result.suspects) for number in doubled)


def settled(broker: MemoryFixture, result: Result, wanted: list[int]) -> None:
    """Every wanted letter is home, none is left, and the run says so."""
    home = broker.returned()
    assert set(home) == set(wanted)
    assert not set(broker.unhandled()) & set(wanted)
    assert broker.may_duplicate or not broker.duplicates()
    assert named(result, broker.duplicates())
    assert assert_complete(result).moved == result.planned == len(wanted)
    record = last_run()
    assert record.state == "done"
    assert Journal().count_outcomes(record.id) == {"moved": len(wanted)}
    assert Journal().unfinished_letters(record.id) == []


@pytest.mark.parametrize("after", range(1, COUNT + 1))
@pytest.mark.parametrize("size", [3, 100])
async def test_killed_at_any_letter_and_resumed(
    broker: MemoryFixture, after: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_batches(monkeypatch, size)
    broker.add_dead_letters(range(COUNT))
    operator = Operator(broker)
    assert await operator.is_killed_during(operator.run, after)
    record = last_run()
    assert record.interrupted
    settled(broker, await operator.resume(record.id), list(range(COUNT)))


@pytest.mark.parametrize("batches", [1, 2, 4])
async def test_killed_before_the_reply(broker: MemoryFixture, batches: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of a batch is stored and removed, and nobody heard of it."""
    small_batches(monkeypatch, 3)
    broker.add_dead_letters(range(COUNT))
    operator = Operator(broker)
    assert await operator.is_killed_during(operator.run, batches=batches)
    result = await operator.resume(last_run().id)
    settled(broker, result, list(range(COUNT)))
    assert not broker.duplicates()


@pytest.mark.parametrize("first", [1, 4, 8])
@pytest.mark.parametrize("second", [1, 2, 5])
async def test_the_resume_is_killed_too(
    broker: MemoryFixture, first: int, second: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_batches(monkeypatch, 3)
    broker.add_dead_letters(range(COUNT))
    operator = Operator(broker)
    assert await operator.is_killed_during(operator.run, first)
    run = last_run().id
    await operator.is_killed_during(lambda: operator.resume(run), second)
    if last_run().state == "done":
        return settled(broker, operator.result, list(range(COUNT)))
    await operator.is_killed_during(lambda: operator.resume(run), batches=1)
    if last_run().state != "done":
        await operator.resume(run)
    settled(broker, operator.result, list(range(COUNT)))


@pytest.mark.parametrize("after", range(1, 6))
async def test_a_limit_is_kept_over_kills(broker: MemoryFixture, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    small_batches(monkeypatch, 2)
    broker.add_dead_letters(range(COUNT))
    operator = Operator(broker)
    assert await operator.is_killed_during(lambda: operator.run(operator.request(limit=5)), after)
    run = last_run().id
    await operator.is_killed_during(lambda: operator.resume(run), 1)
    if last_run().state != "done":
        await operator.resume(run)
    result = assert_complete(operator.result)
    assert (result.planned, result.moved) == (5, 5)
    assert len(set(broker.returned())) == 5
    assert sorted([*set(broker.returned()), *broker.unhandled()]) == list(range(COUNT))
    assert named(result, broker.duplicates())


@pytest.mark.parametrize("after", [1, 2, 3])
async def test_a_selection_and_its_limit_are_kept_over_kills(
    broker: MemoryFixture, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_batches(monkeypatch, 2)
    broker.add_dead_letters(range(COUNT))
    operator = Operator(broker)
    where = '($m.value // ($m.fields | map(select(.[0] == "value"))[0][1]) | tonumber) % 2 == 1'
    assert await operator.is_killed_during(lambda: operator.run(operator.request(where=where, limit=4)), after)
    result = assert_complete(await operator.resume(last_run().id))
    assert result.moved == result.planned == 4
    assert len(set(broker.returned())) == 4
    assert all(number % 2 for number in broker.returned())
    assert sorted([*set(broker.returned()), *broker.unhandled()]) == list(range(COUNT))
    assert named(result, broker.duplicates())


@pytest.mark.parametrize("after", [1, 3, 6])
async def test_a_discard_is_killed_and_resumed(
    broker: MemoryFixture, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is stored, so the process is killed as it writes down that letters are in hand."""
    small_batches(monkeypatch, 2)
    broker.add_dead_letters(range(COUNT))
    operator = Operator(broker)
    calls = 0
    plain = Journal.record_outcomes

    def dying(self: Journal, run: str, number: int, dones: list[tuple[str, str, str, str]]) -> None:
        nonlocal calls
        calls += 1
        if calls >= after:
            raise Killed
        plain(self, run, number, dones)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "record_outcomes", dying)
        patch.setattr(Journal, "end", lambda *_: None)
        with pytest.raises(Killed):
            await operator.run(operator.request(Verb.DISCARD))
    mark_processes_dead()
    in_hand = {mark[0] for mark in Journal().unfinished_letters(last_run().id)}
    result = assert_complete(await operator.resume(last_run().id))
    assert (result.planned, result.moved + result.unknown, result.suspects) == (COUNT, COUNT, ())
    assert broker.unhandled() == [] == broker.returned()
    unknown = {done[0] for done in Journal().read_outcomes(last_run().id) if done[1] == "unknown"}
    assert unknown <= in_hand
    assert len(unknown) == len(result.unknowns) == result.unknown
    assert bool(unknown) is broker.may_duplicate, "a queue does not tell who removed a letter"
    assert assert_complete(await operator.put_back(last_run().id)).moved == COUNT


@pytest.mark.parametrize("after", range(1, COUNT + 1))
async def test_a_broker_that_dies_on_the_way(
    broker: MemoryFixture, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_batches(monkeypatch, 4)
    broker.add_dead_letters(range(COUNT))
    operator = Operator(broker)
    broker.server.faults.break_after = after
    with pytest.raises(BrokerTrouble):
        await operator.run()
    told = assert_complete(operator.result)
    assert (told.planned, last_run().state) == (COUNT, "failed")
    assert told.moved <= len(set(broker.returned())) <= told.moved + told.unknown
    assert broker.may_duplicate or told.suspects == ()
    broker.server.faults.unreachable = False
    settled(broker, await operator.resume(last_run().id), list(range(COUNT)))


async def test_letters_that_came_later_are_not_in_a_resume(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(6))
    operator = Operator(broker)
    assert await operator.is_killed_during(operator.run, 3)
    broker.add_dead_letters(range(100, 104))
    result = assert_complete(await operator.resume(last_run().id))
    assert result.moved == 6
    assert operator.planned.plan.count.number in (3, 6)
    assert set(broker.returned()) == set(range(6))
    assert sorted(broker.unhandled()) == list(range(100, 104))


async def test_a_lost_reply_stays_open_and_a_resume_settles_it(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(6))
    operator = Operator(broker)
    broker.server.faults.lose_replies = 2
    result = assert_complete(await operator.run())
    assert (result.moved, result.unknown) == (4, 2)
    record = last_run()
    assert record.state == "done"
    assert len(Journal().unfinished_letters(record.id)) == 2
    settled(broker, await operator.resume(record.id), list(range(6)))


class Limited(RabbitMQFixture):
    """Dead letters that may be returned once."""

    def __init__(self) -> None:
        super().__init__()
        self.source = self.server.declare("work.dlq", "quorum", limit=1)


@pytest.mark.parametrize("after", range(1, 7))
@pytest.mark.parametrize("spent", [0, 1])
async def test_letters_with_no_delivery_left_are_restored_from_the_bundle(after: int, spent: int) -> None:
    broker = Limited()
    broker.add_dead_letters(range(6))
    for item in broker.server.queues["work.dlq"].items:
        item.deliveries = spent
    operator = Operator(broker)
    assert await operator.is_killed_during(operator.run, after)
    assert broker.unhandled() == ([] if spent else list(range(6)))
    settled(broker, await operator.resume(last_run().id), list(range(6)))


@pytest.mark.parametrize("spent", [0, 1])
async def test_letters_that_only_the_bundle_has_are_restored(spent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between bundle and journal: a letter without a delivery left is in neither queue, and in no journal."""
    small_batches(monkeypatch, 2)
    broker = Limited()
    broker.add_dead_letters(range(6))
    for item in broker.server.queues["work.dlq"].items:
        item.deliveries = spent
    operator = Operator(broker)
    hands: list[int] = []
    note = Journal.begin_batch

    def note_or_die(runs: Journal, run: str, marks: LettersInFlight) -> int:
        hands.append(len(marks))
        if len(hands) == 2:
            broker.server.faults.die_after = None
            raise Killed
        return note(runs, run, marks)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "begin_batch", note_or_die)
        assert await operator.is_killed_during(operator.run, after=100)
    assert broker.unhandled() == [] if spent else set(broker.unhandled()) >= {2, 3, 4, 5}
    settled(broker, await operator.resume(last_run().id), list(range(6)))
    assert set(broker.duplicates()) <= {0, 1}


async def test_a_restored_letter_that_is_refused_stays_open() -> None:
    broker = Limited()
    broker.add_dead_letters(range(2))
    for item in broker.server.queues["work.dlq"].items:
        item.deliveries = 1
    operator = Operator(broker)
    assert await operator.is_killed_during(operator.run, 1)
    broker.server.faults.max_size = 1
    result = assert_complete(await operator.resume(last_run().id))
    assert (result.moved, result.refused) == (0, 2)
    broker.server.faults.max_size = None
    settled(broker, await operator.resume(last_run().id), [0, 1])


async def test_suspects_are_kept_in_mind_over_a_second_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first resume settled its suspects and wrote so down; the second one still names them."""
    small_batches(monkeypatch, 3)
    broker = RabbitMQFixture()
    broker.add_dead_letters(range(COUNT))
    operator = Operator(broker)
    assert await operator.is_killed_during(lambda: operator.run(operator.request(rate=1000)), 2)
    run = last_run().id
    assert await operator.is_killed_during(lambda: operator.resume(run), 5)
    assert Journal().count_outcomes(run) == {"moved": 3}
    settled(broker, await operator.resume(run), list(range(COUNT)))
    assert broker.duplicates() == [0, 1, 3, 4]


async def test_suspects_that_came_back_to_the_tail_are_met() -> None:
    """A quorum queue without a limit gives them back so: a resume of a limited run walks on, which costs nothing."""
    broker = RabbitMQFixture()
    broker.add_dead_letters(range(20))
    operator = Operator(broker)
    assert await operator.is_killed_during(lambda: operator.run(operator.request(limit=5)), 3)
    items = broker.server.queues["work.dlq"].items
    for item in items[:3]:
        item.seat = broker.server.next_position()
    items.sort()
    assert broker.unhandled()[-3:] == [0, 1, 2]
    result = assert_complete(await operator.resume(last_run().id))
    assert (result.planned, result.moved) == (5, 5)
    assert set(broker.returned()) == {0, 1, 2, 3, 4}
    assert broker.unhandled() == list(range(5, 20))


async def test_limits_of_a_queue_are_not_spent_by_looking_for_suspects() -> None:
    """R2: what was in hand comes back to the head, so a resume of a limited run reads no further."""
    broker = RabbitMQFixture()
    broker.source = broker.server.declare("work.dlq", "quorum", limit=20)
    broker.add_dead_letters(range(50))
    operator = Operator(broker)
    assert await operator.is_killed_during(lambda: operator.run(operator.request(limit=6)), 4)
    result = assert_complete(await operator.resume(last_run().id))
    assert result.moved == 6
    assert sum(item.deliveries > 0 for item in broker.server.queues["work.dlq"].items) <= 6
    assert set(broker.returned()) == set(range(6))


def purge(broker: MemoryFixture) -> None:
    """Somebody else empties the source."""
    server = broker.server
    if isinstance(server, MemoryRabbitMQ):
        server.queues[broker.source.name].items.clear()
    elif isinstance(server, MemoryRedis):
        server.streams[broker.source.name].entries.clear()
    else:
        for partition in server.topic(broker.source).partitions:
            partition.low = partition.next
            partition.records.clear()


@pytest.mark.parametrize("after", [1, 4, 7])
async def test_killed_and_then_purged_by_somebody_else(
    broker: MemoryFixture, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C13: moved is only what is proven; of letters in hand nobody knows, of the others it is known that they left."""
    small_batches(monkeypatch, 3)
    broker.add_dead_letters(range(COUNT))
    operator = Operator(broker)
    assert await operator.is_killed_during(operator.run, after)
    purge(broker)
    in_hand = {mark[0] for mark in Journal().unfinished_letters(last_run().id)}
    home = len(broker.returned())
    result = assert_complete(await operator.resume(last_run().id))
    assert result.moved <= home
    assert {done[0] for done in Journal().read_outcomes(last_run().id) if done[1] == "unknown"} <= in_hand
    assert result.moved + result.unknown + result.skipped == COUNT
    assert result.unknown == len(result.unknowns)
    assert result.gone == result.skipped
    assert not result.whole
    assert sum(number for _, number in result.reasons) == result.unknown + result.skipped
    again = len(broker.returned())
    assert again == home
    if broker.server.kind is not BrokerKind.KAFKA and result.unknown:
        back = assert_complete(await operator.put_back(last_run().id))
        assert back.moved == result.moved + result.unknown
        assert len(back.suspects) == result.unknown


async def test_no_consent_changes_nothing(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(3))
    before = list(broker.server.events)
    with pytest.raises(Exception, match="not confirmed"):
        await Operator(broker).run(consent=Consent())
    assert broker.server.events == before


async def test_what_a_queue_dropped_is_restored_on_the_other_broker() -> None:
    broker, remote = Limited(), RedisFixture()
    broker.add_dead_letters(range(4))
    for item in broker.server.queues["work.dlq"].items:
        item.deliveries = 1
    operator = Operator(broker, remote)
    assert await operator.is_killed_during(lambda: operator.run(operator.request(to=remote.origin)), 2)
    assert broker.unhandled() == []
    result = assert_complete(await operator.resume(last_run().id))
    assert result.moved == 4
    assert set(remote.returned()) == set(range(4))
    assert broker.returned() == []
    assert {suspect.split()[1] for suspect in result.suspects} == {"m0", "m1", "m2", "m3"}


async def test_a_discarded_letter_is_not_restored() -> None:
    """It was to go, and its queue dropped it: it is gone, and in the bundle."""
    broker = Limited()
    broker.add_dead_letters(range(3))
    for item in broker.server.queues["work.dlq"].items:
        item.deliveries = 1
    operator = Operator(broker)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "record_outcomes", died)
        patch.setattr(Journal, "end", died)
        with pytest.raises(Killed):
            await operator.run(operator.request(Verb.DISCARD))
    mark_processes_dead()
    result = assert_complete(await operator.resume(last_run().id))
    assert (result.unknown, len(result.unknowns), result.suspects) == (3, 3, ())
    assert broker.returned() == broker.unhandled() == []
    assert assert_complete(await operator.put_back(last_run().id)).moved == 3


def died(*_: object) -> None:
    raise Killed
