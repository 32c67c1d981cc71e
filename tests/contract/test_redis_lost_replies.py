"""D2: no automatic retries; a lost reply is settled by reading."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mqtui.brokers.port import Adapter
from mqtui.domain.capability import Verb
from mqtui.domain.errors import BrokerTrouble, CannotConnect
from mqtui.domain.figure import exact
from mqtui.domain.message import Outgoing
from mqtui.domain.plan import Acknowledge, Claim, Send
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import Ref
from tests.contract.asking import Move, a_plan, publish, writing
from tests.contract.redis_proxy import Proxy, proxy_to
from tests.contract.redis_server import RedisServer

HASTE = {"reconnect-ms": "300", "timeout-ms": "2000"}


@pytest.fixture
async def proxy(redis_server: RedisServer) -> AsyncIterator[Proxy]:
    async with proxy_to(*redis_server.address.hosts[0]) as made:
        yield made


@pytest.fixture
async def adapter(redis_server: RedisServer, proxy: Proxy) -> AsyncIterator[Adapter]:
    made = redis_server.adapter(url=proxy.url, options=HASTE)
    yield made
    await made.close()


def entry(ref: Ref, number: int) -> Outgoing:
    return Outgoing(ref, fields=((b"n", b"%d" % number), (b"same", b"name"), (b"same", b"\xff")))


def states(receipts: list[Receipt]) -> list[PublishStatus]:
    return [receipt.state for receipt in receipts]


async def test_d2_a_lost_xadd_reply_makes_one_entry(redis_server: RedisServer, adapter: Adapter, proxy: Proxy) -> None:
    """D2: the server did it, the reply was lost: one entry, found by reading."""
    ref = redis_server.stream("work")
    proxy.arm(b"XADD")
    (receipt,) = await publish(adapter, [entry(ref, 1)])
    assert proxy.cuts == 1
    rows = redis_server.rows(ref)
    assert [fields for _, fields in rows] == [entry(ref, 1).fields]
    assert receipt == Receipt(PublishStatus.STORED, receipt.position)
    assert str(receipt.position).encode() == rows[0][0]


async def test_d2_a_lost_xadd_request_is_reported_as_not_stored(
    redis_server: RedisServer, adapter: Adapter, proxy: Proxy
) -> None:
    """D2: the request never came: nothing is there, and nothing was sent again."""
    ref = redis_server.stream("work")
    proxy.arm(b"XADD", swallow=True)
    (receipt,) = await publish(adapter, [entry(ref, 1)])
    assert (proxy.cuts, receipt.state, redis_server.rows(ref)) == (1, PublishStatus.REFUSED, [])
    assert "before it was stored" in receipt.reason


async def test_d2_the_rest_of_a_batch_is_found(redis_server: RedisServer, adapter: Adapter, proxy: Proxy) -> None:
    """D2: some replies came, the others were lost; equal entries are matched one by one."""
    ref = redis_server.stream("work")
    proxy.arm(b"XADD", keep=70)
    messages = [entry(ref, number // 2) for number in range(8)]
    receipts = list(await publish(adapter, messages))
    assert proxy.cuts == 1
    assert states(receipts) == [PublishStatus.STORED] * 8
    assert [str(receipt.position).encode() for receipt in receipts] == [raw for raw, _ in redis_server.rows(ref)]


async def test_d2_a_server_that_stays_away_leaves_unknown(
    redis_server: RedisServer, adapter: Adapter, proxy: Proxy
) -> None:
    """D2: the server can't be asked, so the outcome is unknown, never guessed."""
    ref = redis_server.stream("work")
    async with (
        writing(adapter, a_plan(adapter, Verb.PUBLISH, Send(ref, exact(1)))) as writer,
        writer.publisher() as publisher,
    ):
        assert states(list(await publisher.send([entry(ref, 1)]))) == [PublishStatus.STORED]
        proxy.arm(b"XADD")
        proxy.closed_for_new = True
        (receipt,) = await publisher.send([entry(ref, 2)])
        assert receipt.state is PublishStatus.UNKNOWN and receipt.reason
    assert redis_server.numbers(ref) == [1, 2]


async def test_d2_a_move_whose_reply_was_lost_is_found(
    redis_server: RedisServer, adapter: Adapter, proxy: Proxy
) -> None:
    """D2: the script ran, its reply was lost: each letter is in the target once, with its id."""
    source, target = redis_server.stream("dlq", 30), redis_server.stream("home")
    move = Move(adapter, source, target)
    async with move.lease() as lease:
        letters = [letter async for some in lease.batches(100) for letter in some]
        proxy.arm(b"SISMEMBER")
        receipts = list(await lease.move(move.transfers(letters)))
    assert proxy.cuts == 1
    assert states(receipts) == [PublishStatus.STORED] * 30
    assert [str(receipt.position).encode() for receipt in receipts] == [raw for raw, _ in redis_server.rows(target)]
    assert redis_server.numbers(target) == list(range(30))
    assert redis_server.rows(source) == []


async def test_d2_a_move_request_that_was_lost_is_repeated(
    redis_server: RedisServer, adapter: Adapter, proxy: Proxy
) -> None:
    """D2: the letters are still in the source, so the script runs, once."""
    source, target = redis_server.stream("dlq", 30), redis_server.stream("home")
    move = Move(adapter, source, target)
    async with move.lease() as lease:
        letters = [letter async for some in lease.batches(100) for letter in some]
        proxy.arm(b"SISMEMBER", swallow=True)
        receipts = list(await lease.move(move.transfers(letters)))
    assert (proxy.cuts, states(receipts)) == (1, [PublishStatus.STORED] * 30)
    assert redis_server.numbers(target) == list(range(30))


async def test_d2_a_large_entry_whose_reply_was_lost_is_found(
    redis_server: RedisServer, adapter: Adapter, proxy: Proxy
) -> None:
    """D2, D4: the same for a letter that is moved by a transaction."""
    fields = [(b"f%d" % number, b"%d" % number) for number in range(2500)]
    source, target = redis_server.stream("dlq", 1, fields=fields), redis_server.stream("home")
    move = Move(adapter, source, target)
    async with move.lease() as lease:
        letters = [letter async for some in lease.batches(100) for letter in some]
        proxy.arm(b"EXEC")
        (receipt,) = await lease.move(move.transfers(letters))
    assert (proxy.cuts, receipt.state) == (1, PublishStatus.STORED)
    assert [(str(receipt.position).encode(), ((b"n", b"0"), *fields))] == redis_server.rows(target)
    assert redis_server.rows(source) == []


async def test_d2_a_discard_whose_reply_was_lost_is_done(
    redis_server: RedisServer, adapter: Adapter, proxy: Proxy
) -> None:
    """D2: removing again is harmless."""
    source = redis_server.stream("dlq", 5)
    async with Move(adapter, source, source, removes=True).lease() as lease:
        letters = [letter async for some in lease.batches(100) for letter in some]
        proxy.arm(b"remove(KEYS")
        receipts = list(await lease.settle(letters))
    assert (proxy.cuts, states(receipts), redis_server.rows(source)) == (1, [PublishStatus.STORED] * 5, [])


async def test_d2_a_claim_whose_reply_was_lost_is_looked_up(
    redis_server: RedisServer, adapter: Adapter, proxy: Proxy
) -> None:
    """D2: XPENDING tells whose the entries are; an acknowledgement shows by its absence."""
    ref = redis_server.stream("work", 4)
    redis_server.group(ref, "g", take=4, consumer="dead")
    assert adapter.broker.pending is not None
    page = await adapter.broker.pending.list_entries(ref, "g")
    seen = tuple((one.id, one.idle + 1, one.read_at) for one in page.items)
    claim = Claim(ref, "g", "alive", 0, seen)
    proxy.arm(b"XCLAIM")
    async with writing(adapter, a_plan(adapter, Verb.CLAIM, claim)) as writer:
        result = await writer.apply(claim)
    assert (proxy.cuts, result.done) == (1, 4)
    acknowledge = Acknowledge(ref, "g", tuple(one.id for one in page.items))
    proxy.arm(b"XACK")
    async with writing(adapter, a_plan(adapter, Verb.ACK, acknowledge)) as writer:
        result = await writer.apply(acknowledge)
    assert (proxy.cuts, result.done) == (2, 4)
    assert redis_server.call("XPENDING", ref.name, "g")["pending"] == 0


async def test_d2_a_read_command_is_repeated_once(redis_server: RedisServer, adapter: Adapter, proxy: Proxy) -> None:
    """A look may be repeated, once; a server that stays away is an error."""
    ref = redis_server.stream("work", 3)
    proxy.arm(b"XREVRANGE")
    assert (await adapter.broker.reader.extent(ref)).count == exact(3)
    assert proxy.cuts == 1
    proxy.closed_for_new = True
    proxy.arm(b"XREVRANGE")
    with pytest.raises((BrokerTrouble, CannotConnect)) as told:
        await adapter.broker.reader.extent(ref)
    assert str(told.value)
