"""Looking at Redis: names, spans, lag that is never made up, following over a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
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
from tests.contract.redis_stage import Stage, own_server
from tests.contract.test_redis_scripts import limited


@pytest.fixture
def stage(redis_url: str) -> Iterator[Stage]:
    made = Stage(redis_url)
    yield made
    made.close()


@pytest.fixture
async def adapter(stage: Stage) -> AsyncIterator[Adapter]:
    made = stage.adapter()
    yield made
    await made.close()


def numbers(found: Sequence[Message]) -> list[int]:
    return [int(one.fields[0][1]) for one in found]


async def lags(adapter: Adapter, *groups: Ref) -> list[GroupLag]:
    return [row async for row in adapter.broker.groups.lag(groups)]


async def test_names_are_bytes(stage: Stage, adapter: Adapter) -> None:
    """A name that is not UTF-8 is listed, read and described; so are group and consumer names."""
    raw = stage.prefix.encode() + b":\xff\xfe \xf0\x9f\x9b\x92"
    stage.call("XADD", raw, "*", b"\xff", b"\xfe")
    stage.call("XGROUP", "CREATE", raw, b"g\xff", "0")
    stage.call("XREADGROUP", "GROUP", b"g\xff", b"c\xfe", "STREAMS", raw, ">")
    ref = Ref(Kind.STREAM, name_text(raw))
    assert ref in await listed(adapter)
    (message,) = await read(adapter, ref)
    assert message.fields == ((b"\xff", b"\xfe"),)
    (group,) = await adapter.broker.groups.list_groups(ref)
    assert (group.ref, group.members[0].name) == (group_ref(ref, name_text(b"g\xff")), name_text(b"c\xfe"))
    assert (await lags(adapter, group.ref))[0].total == exact(0)


async def test_a_key_of_another_type_is_no_stream(stage: Stage, adapter: Adapter) -> None:
    """The words say what the key holds; it is not listed."""
    name = stage.name("text")
    stage.client.set(name, "value")
    ref = Ref(Kind.STREAM, name)
    for look in (adapter.broker.catalog.describe(ref), adapter.broker.snapshot(ref), read(adapter, ref)):
        with pytest.raises(NotFound, match="holds a string"):
            await look
    with pytest.raises(NotFound):
        await adapter.broker.groups.list_groups(ref)
    assert ref not in await listed(adapter)


async def test_spans(stage: Stage, adapter: Adapter) -> None:
    """Oldest, newest, from an id, from a time, until a time; bounded by the end as of now."""
    name = stage.name("work")
    for number in range(10):
        stage.call("XADD", name, f"{1000 + number * 10}-{number}", "n", number)
    ref = Ref(Kind.STREAM, name)
    assert numbers(await read(adapter, ref, limit=3)) == [0, 1, 2]
    assert numbers(await read(adapter, ref, ReadRange(Edge.NEWEST), limit=3)) == [7, 8, 9]
    assert numbers(await read(adapter, ref, ReadRange(At(EntryId(1040, 4))))) == [4, 5, 6, 7, 8, 9]
    assert numbers(await read(adapter, ref, ReadRange(At(EntryId(1040, 5))), limit=1)) == [5]
    assert numbers(await read(adapter, ref, ReadRange(Since(1051)))) == [6, 7, 8, 9]
    assert numbers(await read(adapter, ref, ReadRange(until=1030))) == [0, 1, 2]
    assert numbers(await read(adapter, ref, ReadRange(Edge.NEWEST, until=1030), limit=2)) == [1, 2]
    assert [one.timestamp for one in await read(adapter, ref, limit=2)] == [1000, 1010]
    assert await read(adapter, ref, ReadRange(until=0)) == []
    for span in (ReadRange(At(Offset(0, 1))), ReadRange(partition=1)):
        with pytest.raises(BadInput):
            await read(adapter, ref, span)


async def test_the_newest_of_many(stage: Stage, adapter: Adapter) -> None:
    """More than one batch holds: the last ones, oldest first."""
    ref = stage.stream("work", 3000)
    assert numbers(await read(adapter, ref, ReadRange(Edge.NEWEST), limit=2500)) == list(range(500, 3000))


def test_built_in_bulk_is_built_right() -> None:
    """Messages and receipts whose slots are filled directly are those that the constructors make, in every field."""
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
    assert all(repr(one) for one in (*made, *stored_receipts([b"5-0"])))


async def test_batches_are_bounded(stage: Stage, adapter: Adapter) -> None:
    """At most 1,000 messages or about 1 MiB a batch, whatever entries weigh."""
    many, large = stage.stream("many", 3000), stage.stream("large", 60, fields=[(b"v", b"x" * 100_000)])
    for ref, count in ((many, 3000), (large, 60)):
        batches: list[Batch] = [some async for some in adapter.broker.reader.read(ref, ReadRange(), limit=None)]
        assert numbers([one for some in batches for one in some]) == list(range(count))
        assert max(map(len, batches)) <= REPLY_ENTRIES
        assert max(sum(one.size for one in some) for some in batches) <= REPLY_BYTES + 100_100


async def test_what_no_group_reads_has_no_backlog(stage: Stage, adapter: Adapter) -> None:
    """C115: results and events of job queues (RQ, BullMQ) wait for nobody; a group without a consumer is a reader."""
    results, work = stage.stream("rq:results", 3), stage.stream("work", 3)
    stage.call("XGROUP", "CREATE", work.name, "g", "0")
    found = await listed(adapter)
    detail = await adapter.broker.catalog.describe(results)
    assert (found[results].messages, found[results].backlog, detail.backlog) == (exact(3), NOTHING_WAITS, NOTHING_WAITS)
    assert found[work].backlog == exact(3)


async def test_lag_without_the_servers_figure_is_counted(stage: Stage, adapter: Adapter) -> None:
    """Nil lag (group set to an arbitrary id): counted from the nearer end, never 0."""
    ref = stage.stream("work", 1500)
    rows = stage.rows(ref)
    starts = {"near": 1400, "far": 99, "done": 1499}
    for group, start in starts.items():
        stage.call("XGROUP", "CREATE", ref.name, group, rows[start][0])
        stage.call("XGROUP", "SETID", ref.name, group, rows[start][0])
    for group, wanted in {"near": 99, "far": 1400, "done": 0}.items():
        (row,) = await lags(adapter, group_ref(ref, group))
        assert row.total == exact(wanted)
        assert row.parts[0].committed == rows[starts[group]][0].decode()
        assert row.parts[0].end == rows[-1][0].decode()
    found = await listed(adapter)
    assert found[ref].backlog == exact(1400)
    assert (await lags(adapter, group_ref(ref, "none")))[0].total.number is None


async def test_counting_has_a_budget_and_is_not_repeated(stage: Stage) -> None:
    """Beyond the budget on both sides a bound; a group and a stream that stand still are not counted again (D7)."""
    ref = stage.stream("work", 300)
    rows = stage.rows(ref)
    nodes = new_router(stage.address, read_config(stage.address))
    counter, ends = LagCounter(nodes), StreamInfo(300, parse_entry_id(rows[-1][0]), parse_entry_id(rows[0][0]))
    middle = GroupInfo("g", 0, 0, parse_entry_id(rows[149][0]), None)
    key = ref.name.encode()

    def scripts() -> int:
        return int(stage.client.info("commandstats").get("cmdstat_eval_ro", {}).get("calls", 0))

    try:
        for budget, wanted in ((100, at_least(100)), (1000, exact(150)), (100, exact(150))):
            found = (await counter.lag(key, middle, ends, budget)).waiting
            assert (found.number, found.sort) == (wanted.number, wanted.sort)
        before = scripts()
        await counter.lag(key, middle, ends)
        assert scripts() == before
        assert (await counter.lag(key, replace(middle, delivered=parse_entry_id(rows[9][0])), ends)).waiting == exact(
            290
        )
        assert scripts() > before
    finally:
        await nodes.close()


def release(stage: Stage) -> int:
    """The server's, of which 8.0 counts the entries behind a group that has read none that is still there."""
    return int(str(stage.client.info("server")["redis_version"]).split(".")[0])


CANNOT_BE = {
    "entries read too high": ("g", "$", 100),
    "all read, says the server": ("h", "0", 61),
    "none read, says the server": ("i", "$", 0),
}
"""Groups made with a wrong ENTRIESREAD on a stream of one entry, that later gets 60 (redis#14257, redis#15488)."""


async def test_lag_that_cannot_be_is_counted(stage: Stage, adapter: Adapter) -> None:
    """Negative, 0 before the end, more than there is behind the group, or more than the stream holds (D7)."""
    name = stage.name("work")
    stage.call("XADD", name, "*", "n", 0)
    for group, start, read_entries in CANNOT_BE.values():
        stage.call("XGROUP", "CREATE", name, group, start, "ENTRIESREAD", read_entries)
    for number in range(60):
        stage.call("XADD", name, "*", "n", number)
    stage.call("XGROUP", "CREATE", name, "j", "$", "ENTRIESREAD", 7)
    ref = Ref(Kind.STREAM, name)
    told = {row["name"].decode(): row["lag"] for row in stage.client.xinfo_groups(name)}
    assert told == {"g": -39, "h": 0 if release(stage) < 8 else 61, "i": 61, "j": 54}
    for group, wanted in {"g": 60, "h": 61, "i": 60, "j": 0}.items():
        (row,) = await lags(adapter, group_ref(ref, group))
        assert row.total == exact(wanted), group
    assert (await listed(adapter))[ref].backlog == exact(61)
    assert (await adapter.broker.catalog.describe(ref)).backlog == exact(61)


async def test_what_was_trimmed_before_it_was_read_is_no_lag(stage: Stage, adapter: Adapter) -> None:
    """400 unread, 390 of them trimmed: 10 can be read, and 390 are told as lost; so in an emptied stream.

    Of a group that was made later, and at the beginning, nobody knows whether it ever missed what was gone by then.
    """
    ref = stage.stream("work", 500)
    stage.group(ref, "g", take=100)
    stage.call("XTRIM", ref.name, "MAXLEN", 10)
    stage.call("XGROUP", "CREATE", ref.name, "late", "0")
    row, late = await lags(adapter, group_ref(ref, "g"), group_ref(ref, "late"))
    assert (row.total, row.parts[0].lost) == (exact(10), exact(390))
    assert (late.total, late.parts[0].lost.number) == (exact(10), None)
    stage.call("XTRIM", ref.name, "MAXLEN", 0)
    (row,) = await lags(adapter, group_ref(ref, "g"))
    assert (row.total, row.parts[0].lost) == (exact(0), exact(400))
    name = stage.name("fresh")
    stage.call("XADD", name, "*", "n", 1)
    stage.call("XGROUP", "CREATE", name, "g", "0")
    (row,) = await lags(adapter, group_ref(Ref(Kind.STREAM, name), "g"))
    assert (row.total, row.parts[0].lost) == (exact(1), exact(0))


async def test_without_scripts_lag_is_a_bound(stage: Stage) -> None:
    """A user who may not run scripts sees that what the server tells cannot be, and what it is at most."""
    name = stage.name("work")
    stage.call("XADD", name, "*", "n", 0)
    stage.call("XGROUP", "CREATE", name, "g", "$", "ENTRIESREAD", 100)
    stage.call("XADD", name, "*", "n", 1)
    async with limited(stage, "~* +@all -@scripting") as adapter:
        (row,) = await lags(adapter, group_ref(Ref(Kind.STREAM, name), "g"))
    assert (row.total.number, row.total.sort) == (2, Exactness.AT_MOST)
    assert "EVAL" in row.total.why


async def test_a_deleted_entry_makes_lag_counted(stage: Stage, adapter: Adapter) -> None:
    """Entries deleted between: the server gives no figure, counting does."""
    ref = stage.stream("work", 10)
    stage.group(ref, "g", take=2)
    stage.call("XDEL", ref.name, stage.rows(ref)[5][0])
    assert (await lags(adapter, group_ref(ref, "g")))[0].total == exact(7)


async def test_groups_with_slashes_are_told_apart(stage: Stage, adapter: Adapter) -> None:
    """`a/b` of stream `s` and `b` of stream `s/a` have the same words: the longest stream that fits is meant."""
    base = stage.name("s")
    plain, nested = stage.stream("s", 3, name=base), stage.stream("s", 2, name=f"{base}/a")
    stage.group(plain, "a/b")
    assert (await lags(adapter, group_ref(plain, "a/b")))[0].total == exact(3)
    stage.group(nested, "b")
    assert (await lags(adapter, group_ref(nested, "b")))[0].total == exact(2)
    names = {group.ref.name for group in await adapter.broker.groups.list_groups() if group.ref.name.startswith(base)}
    assert names == {f"{base}/a/b"}


async def test_a_search_has_a_budget(stage: Stage) -> None:
    """SCAN stops at `scan-keys`; the last page of names says that there is more."""
    pipe = stage.client.pipeline(transaction=False)
    for number in range(6000):
        pipe.set(f"{stage.prefix}:k{number}", "")
    pipe.execute()
    adapter = stage.adapter(options={"scan-keys": "2000"})
    pages = [page async for page in adapter.broker.catalog.list_destinations()]
    await adapter.close()
    assert any(page.cursor for page in pages)


async def test_a_row_without_rights_says_so(stage: Stage) -> None:
    """A stream this user may not read is listed with unknown figures and the reason."""
    ref = stage.stream("secret", 3)
    async with limited(stage, "~none +@all") as adapter:
        row = (await listed(adapter))[ref]
        assert row.messages.number is None and "key" in row.messages.why
        with pytest.raises(NotAuthorised):
            await read(adapter, ref)


async def test_a_follower_outlives_a_restart(brokers: Brokers) -> None:
    """Tail goes on after the last entry it gave, on a new connection, when the server comes back."""
    with own_server(brokers) as (name, stage):
        ref = stage.stream("work", 3)
        adapter = stage.adapter()
        tail = aiter(adapter.broker.reader.tail(ref))
        first = asyncio.ensure_future(anext(tail))
        got: list[int] = []
        while not first.done():
            stage.call("XADD", ref.name, "*", "n", 3)
            await asyncio.wait({first}, timeout=0.05)
        got += numbers(await first)
        assert set(got) == {3}
        await asyncio.to_thread(brokers.servers.kill, name)
        later = asyncio.ensure_future(anext(tail))
        await asyncio.to_thread(brokers.servers.restart, name)
        stage.call("XADD", ref.name, "*", "n", 4)
        while 4 not in got:
            got += numbers(await asyncio.wait_for(later, 20))
            later = asyncio.ensure_future(anext(tail))
        later.cancel()
        await asyncio.gather(later, return_exceptions=True)
        await adapter.close()
        assert got.count(4) == 1


async def test_what_redis_does_not_do(stage: Stage, adapter: Adapter) -> None:
    """A look has no price to pay; a partition or an exchange is no thing of Redis."""
    ref = stage.stream("work", 1)
    assert not await adapter.broker.can(Verb.SPEND)
    assert not await adapter.broker.can(Verb.PEEK, Ref(Kind.EXCHANGE, "x"))
    for verb in (Verb.LIST, Verb.PEEK, Verb.TAIL, Verb.REDRIVE, Verb.CLAIM, Verb.DISCARD, Verb.PUT_BACK):
        assert await adapter.broker.can(verb, ref)
    assert (await adapter.broker.reader.peek_cost(ref, 10)).text == "free"
    with pytest.raises(NotFound):
        await adapter.broker.catalog.describe(Ref(Kind.QUEUE, ref.name))


@pytest.mark.parametrize(
    ("variant", "options", "error"),
    [
        ("ring", {}, BadInput),
        ("", {"no-such": "1"}, BadInput),
        ("", {"wait-ms": "soon"}, BadInput),
        ("", {"tls.verify": "maybe"}, BadInput),
    ],
)
def test_an_address_that_can_not_be(
    stage: Stage, variant: str, options: dict[str, str], error: type[MqtuiError]
) -> None:
    with pytest.raises(error):
        stage.adapter(variant=variant, options=options)


async def test_borrowing_is_not_offered(stage: Stage, adapter: Adapter) -> None:
    from mqtui.brokers.guard import WriteGrant
    from tests.contract.asking import a_plan

    ref = stage.stream("work", 1)
    with pytest.raises(Unsupported):
        adapter.open_writer(WriteGrant(a_plan(adapter, Verb.SPEND))).peek_unacked(ref, 1)
