"""Reading Redis: names, ranges, lag that is never made up, following a stream over a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from mqtui.brokers.port import Adapter, Batch
from mqtui.brokers.redis.config import read_config
from mqtui.brokers.redis.connection.resp import parse_entry_id
from mqtui.brokers.redis.connection.routing import new_router
from mqtui.brokers.redis.messages import to_messages
from mqtui.brokers.redis.read.groups import group_ref
from mqtui.brokers.redis.read.lag import GroupInfo, LagCounter
from mqtui.brokers.redis.read.page_size import REPLY_BYTES, REPLY_ENTRIES
from mqtui.brokers.redis.read.stream_info import StreamInfo
from mqtui.brokers.redis.redrive.receipts import stored_receipts
from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput, MqtuiError, NotAuthorised, NotFound, Unsupported
from mqtui.domain.figure import Exactness, at_least, exact
from mqtui.domain.message import EntryId, Message, Offset
from mqtui.domain.read_range import At, Edge, ReadRange, Since
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import Kind, Ref, name_text
from mqtui.domain.topology import NOTHING_WAITS, GroupLag
from tests.brokers import Brokers
from tests.contract.asking import listed, read
from tests.contract.redis_server import RedisServer, own_server
from tests.contract.test_redis_move_scripts import user_with_rights


def numbers(found: Sequence[Message]) -> list[int]:
    return [int(one.fields[0][1]) for one in found]


async def lags(adapter: Adapter, *groups: Ref) -> list[GroupLag]:
    return [row async for row in adapter.broker.groups.lag(groups)]


async def test_names_are_bytes(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """A name that is not UTF-8 is listed, read and described; so are group and consumer names."""
    raw = redis_server.prefix.encode() + b":\xff\xfe \xf0\x9f\x9b\x92"
    redis_server.call("XADD", raw, "*", b"\xff", b"\xfe")
    redis_server.call("XGROUP", "CREATE", raw, b"g\xff", "0")
    redis_server.call("XREADGROUP", "GROUP", b"g\xff", b"c\xfe", "STREAMS", raw, ">")
    ref = Ref(Kind.STREAM, name_text(raw))
    assert ref in await listed(redis_adapter)
    (message,) = await read(redis_adapter, ref)
    assert message.fields == ((b"\xff", b"\xfe"),)
    (group,) = await redis_adapter.broker.groups.list_groups(ref)
    assert (group.ref, group.members[0].name) == (group_ref(ref, name_text(b"g\xff")), name_text(b"c\xfe"))
    assert (await lags(redis_adapter, group.ref))[0].total == exact(0)


async def test_a_key_of_another_type_is_no_stream(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """The error says what the key holds; it is not listed."""
    name = redis_server.name("text")
    redis_server.client.set(name, "value")
    ref = Ref(Kind.STREAM, name)
    for look in (
        redis_adapter.broker.catalog.describe(ref),
        redis_adapter.broker.snapshot(ref),
        read(redis_adapter, ref),
    ):
        with pytest.raises(NotFound, match="holds a string"):
            await look
    with pytest.raises(NotFound):
        await redis_adapter.broker.groups.list_groups(ref)
    assert ref not in await listed(redis_adapter)


async def test_spans(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """Oldest, newest, from an id, from a time, until a time; bounded by the end as of now."""
    name = redis_server.name("work")
    for number in range(10):
        redis_server.call("XADD", name, f"{1000 + number * 10}-{number}", "n", number)
    ref = Ref(Kind.STREAM, name)
    assert numbers(await read(redis_adapter, ref, limit=3)) == [0, 1, 2]
    assert numbers(await read(redis_adapter, ref, ReadRange(Edge.NEWEST), limit=3)) == [7, 8, 9]
    assert numbers(await read(redis_adapter, ref, ReadRange(At(EntryId(1040, 4))))) == [4, 5, 6, 7, 8, 9]
    assert numbers(await read(redis_adapter, ref, ReadRange(At(EntryId(1040, 5))), limit=1)) == [5]
    assert numbers(await read(redis_adapter, ref, ReadRange(Since(1051)))) == [6, 7, 8, 9]
    assert numbers(await read(redis_adapter, ref, ReadRange(until=1030))) == [0, 1, 2]
    assert numbers(await read(redis_adapter, ref, ReadRange(Edge.NEWEST, until=1030), limit=2)) == [1, 2]
    assert [one.timestamp for one in await read(redis_adapter, ref, limit=2)] == [1000, 1010]
    assert await read(redis_adapter, ref, ReadRange(until=0)) == []
    for span in (ReadRange(At(Offset(0, 1))), ReadRange(partition=1)):
        with pytest.raises(BadInput):
            await read(redis_adapter, ref, span)


async def test_more_newest_entries_than_one_batch(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """More than one batch holds: the last ones, oldest first."""
    ref = redis_server.stream("work", 3000)
    assert numbers(await read(redis_adapter, ref, ReadRange(Edge.NEWEST), limit=2500)) == list(range(500, 3000))


def test_messages_and_receipts_of_replies() -> None:
    """Repeated fields stay, and an entry without fields is a message; receipts have the ids of the copies."""
    ref = Ref(Kind.STREAM, "s")
    made = to_messages(ref, [(b"17-3", [b"a", b"1", b"a", b""]), (b"18-0", [])])
    fields = ((b"a", b"1"), (b"a", b""))
    assert made == [
        Message(ref, EntryId(17, 3), None, timestamp=17, fields=fields),
        Message(ref, EntryId(18, 0), None, timestamp=18),
    ]
    assert stored_receipts([b"5-0", b"5-1", b"6-0"]) == [
        Receipt(PublishStatus.STORED, EntryId(ms, seq)) for ms, seq in ((5, 0), (5, 1), (6, 0))
    ]


async def test_batches_are_bounded(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """At most 1,000 messages or about 1 MiB a batch, whatever the size of entries."""
    many, large = redis_server.stream("many", 3000), redis_server.stream("large", 60, fields=[(b"v", b"x" * 100_000)])
    for ref, count in ((many, 3000), (large, 60)):
        batches: list[Batch] = [some async for some in redis_adapter.broker.reader.read(ref, ReadRange(), limit=None)]
        assert numbers([one for some in batches for one in some]) == list(range(count))
        assert max(map(len, batches)) <= REPLY_ENTRIES
        assert max(sum(one.size for one in some) for some in batches) <= REPLY_BYTES + 100_100


async def test_what_no_group_reads_has_no_backlog(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """C115: results and events of job queues (RQ, BullMQ) wait for nobody; a group without a consumer is a reader."""
    results, work = redis_server.stream("rq:results", 3), redis_server.stream("work", 3)
    redis_server.call("XGROUP", "CREATE", work.name, "g", "0")
    found = await listed(redis_adapter)
    detail = await redis_adapter.broker.catalog.describe(results)
    assert (found[results].messages, found[results].backlog, detail.backlog) == (exact(3), NOTHING_WAITS, NOTHING_WAITS)
    assert found[work].backlog == exact(3)
    said = {(each.part, each.name): each for each in await redis_adapter.broker.catalog.list_properties(work)}
    assert (said["stream", "length"].value, said["stream", "expires"].value) == ("3", "never")
    assert str(said["stream", "memory"].value).startswith("≈ ")
    assert str(said["group", "g"].value).startswith("lag 3 · 0 pending · 0 consumers · delivered up to 0-0")


async def test_lag_without_the_servers_figure_is_counted(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """Nil lag (group set to an arbitrary id): counted from the nearer end, never 0."""
    ref = redis_server.stream("work", 1500)
    rows = redis_server.rows(ref)
    starts = {"near": 1400, "far": 99, "done": 1499}
    for group, start in starts.items():
        redis_server.call("XGROUP", "CREATE", ref.name, group, rows[start][0])
        redis_server.call("XGROUP", "SETID", ref.name, group, rows[start][0])
    for group, wanted in {"near": 99, "far": 1400, "done": 0}.items():
        (row,) = await lags(redis_adapter, group_ref(ref, group))
        assert row.total == exact(wanted)
        assert row.parts[0].committed == rows[starts[group]][0].decode()
        assert row.parts[0].end == rows[-1][0].decode()
    found = await listed(redis_adapter)
    assert found[ref].backlog == exact(1400)
    assert (await lags(redis_adapter, group_ref(ref, "none")))[0].total.number is None


async def test_counting_has_a_budget_and_is_not_repeated(redis_server: RedisServer) -> None:
    """Beyond the budget on both sides a bound; an unchanged group and stream are not counted again (D7)."""
    ref = redis_server.stream("work", 300)
    rows = redis_server.rows(ref)
    nodes = new_router(redis_server.address, read_config(redis_server.address))
    counter, ends = LagCounter(nodes), StreamInfo(300, parse_entry_id(rows[-1][0]), parse_entry_id(rows[0][0]))
    middle = GroupInfo("g", 0, 0, parse_entry_id(rows[149][0]), None)
    key = ref.name.encode()

    def script_calls() -> int:
        return int(redis_server.client.info("commandstats").get("cmdstat_eval_ro", {}).get("calls", 0))

    try:
        for budget, wanted in ((100, at_least(100)), (1000, exact(150)), (100, exact(150))):
            found = (await counter.lag(key, middle, ends, budget)).waiting
            assert (found.number, found.sort) == (wanted.number, wanted.sort)
        before = script_calls()
        await counter.lag(key, middle, ends)
        assert script_calls() == before
        assert (await counter.lag(key, replace(middle, delivered=parse_entry_id(rows[9][0])), ends)).waiting == exact(
            290
        )
        assert script_calls() > before
    finally:
        await nodes.close()


def major_version(server: RedisServer) -> int:
    """The server's, of which 8.0 counts the entries behind a group that has read none that is still there."""
    return int(str(server.client.info("server")["redis_version"]).split(".")[0])


CANNOT_BE = {
    "entries read too high": ("g", "$", 100),
    "all read, says the server": ("h", "0", 61),
    "none read, says the server": ("i", "$", 0),
}
"""Groups made with a wrong ENTRIESREAD on a stream of one entry, that later gets 60 (redis#14257, redis#15488)."""


async def test_lag_that_cannot_be_is_counted(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """Negative, 0 before the end, more than there is behind the group, or more than the stream holds (D7)."""
    name = redis_server.name("work")
    redis_server.call("XADD", name, "*", "n", 0)
    for group, start, read_entries in CANNOT_BE.values():
        redis_server.call("XGROUP", "CREATE", name, group, start, "ENTRIESREAD", read_entries)
    for number in range(60):
        redis_server.call("XADD", name, "*", "n", number)
    redis_server.call("XGROUP", "CREATE", name, "j", "$", "ENTRIESREAD", 7)
    ref = Ref(Kind.STREAM, name)
    told = {row["name"].decode(): row["lag"] for row in redis_server.client.xinfo_groups(name)}
    assert told == {"g": -39, "h": 0 if major_version(redis_server) < 8 else 61, "i": 61, "j": 54}
    for group, wanted in {"g": 60, "h": 61, "i": 60, "j": 0}.items():
        (row,) = await lags(redis_adapter, group_ref(ref, group))
        assert row.total == exact(wanted), group
    assert (await listed(redis_adapter))[ref].backlog == exact(61)
    assert (await redis_adapter.broker.catalog.describe(ref)).backlog == exact(61)


async def test_what_was_trimmed_before_it_was_read_is_no_lag(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """400 unread, 390 of them trimmed: 10 can be read, and 390 are shown as lost; so in an emptied stream.

    Of a group that was made later, and at the beginning, nobody knows whether it ever missed what was gone by then.
    """
    ref = redis_server.stream("work", 500)
    redis_server.group(ref, "g", take=100)
    redis_server.call("XTRIM", ref.name, "MAXLEN", 10)
    redis_server.call("XGROUP", "CREATE", ref.name, "late", "0")
    row, late = await lags(redis_adapter, group_ref(ref, "g"), group_ref(ref, "late"))
    assert (row.total, row.parts[0].lost) == (exact(10), exact(390))
    assert (late.total, late.parts[0].lost.number) == (exact(10), None)
    redis_server.call("XTRIM", ref.name, "MAXLEN", 0)
    (row,) = await lags(redis_adapter, group_ref(ref, "g"))
    assert (row.total, row.parts[0].lost) == (exact(0), exact(400))
    name = redis_server.name("fresh")
    redis_server.call("XADD", name, "*", "n", 1)
    redis_server.call("XGROUP", "CREATE", name, "g", "0")
    (row,) = await lags(redis_adapter, group_ref(Ref(Kind.STREAM, name), "g"))
    assert (row.total, row.parts[0].lost) == (exact(1), exact(0))


async def test_without_scripts_lag_is_a_bound(redis_server: RedisServer) -> None:
    """A user who may not run scripts sees that the server's figure is impossible, and what it is at most."""
    name = redis_server.name("work")
    redis_server.call("XADD", name, "*", "n", 0)
    redis_server.call("XGROUP", "CREATE", name, "g", "$", "ENTRIESREAD", 100)
    redis_server.call("XADD", name, "*", "n", 1)
    async with user_with_rights(redis_server, "~* +@all -@scripting") as adapter:
        (row,) = await lags(adapter, group_ref(Ref(Kind.STREAM, name), "g"))
    assert (row.total.number, row.total.sort) == (2, Exactness.AT_MOST)
    assert "EVAL" in row.total.why


async def test_a_deleted_entry_makes_lag_counted(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """Entries were deleted between: the server has no lag, so it is counted."""
    ref = redis_server.stream("work", 10)
    redis_server.group(ref, "g", take=2)
    redis_server.call("XDEL", ref.name, redis_server.rows(ref)[5][0])
    assert (await lags(redis_adapter, group_ref(ref, "g")))[0].total == exact(7)


async def test_groups_with_slashes_are_told_apart(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """`a/b` of stream `s` and `b` of stream `s/a` have the same name: the longest stream that exists is meant."""
    base = redis_server.name("s")
    plain, nested = redis_server.stream("s", 3, name=base), redis_server.stream("s", 2, name=f"{base}/a")
    redis_server.group(plain, "a/b")
    assert (await lags(redis_adapter, group_ref(plain, "a/b")))[0].total == exact(3)
    redis_server.group(nested, "b")
    assert (await lags(redis_adapter, group_ref(nested, "b")))[0].total == exact(2)
    names = {
        group.ref.name for group in await redis_adapter.broker.groups.list_groups() if group.ref.name.startswith(base)
    }
    assert names == {f"{base}/a/b"}


async def test_the_scan_for_streams_has_a_budget(redis_server: RedisServer) -> None:
    """SCAN stops at `scan-keys`; the last page of names says that there is more."""
    pipe = redis_server.client.pipeline(transaction=False)
    for number in range(6000):
        pipe.set(f"{redis_server.prefix}:k{number}", "")
    pipe.execute()
    adapter = redis_server.adapter(options={"scan-keys": "2000"})
    pages = [page async for page in adapter.broker.catalog.list_destinations()]
    await adapter.close()
    assert any(page.cursor for page in pages)


async def test_a_stream_without_rights_is_listed_with_the_reason(redis_server: RedisServer) -> None:
    """A stream this user may not read is listed with unknown figures and the reason."""
    ref = redis_server.stream("secret", 3)
    async with user_with_rights(redis_server, "~none +@all") as adapter:
        row = (await listed(adapter))[ref]
        assert row.messages.number is None and "key" in row.messages.why
        with pytest.raises(NotAuthorised):
            await read(adapter, ref)


async def test_tail_survives_a_restart(brokers: Brokers) -> None:
    """Tail goes on after the last entry it gave, on a new connection, when the server comes back."""
    with own_server(brokers) as (name, server):
        ref = server.stream("work", 3)
        adapter = server.adapter()
        tail = aiter(adapter.broker.reader.tail(ref))
        first = asyncio.ensure_future(anext(tail))
        got: list[int] = []
        while not first.done():
            server.call("XADD", ref.name, "*", "n", 3)
            await asyncio.wait({first}, timeout=0.05)
        got += numbers(await first)
        assert set(got) == {3}
        await asyncio.to_thread(brokers.servers.kill, name)
        later = asyncio.ensure_future(anext(tail))
        await asyncio.to_thread(brokers.servers.restart, name)
        server.call("XADD", ref.name, "*", "n", 4)
        while 4 not in got:
            got += numbers(await asyncio.wait_for(later, 20))
            later = asyncio.ensure_future(anext(tail))
        later.cancel()
        await asyncio.gather(later, return_exceptions=True)
        await adapter.close()
        assert got.count(4) == 1


async def test_peeks_are_free_and_there_are_no_partitions_or_exchanges(
    redis_server: RedisServer, redis_adapter: Adapter
) -> None:
    """Reading a stream is free; Redis has no partitions and no exchanges."""
    ref = redis_server.stream("work", 1)
    assert not await redis_adapter.broker.can(Verb.SPEND)
    assert not await redis_adapter.broker.can(Verb.PEEK, Ref(Kind.EXCHANGE, "x"))
    for verb in (Verb.LIST, Verb.PEEK, Verb.TAIL, Verb.REDRIVE, Verb.CLAIM, Verb.DISCARD, Verb.PUT_BACK):
        assert await redis_adapter.broker.can(verb, ref)
    assert (await redis_adapter.broker.reader.peek_cost(ref, 10)).text == "free"
    with pytest.raises(NotFound):
        await redis_adapter.broker.catalog.describe(Ref(Kind.QUEUE, ref.name))


@pytest.mark.parametrize(
    ("variant", "options", "error"),
    [
        ("ring", {}, BadInput),
        ("", {"no-such": "1"}, BadInput),
        ("", {"wait-ms": "soon"}, BadInput),
        ("", {"tls.verify": "maybe"}, BadInput),
    ],
)
def test_invalid_addresses(
    redis_server: RedisServer, variant: str, options: dict[str, str], error: type[MqtuiError]
) -> None:
    with pytest.raises(error):
        redis_server.adapter(variant=variant, options=options)


async def test_peeking_unacked_is_unsupported(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    from mqtui.brokers.guard import WriteGrant
    from tests.contract.asking import a_plan

    ref = redis_server.stream("work", 1)
    with pytest.raises(Unsupported):
        redis_adapter.open_writer(WriteGrant(a_plan(redis_adapter, Verb.SPEND))).peek_unacked(ref, 1)
