"""D5: across slots a letter is stored under the run's mark, waited for, then removed; a resume doubles nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from mqtui.brokers.port import Adapter
from mqtui.brokers.redis.adapter import connect
from mqtui.brokers.redis.connection.hash_slots import SLOT_COUNT, hash_tag_for, key_slot
from mqtui.brokers.redis.redrive.bookkeeping_keys import TTL_S, stored_set_key
from mqtui.domain.redrive import PublishStatus, Strength
from mqtui.domain.resource import Kind, Ref
from mqtui.services.browse import list_destinations
from tests.brokers import Brokers
from tests.cli.driver import Mqtui
from tests.contract.asking import Move, eventually, listed, publish, read
from tests.contract.redis_stage import Stage, own_server
from tests.contract.test_redis_lost_replies import entry

MIDDLE = 8192


@pytest.fixture(scope="module")
def pair(brokers: Brokers) -> Iterator[tuple[Stage, Stage]]:
    """A cluster of two nodes with half of the slots each."""
    with (
        own_server(brokers, "cluster-enabled yes", "cluster-node-timeout 2000") as (_, low),
        own_server(brokers, "cluster-enabled yes", "cluster-node-timeout 2000") as (name, high),
    ):
        asyncio.run(joined(low, high, brokers.servers.ports(name)["bus"]))
        yield low, high


async def joined(low: Stage, high: Stage, bus: int) -> None:
    """Two clusters of one node become one, and share the slots."""
    high.call("CLUSTER", "FLUSHSLOTS")
    host, port = high.address.hosts[0]
    low.call("CLUSTER", "MEET", host, port, bus)

    async def met() -> bool:
        return known(low) == known(high) == 2

    await eventually(met, "the nodes have met")
    low.call("CLUSTER", "DELSLOTSRANGE", MIDDLE, SLOT_COUNT - 1)

    async def taken() -> bool:
        """As long as the node believes that the other has the slots, it lets them go first."""
        try:
            high.call("CLUSTER", "ADDSLOTSRANGE", MIDDLE, SLOT_COUNT - 1)
        except redis.ResponseError:
            with suppress(redis.ResponseError):
                high.call("CLUSTER", "DELSLOTSRANGE", MIDDLE, SLOT_COUNT - 1)
            return False
        return True

    await eventually(taken, "the second node takes its slots")

    async def shared() -> bool:
        return all(len(stage.call("CLUSTER", "SLOTS")) == 2 and healthy(stage) for stage in (low, high))

    await eventually(shared, "the slots are shared")


def told(stage: Stage) -> dict[bytes, bytes]:
    lines: bytes = stage.call("CLUSTER", "INFO")
    return dict(line.split(b":", 1) for line in lines.split() if b":" in line)


def known(stage: Stage) -> int:
    return int(told(stage)[b"cluster_known_nodes"])


def healthy(stage: Stage) -> bool:
    return told(stage)[b"cluster_state"] == b"ok"


@pytest.fixture
async def adapter(pair: tuple[Stage, Stage]) -> AsyncIterator[Adapter]:
    made = pair[0].adapter(variant="cluster")
    yield made
    await made.close()


class Field:
    """Streams in either half of the slots."""

    def __init__(self, low: Stage, high: Stage) -> None:
        self.low, self.high = low, high

    def at(self, ref: Ref) -> Stage:
        return self.low if key_slot(ref.name.encode()) < MIDDLE else self.high

    def stream(self, stem: str, count: int = 0, *, high: bool, fields: Sequence[tuple[bytes, bytes]] = ()) -> Ref:
        tags = (f"{stem}{number}" for number in range(1000))
        tag = next(tag for tag in tags if (key_slot(tag.encode()) >= MIDDLE) is high)
        name = self.low.name(stem, tag)
        stage = self.high if high else self.low
        return stage.stream(stem, count, name=name, fields=fields)

    def numbers(self, ref: Ref) -> list[int]:
        return self.at(ref).numbers(ref)


@pytest.fixture
def field(pair: tuple[Stage, Stage]) -> Field:
    return Field(*pair)


def test_slots_are_those_of_the_server(pair: tuple[Stage, Stage]) -> None:
    """The slot of a name is what CLUSTER KEYSLOT says, and each mark lies in its stream's slot."""
    names = [b"orders", b"{shop}:dlq", b"a{b}c{d}", b"{}x", b"a}b", b"\xff{\xfe}", "offen 🛒".encode(), b"{", b"x" * 99]
    for name in names:
        assert key_slot(name) == pair[0].call("CLUSTER", "KEYSLOT", name)
        assert key_slot(stored_set_key("mqtui", name, "ab" * 16)) == key_slot(name)
        assert key_slot(b"x{%s}y" % hash_tag_for(name)) == key_slot(name)
    assert stored_set_key("mqtui", b"orders", "7f3a") == b"mqtui:{orders}:7f3a"


async def test_d5_letters_cross_to_another_node(field: Field, adapter: Adapter) -> None:
    """D5: each is in the target once, bytes unchanged; the mark of the run holds the source ids for 7 days."""
    binary = ((b"twice", b"\xff"), (b"twice", b""), (b"\x00\xfe", b"\x80"))
    source, target = field.stream("dlq", 30, high=False, fields=binary), field.stream("home", high=True)
    ids = {raw for raw, _ in field.low.rows(source)}
    move = Move(adapter, source, target)
    taken, plan = await move.planned()
    assert plan.guarantee is not None and plan.guarantee.strength is Strength.AT_LEAST_ONCE
    assert "7 days" in plan.guarantee.text
    async with move.lease((taken, plan)) as lease:
        receipts = [one async for some in lease.batches(7) for one in await lease.move(move.transfers(some))]
    assert {one.state for one in receipts} == {PublishStatus.STORED}
    assert [fields for _, fields in field.high.rows(target)] == [((b"n", b"%d" % n), *binary) for n in range(30)]
    assert [str(one.position).encode() for one in receipts] == [raw for raw, _ in field.high.rows(target)]
    assert field.low.rows(source) == []
    mark = stored_set_key(field.low.prefix, target.name.encode(), plan.id)
    members: Any = field.high.client.smembers(mark.decode())
    assert members == ids
    assert TTL_S - 60 < field.high.call("TTL", mark) <= TTL_S


async def test_d5_killed_between_store_and_removal_nothing_is_doubled(field: Field, adapter: Adapter) -> None:
    """D5: the removal never happens (its right is taken away between); the resume removes and stores none again."""
    source, target = field.stream("dlq", 20, high=False), field.stream("home", high=True)
    first = Move(adapter, source, target)
    async with limited(field, "+@all") as restricted:
        run = Move(restricted, source, target)
        async with run.lease() as lease:
            letters = [letter async for some in lease.batches(100) for letter in some]
            field.low.call("ACL", "SETUSER", user(field), "-xdel")
            halted = await lease.move(run.transfers(letters[:15]))
    assert {one.state for one in halted} == {PublishStatus.UNKNOWN}
    assert all("not removed" in one.reason for one in halted)
    assert (field.numbers(target), field.numbers(source)) == (list(range(15)), list(range(20)))
    first.run, first.resumed = run.run, True
    receipts = await first.all()
    assert {one.state for one in receipts} == {PublishStatus.STORED}
    assert (field.numbers(target), field.numbers(source)) == (list(range(20)), [])


async def test_d5_within_a_slot_one_script_moves(field: Field, adapter: Adapter) -> None:
    """D5: names with the same tag need no mark: exactly once."""
    source = field.stream("dlq", 5, high=True)
    target = field.high.stream("home", name=source.name + ":home")
    move = Move(adapter, source, target)
    _, plan = await move.planned()
    assert plan.guarantee is not None and plan.guarantee.strength is Strength.EXACTLY_ONCE
    assert {one.state for one in await move.all()} == {PublishStatus.STORED}
    assert (field.numbers(target), field.numbers(source)) == ([0, 1, 2, 3, 4], [])


async def test_d5_a_name_that_is_no_tag_crosses_too(field: Field, adapter: Adapter) -> None:
    """D5: a name with `}` can't be a tag; the mark gets a number that lies in its slot."""
    source = field.stream("dlq", 4, high=False)
    name = next(
        name for name in (f"odd}}{n}-{source.name[:9]}" for n in range(99)) if key_slot(name.encode()) >= MIDDLE
    )
    target = field.high.stream("home", name=name)
    assert {one.state for one in await Move(adapter, source, target).all()} == {PublishStatus.STORED}
    assert (field.numbers(target), field.numbers(source)) == ([0, 1, 2, 3], [])


async def test_d5_entries_that_stay_and_heavy_ones_cross_once(field: Field, adapter: Adapter) -> None:
    """D5, D1, D4: what another group needs stays under its mark; 2,500 fields go by a transaction."""
    fields = [(b"f%d" % number, b"v") for number in range(2500)]
    source, target = field.stream("dlq", 2, high=False), field.stream("home", high=True)
    field.low.call("XADD", source.name, "*", "n", 2, *(part for pair in fields for part in pair))
    field.low.group(source, "slow", take=1, acknowledge=1)
    move = Move(adapter, source, target)
    assert {one.state for one in await move.all()} == {PublishStatus.STORED}
    assert (field.numbers(target), field.numbers(source)) == ([0, 1, 2], [1, 2])
    assert field.high.rows(target)[2][1] == ((b"n", b"2"), *fields)
    assert await Move(adapter, source, target, run=move.run, resumed=True).all() == []
    assert await Move(adapter, source, target).all() == []
    assert field.numbers(target) == [0, 1, 2]


async def test_d5_gone_letters_are_not_stored(field: Field, adapter: Adapter) -> None:
    """D5: what somebody took meanwhile is looked for right before it would be stored."""
    source, target = field.stream("dlq", 5, high=True), field.stream("home", high=False)
    move = Move(adapter, source, target)
    async with move.lease() as lease:
        letters = [letter async for some in lease.batches(100) for letter in some]
        field.high.call("XDEL", source.name, field.high.rows(source)[2][0])
        receipts = await lease.move(move.transfers(letters))
    assert [one.state is PublishStatus.GONE for one in receipts] == [False, False, True, False, False]
    assert field.numbers(target) == [0, 1, 3, 4]


async def test_a_cluster_is_listed_and_read_whole(field: Field, adapter: Adapter) -> None:
    """Streams of every node are listed; each is read, published to and followed where it lies."""
    low, high = field.stream("a", 3, high=False), field.stream("b", 4, high=True)
    rows = await listed(adapter)
    assert (rows[low].messages.number, rows[high].messages.number) == (3, 4)
    receipts = await publish(adapter, [entry(low, 3), entry(high, 4), entry(low, 4)])
    assert {one.state for one in receipts} == {PublishStatus.STORED}
    assert [int(one.fields[0][1]) for one in await read(adapter, high)] == [0, 1, 2, 3, 4]
    assert (await adapter.broker.catalog.describe_cluster()).nodes == 2


async def test_a_slot_that_moved_is_found(field: Field, adapter: Adapter) -> None:
    """A node that answers MOVED makes the adapter ask for the slots again, for looks and for writes."""
    ref = field.stream("wander", high=False)
    await adapter.broker.reader.extent(ref)
    ref2 = Ref(Kind.STREAM, ref.name + ":late")
    number = key_slot(ref2.name.encode())
    field.low.client.delete(ref.name)
    owner = field.high.call("CLUSTER", "MYID")
    for stage in (field.high, field.low):
        stage.call("CLUSTER", "SETSLOT", number, "NODE", owner)
    field.high.stream("wander", 2, name=ref2.name)
    assert len(await read(adapter, ref2)) == 2
    receipts = await publish(adapter, [entry(ref2, 7)])
    assert [one.state for one in receipts] == [PublishStatus.STORED]


def user(field: Field) -> str:
    return f"user-{field.low.prefix}"


@asynccontextmanager
async def limited(field: Field, rights: str) -> AsyncIterator[Adapter]:
    """An adapter of a user whose rights can be taken away."""
    for stage in (field.low, field.high):
        stage.call("ACL", "SETUSER", user(field), "reset", "on", ">secret", "~*", *rights.split())
    address = replace(field.low.address, user=user(field), secret="secret", variant="cluster", prefix=field.low.prefix)
    adapter = connect(address)
    try:
        yield adapter
    finally:
        await adapter.close()
        for stage in (field.low, field.high):
            stage.call("ACL", "DELUSER", user(field))


async def test_one_node_of_a_cluster_says_that_it_is_one(pair: tuple[Stage, Stage], tmp_path: Path) -> None:
    """C51: asked by redis://, a node shows what it holds and that others hold more; a check over a part fails."""
    low, _ = pair
    name = next(name for number in range(99) if key_slot((name := f"{low.prefix}:s{number}").encode()) < MIDDLE)
    low.call("XADD", name, "*", "a", "b")
    low.call("XGROUP", "CREATE", name, "g", "$")
    for variant, told in (("", True), ("cluster", False)):
        adapter = low.adapter(variant=variant)
        groups = await adapter.broker.groups.list_groups()
        rows = await list_destinations(adapter.broker)
        assert name in {row.ref.name for row in rows}
        assert [bool(found.missing) for found in (groups, rows)] == [told, told]
        await adapter.close()
    failed = await asyncio.to_thread(Mqtui(tmp_path, ""), "lag", low.url, "--fail", 10)
    failed.refused(1, "one node of a Redis Cluster", "unknown in part")
