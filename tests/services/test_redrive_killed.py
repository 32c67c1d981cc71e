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
from tests.services.grounds import Ground, RabbitMQGround, RedisGround
from tests.services.operator import Operator, bury, last, small_batches, whole

COUNT = 11


def named(result: Result, doubled: list[int]) -> bool:
    """Whether each doubled letter is among the suspects (RabbitMQ names them by their message id)."""
    return all(any(f"m{number} " in suspect for suspect in result.suspects) for number in doubled)


def settled(ground: Ground, result: Result, wanted: list[int]) -> None:
    """Every wanted letter is home, none is left, and the run says so."""
    home = ground.home()
    assert set(home) == set(wanted)
    assert not set(ground.left()) & set(wanted)
    assert ground.doubles or not ground.doubled()
    assert named(result, ground.doubled())
    assert whole(result).moved == result.planned == len(wanted)
    record = last()
    assert record.state == "done"
    assert Journal().count_outcomes(record.id) == {"moved": len(wanted)}
    assert Journal().unfinished_letters(record.id) == []


@pytest.mark.parametrize("after", range(1, COUNT + 1))
@pytest.mark.parametrize("size", [3, 100])
async def test_killed_at_any_letter_and_resumed(
    ground: Ground, after: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_batches(monkeypatch, size)
    ground.put(range(COUNT))
    operator = Operator(ground)
    assert await operator.killed(operator.run, after)
    record = last()
    assert record.interrupted
    settled(ground, await operator.resume(record.id), list(range(COUNT)))


@pytest.mark.parametrize("batches", [1, 2, 4])
async def test_killed_before_the_reply(ground: Ground, batches: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of a batch is stored and removed, and nobody heard of it."""
    small_batches(monkeypatch, 3)
    ground.put(range(COUNT))
    operator = Operator(ground)
    assert await operator.killed(operator.run, batches=batches)
    result = await operator.resume(last().id)
    settled(ground, result, list(range(COUNT)))
    assert not ground.doubled()


@pytest.mark.parametrize("first", [1, 4, 8])
@pytest.mark.parametrize("second", [1, 2, 5])
async def test_the_resume_is_killed_too(
    ground: Ground, first: int, second: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_batches(monkeypatch, 3)
    ground.put(range(COUNT))
    operator = Operator(ground)
    assert await operator.killed(operator.run, first)
    run = last().id
    await operator.killed(lambda: operator.resume(run), second)
    if last().state == "done":
        return settled(ground, operator.result, list(range(COUNT)))
    await operator.killed(lambda: operator.resume(run), batches=1)
    if last().state != "done":
        await operator.resume(run)
    settled(ground, operator.result, list(range(COUNT)))


@pytest.mark.parametrize("after", range(1, 6))
async def test_a_limit_is_kept_over_kills(ground: Ground, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    small_batches(monkeypatch, 2)
    ground.put(range(COUNT))
    operator = Operator(ground)
    assert await operator.killed(lambda: operator.run(operator.order(limit=5)), after)
    run = last().id
    await operator.killed(lambda: operator.resume(run), 1)
    if last().state != "done":
        await operator.resume(run)
    result = whole(operator.result)
    assert (result.planned, result.moved) == (5, 5)
    assert len(set(ground.home())) == 5
    assert sorted([*set(ground.home()), *ground.left()]) == list(range(COUNT))
    assert named(result, ground.doubled())


@pytest.mark.parametrize("after", [1, 2, 3])
async def test_a_selection_and_its_limit_are_kept_over_kills(
    ground: Ground, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_batches(monkeypatch, 2)
    ground.put(range(COUNT))
    operator = Operator(ground)
    where = '($m.value // ($m.fields | map(select(.[0] == "value"))[0][1]) | tonumber) % 2 == 1'
    assert await operator.killed(lambda: operator.run(operator.order(where=where, limit=4)), after)
    result = whole(await operator.resume(last().id))
    assert result.moved == result.planned == 4
    assert len(set(ground.home())) == 4
    assert all(number % 2 for number in ground.home())
    assert sorted([*set(ground.home()), *ground.left()]) == list(range(COUNT))
    assert named(result, ground.doubled())


@pytest.mark.parametrize("after", [1, 3, 6])
async def test_a_discard_is_killed_and_resumed(ground: Ground, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is stored, so the process is killed as it writes down that letters are in hand."""
    small_batches(monkeypatch, 2)
    ground.put(range(COUNT))
    operator = Operator(ground)
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
            await operator.run(operator.order(Verb.DISCARD))
    bury()
    in_hand = {mark[0] for mark in Journal().unfinished_letters(last().id)}
    result = whole(await operator.resume(last().id))
    assert (result.planned, result.moved + result.unknown, result.suspects) == (COUNT, COUNT, ())
    assert ground.left() == [] == ground.home()
    unknown = {done[0] for done in Journal().read_outcomes(last().id) if done[1] == "unknown"}
    assert unknown <= in_hand
    assert len(unknown) == len(result.unknowns) == result.unknown
    assert bool(unknown) is ground.doubles, "a queue does not tell who removed a letter"
    assert whole(await operator.put_back(last().id)).moved == COUNT


@pytest.mark.parametrize("after", range(1, COUNT + 1))
async def test_a_broker_that_dies_on_the_way(ground: Ground, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    small_batches(monkeypatch, 4)
    ground.put(range(COUNT))
    operator = Operator(ground)
    ground.server.faults.break_after = after
    with pytest.raises(BrokerTrouble):
        await operator.run()
    told = whole(operator.result)
    assert (told.planned, last().state) == (COUNT, "failed")
    assert told.moved <= len(set(ground.home())) <= told.moved + told.unknown
    assert ground.doubles or told.suspects == ()
    ground.server.faults.unreachable = False
    settled(ground, await operator.resume(last().id), list(range(COUNT)))


async def test_letters_that_came_later_are_not_in_a_resume(ground: Ground) -> None:
    ground.put(range(6))
    operator = Operator(ground)
    assert await operator.killed(operator.run, 3)
    ground.put(range(100, 104))
    result = whole(await operator.resume(last().id))
    assert result.moved == 6
    assert operator.planned.plan.count.number in (3, 6)
    assert set(ground.home()) == set(range(6))
    assert sorted(ground.left()) == list(range(100, 104))


async def test_a_lost_reply_stays_open_and_a_resume_settles_it(ground: Ground) -> None:
    ground.put(range(6))
    operator = Operator(ground)
    ground.server.faults.lose_replies = 2
    result = whole(await operator.run())
    assert (result.moved, result.unknown) == (4, 2)
    record = last()
    assert record.state == "done"
    assert len(Journal().unfinished_letters(record.id)) == 2
    settled(ground, await operator.resume(record.id), list(range(6)))


class Limited(RabbitMQGround):
    """Dead letters that may be returned once."""

    def __init__(self) -> None:
        super().__init__()
        self.source = self.server.declare("work.dlq", "quorum", limit=1)


@pytest.mark.parametrize("after", range(1, 7))
@pytest.mark.parametrize("spent", [0, 1])
async def test_letters_with_no_delivery_left_are_restored_from_the_bundle(after: int, spent: int) -> None:
    ground = Limited()
    ground.put(range(6))
    for item in ground.server.queues["work.dlq"].items:
        item.deliveries = spent
    operator = Operator(ground)
    assert await operator.killed(operator.run, after)
    assert ground.left() == ([] if spent else list(range(6)))
    settled(ground, await operator.resume(last().id), list(range(6)))


@pytest.mark.parametrize("spent", [0, 1])
async def test_letters_that_only_the_bundle_has_are_restored(spent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between bundle and journal: a letter without a delivery left is in neither queue, and in no journal."""
    small_batches(monkeypatch, 2)
    ground = Limited()
    ground.put(range(6))
    for item in ground.server.queues["work.dlq"].items:
        item.deliveries = spent
    operator = Operator(ground)
    hands: list[int] = []
    note = Journal.begin_batch

    def note_or_die(runs: Journal, run: str, marks: LettersInFlight) -> int:
        hands.append(len(marks))
        if len(hands) == 2:
            ground.server.faults.die_after = None
            raise Killed
        return note(runs, run, marks)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "begin_batch", note_or_die)
        assert await operator.killed(operator.run, after=100)
    assert ground.left() == [] if spent else set(ground.left()) >= {2, 3, 4, 5}
    settled(ground, await operator.resume(last().id), list(range(6)))
    assert set(ground.doubled()) <= {0, 1}


async def test_a_restored_letter_that_is_refused_stays_open() -> None:
    ground = Limited()
    ground.put(range(2))
    for item in ground.server.queues["work.dlq"].items:
        item.deliveries = 1
    operator = Operator(ground)
    assert await operator.killed(operator.run, 1)
    ground.server.faults.max_size = 1
    result = whole(await operator.resume(last().id))
    assert (result.moved, result.refused) == (0, 2)
    ground.server.faults.max_size = None
    settled(ground, await operator.resume(last().id), [0, 1])


async def test_suspects_are_kept_in_mind_over_a_second_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first resume settled its suspects and wrote so down; the second one still names them."""
    small_batches(monkeypatch, 3)
    ground = RabbitMQGround()
    ground.put(range(COUNT))
    operator = Operator(ground)
    assert await operator.killed(lambda: operator.run(operator.order(rate=1000)), 2)
    run = last().id
    assert await operator.killed(lambda: operator.resume(run), 5)
    assert Journal().count_outcomes(run) == {"moved": 3}
    settled(ground, await operator.resume(run), list(range(COUNT)))
    assert ground.doubled() == [0, 1, 3, 4]


async def test_suspects_that_came_back_to_the_tail_are_met() -> None:
    """A quorum queue without a limit gives them back so: a resume of a limited run walks on, which costs nothing."""
    ground = RabbitMQGround()
    ground.put(range(20))
    operator = Operator(ground)
    assert await operator.killed(lambda: operator.run(operator.order(limit=5)), 3)
    items = ground.server.queues["work.dlq"].items
    for item in items[:3]:
        item.seat = ground.server.next_seat()
    items.sort()
    assert ground.left()[-3:] == [0, 1, 2]
    result = whole(await operator.resume(last().id))
    assert (result.planned, result.moved) == (5, 5)
    assert set(ground.home()) == {0, 1, 2, 3, 4}
    assert ground.left() == list(range(5, 20))


async def test_limits_of_a_queue_are_not_spent_by_looking_for_suspects() -> None:
    """R2: what was in hand comes back to the head, so a resume of a limited run reads no further."""
    ground = RabbitMQGround()
    ground.source = ground.server.declare("work.dlq", "quorum", limit=20)
    ground.put(range(50))
    operator = Operator(ground)
    assert await operator.killed(lambda: operator.run(operator.order(limit=6)), 4)
    result = whole(await operator.resume(last().id))
    assert result.moved == 6
    assert sum(item.deliveries > 0 for item in ground.server.queues["work.dlq"].items) <= 6
    assert set(ground.home()) == set(range(6))


def purge(ground: Ground) -> None:
    """Somebody else empties the source."""
    server = ground.server
    if isinstance(server, MemoryRabbitMQ):
        server.queues[ground.source.name].items.clear()
    elif isinstance(server, MemoryRedis):
        server.streams[ground.source.name].entries.clear()
    else:
        for partition in server.topic(ground.source).partitions:
            partition.low = partition.next
            partition.records.clear()


@pytest.mark.parametrize("after", [1, 4, 7])
async def test_killed_and_then_purged_by_somebody_else(
    ground: Ground, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C13: moved is only what is proven; of letters in hand nobody knows, of the others it is known that they left."""
    small_batches(monkeypatch, 3)
    ground.put(range(COUNT))
    operator = Operator(ground)
    assert await operator.killed(operator.run, after)
    purge(ground)
    in_hand = {mark[0] for mark in Journal().unfinished_letters(last().id)}
    home = len(ground.home())
    result = whole(await operator.resume(last().id))
    assert result.moved <= home
    assert {done[0] for done in Journal().read_outcomes(last().id) if done[1] == "unknown"} <= in_hand
    assert result.moved + result.unknown + result.skipped == COUNT
    assert result.unknown == len(result.unknowns)
    assert result.gone == result.skipped
    assert not result.whole
    assert sum(number for _, number in result.reasons) == result.unknown + result.skipped
    again = len(ground.home())
    assert again == home
    if ground.server.kind is not BrokerKind.KAFKA and result.unknown:
        back = whole(await operator.put_back(last().id))
        assert back.moved == result.moved + result.unknown
        assert len(back.suspects) == result.unknown


async def test_no_consent_changes_nothing(ground: Ground) -> None:
    ground.put(range(3))
    before = list(ground.server.events)
    with pytest.raises(Exception, match="not confirmed"):
        await Operator(ground).run(consent=Consent())
    assert ground.server.events == before


async def test_what_a_queue_dropped_is_restored_on_the_other_broker() -> None:
    ground, remote = Limited(), RedisGround()
    ground.put(range(4))
    for item in ground.server.queues["work.dlq"].items:
        item.deliveries = 1
    operator = Operator(ground, remote)
    assert await operator.killed(lambda: operator.run(operator.order(to=remote.origin)), 2)
    assert ground.left() == []
    result = whole(await operator.resume(last().id))
    assert result.moved == 4
    assert set(remote.home()) == set(range(4))
    assert ground.home() == []
    assert {suspect.split()[1] for suspect in result.suspects} == {"m0", "m1", "m2", "m3"}


async def test_a_discarded_letter_is_not_restored() -> None:
    """It was to go, and its queue dropped it: it is gone, and in the bundle."""
    ground = Limited()
    ground.put(range(3))
    for item in ground.server.queues["work.dlq"].items:
        item.deliveries = 1
    operator = Operator(ground)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "record_outcomes", died)
        patch.setattr(Journal, "end", died)
        with pytest.raises(Killed):
            await operator.run(operator.order(Verb.DISCARD))
    bury()
    result = whole(await operator.resume(last().id))
    assert (result.unknown, len(result.unknowns), result.suspects) == (3, 3, ())
    assert ground.home() == ground.left() == []
    assert whole(await operator.put_back(last().id)).moved == 3


def died(*_: object) -> None:
    raise Killed
