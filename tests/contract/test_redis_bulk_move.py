"""Raw entries arrive as messages do; a batch with a letter that no route template fits is given as messages."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from mqtui.brokers.optional_port import BulkLease
from mqtui.brokers.port import Adapter
from mqtui.brokers.redis.redrive.move_large_entry import MAX_SCRIPT_FIELDS
from mqtui.domain.bulk import BulkResult, EntryReceipts
from mqtui.domain.capability import Verb
from mqtui.domain.message import EntryId, Field
from mqtui.domain.plan import Deliver
from mqtui.domain.redrive import PublishStatus, Transfer
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.services.conventions import load_for_profile
from mqtui.services.redrive.planning.mqtui_headers import HeaderStamper
from mqtui.services.redrive.planning.routing import RedriveRouter
from mqtui.services.redrive.request import RedriveRequest
from mqtui.services.redrive.run.bulk_routes import BulkRoutes
from mqtui.services.redrive.run.stored_copies import StoredCopies
from tests.contract.asking import Move
from tests.contract.redis_proxy import proxy_to
from tests.contract.redis_server import RedisServer

STORED, GONE, REFUSED = PublishStatus.STORED, PublishStatus.GONE, PublishStatus.REFUSED


def router(source: Ref, *targets: Ref) -> RedriveRouter:
    stamper = HeaderStamper(BrokerKind.REDIS, "ab" * 16, "ada", "2026-01-01T00:00:00+00:00")
    request = RedriveRequest(Verb.REDRIVE, source)
    return RedriveRouter(
        request, BrokerKind.REDIS, load_for_profile().conventions, stamper, frozenset(targets), alive_at=0
    )


def routes(source: Ref, *targets: Ref) -> BulkRoutes:
    return BulkRoutes(RedriveRequest(Verb.REDRIVE, source), router(source, *targets), load_for_profile().conventions)


def letters_from(origins: Sequence[Ref], count: int) -> list[list[Field]]:
    """Letters of many shapes: fields twice, bytes that are no text, with and without the fields that are stripped."""
    dice = random.Random(1)
    found: list[list[Field]] = []
    for number in range(count):
        fields = [(b"n", b"%d" % number), (b"same", b"\xff"), (b"\xfe", b""), (b"same", b"2")]
        fields = fields[: dice.choice([1, 4, 4, 4])]
        fields.append((b"dlq_stream", dice.choice(origins).name.encode()))
        if dice.random() < 0.5:
            fields += [(b"dlq_group", dice.choice([b"payments", b"audit"])), (b"dlq_reason", b"declined")]
        if dice.random() < 0.2:
            fields.insert(0, (b"dlq_stream", fields[-1][1] if fields[-1][0] == b"dlq_stream" else fields[-3][1]))
        found.append(fields)
    return found


def fill(server: RedisServer, ref: Ref, letters: Sequence[Sequence[Field]]) -> list[bytes]:
    return [server.call("XADD", ref.name, "*", *(part for pair in letter for part in pair)) for letter in letters]


@asynccontextmanager
async def bulk_lease(adapter: Adapter, source: Ref, *targets: Ref, run: str = "") -> AsyncIterator[BulkLease]:
    move = Move(adapter, source, targets[0], run=run)
    found, plan = await move.planned()
    steps = (*plan.steps, *(Deliver(target, found.count) for target in targets[1:]))
    async with move.lease((found, replace(plan, steps=steps))) as lease:
        assert isinstance(lease, BulkLease)
        yield lease


def counts(result: BulkResult) -> tuple[int, list[PublishStatus]]:
    return len(result.moved), [receipt.state for _, _, receipt in result.others]


async def test_entries_arrive_as_if_each_had_been_looked_at(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """Fields and order within each target; the receipts name each copy, and the monitor learns of all."""
    targets = [redis_server.stream("orders"), redis_server.stream("bills")]
    letters = letters_from(targets, 300)
    dlq, twin = redis_server.stream("dlq"), redis_server.stream("twin")
    fill(redis_server, twin, letters)
    one_by_one = router(twin, *targets)
    async with bulk_lease(redis_adapter, twin, *targets) as lease:
        assert isinstance(lease, BulkLease)
        async for raw_batch in lease.raw_batches(1000, routes(twin, targets[0])):
            assert not raw_batch.is_routed
            transfers = [one_by_one.route(letter) for letter in raw_batch.letters()]
    expected = [(one.target, one.outgoing().fields) for one in transfers if isinstance(one, Transfer)]
    assert len(expected) == len(letters)
    ids = fill(redis_server, dlq, letters)
    observer = StoredCopies(load_for_profile().conventions)
    moved: dict[bytes, tuple[str, bytes]] = {}
    async with bulk_lease(redis_adapter, dlq, *targets) as lease:
        async for raw_batch in lease.raw_batches(64, routes(dlq, *targets)):
            assert raw_batch.is_routed
            result = await lease.move_raw(raw_batch)
            observer.add_raw_batch(raw_batch, result)
            assert isinstance(result.moved, EntryReceipts) and not result.others
            columns = zip(
                result.moved.sources,
                memoryview(result.moved.target_indexes).cast("i"),
                result.moved.copies,
                strict=True,
            )
            moved |= {source: (result.moved.targets[target], copy) for source, target, copy in columns}
    stored = {target: redis_server.rows(target) for target in targets}
    assert redis_server.rows(dlq) == []
    copies = {(target, raw): fields for target, rows in stored.items() for raw, fields in rows}
    by_name = {target.name: target for target in targets}
    told = [(by_name[name], copy) for name, copy in (moved[raw] for raw in ids)]
    assert [(target, copies.pop((target, copy))) for target, copy in told] == expected
    assert copies == {}
    assert [observer.count(target) for target in targets] == [len(stored[target]) for target in targets]
    assert all(observer.contains(target, EntryId.parse(raw)) for target in targets for raw, _ in stored[target])
    assert {group for _, group in observer.by_group} == {"payments", "audit", ""}


async def test_each_letter_that_is_not_moved_is_told(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """Gone meanwhile, handled by a run that is named, without a field left, with a target that takes no more."""
    home, full = redis_server.stream("home"), redis_server.stream("full")
    redis_server.call("XADD", full.name, f"{2**64 - 1}-{2**64 - 1}", "last", "1")
    dlq, origin = redis_server.stream("dlq"), (b"dlq_stream", home.name.encode())
    ids = fill(redis_server, dlq, [[(b"n", b"%d" % number), origin] for number in range(20)])
    fill(redis_server, dlq, [[origin], [(b"n", b"20"), (b"dlq_stream", full.name.encode())]])
    other = Move(redis_adapter, dlq, home, want=1)
    async with bulk_lease(redis_adapter, dlq, home, full) as lease:
        (raw_batch,) = [each async for each in lease.raw_batches(1000, routes(dlq, home, full))]
        async with other.lease() as taker:
            (first,) = [some async for some in taker.batches(1)]
            await taker.move(other.transfers(first))
        redis_server.call("XDEL", dlq.name, *ids[5:7])
        result = await lease.move_raw(raw_batch)
    assert counts(result) == (17, [GONE, GONE, GONE, REFUSED, REFUSED])
    reasons = {str(position).encode(): receipt.reason for position, _, receipt in result.others}
    assert "handled by run" in reasons[ids[0]] or "handled by" in reasons[ids[0]]
    assert reasons[ids[5]] == "not in the source any more"
    assert [target for _, target, _ in result.others] == [home] * 4 + [full]
    assert len(redis_server.rows(dlq)) == 2


async def test_a_letter_that_a_group_needs_is_moved_and_stays_marked(
    redis_server: RedisServer, redis_adapter: Adapter
) -> None:
    """D1: it counts as moved; the next run is not given it again."""
    home, dlq = redis_server.stream("home"), redis_server.stream("dlq")
    fill(redis_server, dlq, [[(b"n", b"%d" % number), (b"dlq_stream", home.name.encode())] for number in range(6)])
    redis_server.group(dlq, "slow", take=3, acknowledge=3)
    for moved in (6, 0):
        async with bulk_lease(redis_adapter, dlq, home) as lease:
            results = [await lease.move_raw(each) async for each in lease.raw_batches(1000, routes(dlq, home))]
        assert sum(len(result.moved) for result in results) == moved
    assert redis_server.numbers(home) == list(range(6))
    assert redis_server.numbers(dlq) == [3, 4, 5]


@pytest.mark.parametrize("swallow", [False, True], ids=["reply lost", "request lost"])
async def test_a_lost_reply_is_settled_by_reading(redis_server: RedisServer, *, swallow: bool) -> None:
    """D2: each letter is in the target once, with its id; never sent twice."""
    home, dlq = redis_server.stream("home"), redis_server.stream("dlq")
    fill(redis_server, dlq, [[(b"n", b"%d" % number), (b"dlq_stream", home.name.encode())] for number in range(30)])
    async with proxy_to(*redis_server.address.hosts[0]) as proxy:
        adapter = redis_server.adapter(url=proxy.url, options={"reconnect-ms": "300", "timeout-ms": "2000"})
        async with bulk_lease(adapter, dlq, home) as lease:
            (raw_batch,) = [each async for each in lease.raw_batches(1000, routes(dlq, home))]
            proxy.arm(b"SISMEMBER", swallow=swallow)
            result = await lease.move_raw(raw_batch)
        await adapter.close()
    assert proxy.cuts == 1
    assert counts(result) == (30, [])
    assert isinstance(result.moved, EntryReceipts)
    assert list(result.moved.copies) == [raw for raw, _ in redis_server.rows(home)]
    assert redis_server.numbers(home) == list(range(30))


async def test_a_batch_with_a_large_entry_is_given_as_messages(
    redis_server: RedisServer, redis_adapter: Adapter
) -> None:
    """D4: a script hands XADD no more fields."""
    home, dlq = redis_server.stream("home"), redis_server.stream("dlq")
    origin = (b"dlq_stream", home.name.encode())
    large = [(b"f%d" % number, b"") for number in range(MAX_SCRIPT_FIELDS)]
    fill(redis_server, dlq, [[(b"n", b"1"), origin], [*large, origin], [(b"n", b"2"), origin]])
    async with bulk_lease(redis_adapter, dlq, home) as lease:
        (raw_batch,) = [each async for each in lease.raw_batches(1000, routes(dlq, home))]
    assert not raw_batch.is_routed
    assert [len(letter.fields) for letter in raw_batch.letters()] == [2, MAX_SCRIPT_FIELDS + 1, 2]
