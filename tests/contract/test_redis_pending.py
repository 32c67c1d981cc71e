"""D6: min-idle is a lock only if it grows with time; pending entries, claims and acknowledgements."""

from __future__ import annotations

from typing import Any

import pytest

from mqtui.brokers.port import Adapter, Pending
from mqtui.brokers.redis.steps import min_idle_time
from mqtui.domain.capability import Verb
from mqtui.domain.errors import NotFound
from mqtui.domain.message import EntryId
from mqtui.domain.plan import Acknowledge, Claim, Step, StepResult
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import PendingEntry
from tests.contract.asking import a_plan, eventually, writing
from tests.contract.redis_server import RedisServer


@pytest.fixture
def listed(redis_adapter: Adapter) -> Pending:
    assert redis_adapter.broker.pending is not None
    return redis_adapter.broker.pending


async def apply(adapter: Adapter, verb: Verb, step: Step) -> StepResult:
    async with writing(adapter, a_plan(adapter, verb, step)) as writer:
        return await writer.apply(step)


def claim_of(ref: Ref, entries: tuple[PendingEntry, ...], to: str = "alive", min_idle: int = 0) -> Claim:
    return Claim(ref, "g", to, min_idle, tuple((one.id, one.idle, one.read_at) for one in entries))


def owners(server: RedisServer, ref: Ref) -> list[str]:
    rows: Any = server.client.xpending_range(ref.name, "g", "-", "+", 100)
    return [row["consumer"].decode() for row in rows]


async def long_idle(listed: Pending, ref: Ref, milliseconds: int) -> tuple[PendingEntry, ...]:
    """The entries, once nobody has touched them for that long."""
    found: tuple[PendingEntry, ...] = ()

    async def idle() -> bool:
        nonlocal found
        found = (await listed.list_entries(ref, "g")).items
        return all(one.idle >= milliseconds for one in found)

    await eventually(idle, "the entries are idle")
    return found


def test_d6_the_min_idle_time_grows_with_time() -> None:
    """D6: max(asked, shown idle + time since it was read - 50 ms)."""
    assert min_idle_time(0, 3_000, 10_000, 14_000) == 6_950
    assert min_idle_time(9_000, 3_000, 10_000, 14_000) == 9_000
    assert min_idle_time(0, 10, 10_000, 10_000) == 0


async def test_d6_entries_touched_since_they_were_shown_are_not_claimed(
    redis_server: RedisServer, redis_adapter: Adapter, listed: Pending
) -> None:
    """D6: the entry was idle when it was shown, and long enough by now, but its consumer touched it in between."""
    ref = redis_server.stream("work", 3)
    ids = redis_server.group(ref, "g", take=3, consumer="dead")
    shown = await long_idle(listed, ref, 300)
    redis_server.client.xclaim(ref.name, "g", "dead", 0, [ids[1]], justid=True)
    result = await apply(redis_adapter, Verb.CLAIM, claim_of(ref, shown))
    assert (result.asked, result.done) == (3, 2)
    assert owners(redis_server, ref) == ["alive", "dead", "alive"]
    assert any(ids[1].decode() in note and "dead has it" in note for note in result.notes)


async def test_d6_a_second_operator_claims_nothing(
    redis_server: RedisServer, redis_adapter: Adapter, listed: Pending
) -> None:
    """D6: two saw the same list; the second one's "as shown" is stale. [Measured: it claimed the entries.]"""
    ref = redis_server.stream("work", 2)
    redis_server.group(ref, "g", take=2, consumer="dead")
    shown = await long_idle(listed, ref, 200)
    assert (await apply(redis_adapter, Verb.CLAIM, claim_of(ref, shown, "mine"))).done == 2

    async def older_than_shown() -> bool:
        return all(
            one.idle > entry.idle for one, entry in zip((await listed.list_entries(ref, "g")).items, shown, strict=True)
        )

    await eventually(older_than_shown, "the claimed entries are idle for as long as was shown")
    late = await apply(redis_adapter, Verb.CLAIM, claim_of(ref, shown, "yours"))
    assert late.done == 0
    assert owners(redis_server, ref) == ["mine", "mine"]


async def test_a_claim_does_not_count_as_a_delivery(
    redis_server: RedisServer, redis_adapter: Adapter, listed: Pending
) -> None:
    """JUSTID: delivery counts stay; a consumer that was created is named."""
    ref = redis_server.stream("work", 2)
    redis_server.group(ref, "g", take=2, consumer="dead")
    result = await apply(redis_adapter, Verb.CLAIM, claim_of(ref, (await listed.list_entries(ref, "g")).items))
    assert (result.done, len(result.ids)) == (2, 2)
    assert [one.deliveries for one in (await listed.list_entries(ref, "g", consumer="alive")).items] == [1, 1]
    assert any("alive was no consumer" in note for note in result.notes)


async def test_a_claim_says_what_it_could_not_take(
    redis_server: RedisServer, redis_adapter: Adapter, listed: Pending
) -> None:
    """Acknowledged meanwhile, or deleted from the stream: each has its note."""
    ref = redis_server.stream("work", 3)
    ids = redis_server.group(ref, "g", take=3, consumer="dead")
    shown = (await listed.list_entries(ref, "g")).items
    redis_server.call("XACK", ref.name, "g", ids[0])
    redis_server.call("XDEL", ref.name, ids[1])
    result = await apply(redis_adapter, Verb.CLAIM, claim_of(ref, shown))
    assert result.ids == (ids[2].decode(),)
    told = "\n".join(result.notes)
    assert f"{ids[0].decode()}: acknowledged" in told
    assert f"{ids[1].decode()}: deleted from the stream" in told


async def test_an_acknowledgement_counts(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    ref = redis_server.stream("work", 3)
    ids = redis_server.group(ref, "g", take=2, consumer="dead")
    wanted = tuple(EntryId(*map(int, raw.decode().split("-"))) for raw in ids)
    result = await apply(redis_adapter, Verb.ACK, Acknowledge(ref, "g", (*wanted, EntryId(1, 1))))
    assert (result.asked, result.done, result.notes) == (3, 2, ("1-1: was not pending",))
    assert redis_server.numbers(ref) == [0, 1, 2]


@pytest.mark.parametrize("verb", [Verb.CLAIM, Verb.ACK])
async def test_a_group_that_is_not_there_is_not_found(
    redis_server: RedisServer, redis_adapter: Adapter, verb: Verb
) -> None:
    ref = redis_server.stream("work", 1)
    step = Claim(ref, "no", "c", 0, ((EntryId(1, 1), 1, 1),)) if verb is Verb.CLAIM else Acknowledge(ref, "no", ())
    with pytest.raises(NotFound):
        await apply(redis_adapter, verb, step)
    assert redis_server.call("XINFO", "GROUPS", ref.name) == []


async def test_pending_entries_come_in_pages(redis_server: RedisServer, listed: Pending) -> None:
    """Pages by id, none twice; by consumer; by idle time; with the server's time."""
    ref = redis_server.stream("work", 25)
    redis_server.group(ref, "g", take=20, consumer="one")
    redis_server.call("XREADGROUP", "GROUP", "g", "other", "STREAMS", ref.name, ">")
    found: list[PendingEntry] = []
    cursor = None
    while True:
        page = await listed.list_entries(ref, "g", cursor=cursor, limit=10)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            break
    assert [str(one.id).encode() for one in found] == [raw for raw, _ in redis_server.rows(ref)]
    assert len((await listed.list_entries(ref, "g", consumer="other")).items) == 5
    assert (await listed.list_entries(ref, "g", min_idle=3_600_000)).items == ()
    seconds, micros = redis_server.client.time()
    assert abs(found[0].read_at - (seconds * 1000 + micros // 1000)) < 60_000
    with pytest.raises(NotFound):
        await listed.list_entries(ref, "no")


async def test_letters_of_pending_entries(redis_server: RedisServer, listed: Pending) -> None:
    """The entries themselves; None where one was deleted."""
    ref = redis_server.stream("work", 250)
    ids = redis_server.group(ref, "g", take=250)
    redis_server.call("XDEL", ref.name, ids[100])
    wanted = [EntryId(*map(int, raw.decode().split("-"))) for raw in ids]
    letters = await listed.read_entries(ref, wanted)
    assert [letter is None for letter in letters] == [number == 100 for number in range(250)]
    assert [letter.position for letter in letters if letter] == wanted[:100] + wanted[101:]
    assert await listed.read_entries(Ref(Kind.STREAM, redis_server.name("none")), wanted[:1]) == [None]
