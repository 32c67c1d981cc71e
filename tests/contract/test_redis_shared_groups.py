"""D1: XDEL hits every group, so an entry that another group still needs stays, in the handled set."""

from __future__ import annotations

from mqtui.brokers.port import Adapter
from mqtui.brokers.redis.redrive.bookkeeping_keys import TTL_S, handled_set_key
from mqtui.domain.redrive import PublishStatus
from tests.contract.asking import Move
from tests.contract.redis_server import RedisServer


async def test_d1_entries_another_group_needs_stay_and_are_moved_once(
    redis_server: RedisServer, redis_adapter: Adapter
) -> None:
    """D1: delivered to and acknowledged by each group: removed; else it is marked as handled, and not moved again."""
    source, target = redis_server.stream("dlq", 10), redis_server.stream("home")
    redis_server.group(source, "done", take=10, acknowledge=10)
    redis_server.group(source, "slow", take=6, acknowledge=3)
    first = await Move(redis_adapter, source, target).all()
    assert [receipt.state for receipt in first] == [PublishStatus.STORED] * 10
    assert [bool(receipt.reason) for receipt in first] == [False] * 3 + [True] * 7
    assert redis_server.numbers(target) == list(range(10))
    assert redis_server.numbers(source) == list(range(3, 10))
    assert await Move(redis_adapter, source, target).all() == []
    assert redis_server.numbers(target) == list(range(10))
    mark = handled_set_key(redis_server.prefix, source.name.encode())
    assert redis_server.client.scard(mark.decode()) == 7
    assert TTL_S - 60 < int(redis_server.call("TTL", mark)) <= TTL_S


async def test_d1_the_slow_group_still_gets_its_entries(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """D1: what stays can still be read and acknowledged by the group that needed it."""
    source, target = redis_server.stream("dlq", 4), redis_server.stream("home")
    held = redis_server.group(source, "slow", take=2)
    await Move(redis_adapter, source, target).all()
    assert redis_server.call("XACK", source.name, "slow", *held) == 2
    fresh = redis_server.call("XREADGROUP", "GROUP", "slow", "c1", "STREAMS", source.name, ">")
    assert [int(fields[b"n"]) for _, fields in fresh[0][1]] == [2, 3]


async def test_d1_a_marked_entry_is_refused_inside_the_script_too(
    redis_server: RedisServer, redis_adapter: Adapter
) -> None:
    """D1: two runs read the letter before either moves it; the second is told that it was handled."""
    source, target = redis_server.stream("dlq", 3), redis_server.stream("home")
    redis_server.group(source, "slow")
    one, other = Move(redis_adapter, source, target), Move(redis_adapter, source, target)
    async with one.lease() as first, other.lease() as second:
        batch = [letter async for some in first.batches(10) for letter in some]
        again = [letter async for some in second.batches(10) for letter in some]
        assert {receipt.state for receipt in await first.move(one.transfers(batch))} == {PublishStatus.STORED}
        late = await second.move(other.transfers(again))
    assert {receipt.state for receipt in late} == {PublishStatus.GONE}
    assert all("another run" in receipt.reason for receipt in late)
    assert redis_server.numbers(target) == [0, 1, 2]


async def test_d1_discard_leaves_what_a_group_needs(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """D1, C3: discard removes by XDEL where no group needs the entry, else marks it; a second one finds nothing."""
    source = redis_server.stream("dlq", 6)
    redis_server.group(source, "slow", take=4, acknowledge=4)
    move = Move(redis_adapter, source, source, removes=True)
    async with move.lease() as lease:
        letters = [letter async for some in lease.batches(10) for letter in some]
        receipts = await lease.settle(letters)
    assert [receipt.state for receipt in receipts] == [PublishStatus.STORED] * 6
    assert redis_server.numbers(source) == [4, 5]
    async with Move(redis_adapter, source, source, removes=True).lease() as lease:
        assert [letter async for some in lease.batches(10) for letter in some] == []


async def test_d1_the_plan_names_the_groups(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """D1: the plan says which groups keep entries in the source, and which get a second copy in the target."""
    source, target = redis_server.stream("dlq", 2), redis_server.stream("home")
    redis_server.group(source, "audit")
    redis_server.group(target, "billing")
    redis_server.group(target, "mail")
    taken, plan = await Move(redis_adapter, source, target).planned()
    told = {risk.name: risk.text for risk in plan.risks}
    assert "audit" in told["shared-groups"]
    assert "billing" in told["copies"] and "mail" in told["copies"]
    assert taken.readers == ()
