"""D5: across slots a letter is stored, waited for, then removed; the run's stored set lets a resume double nothing."""

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
from tests.cli.command_line import Mqtui
from tests.contract.asking import Move, eventually, listed, publish, read
from tests.contract.redis_server import RedisServer, own_server
from tests.contract.test_redis_lost_replies import entry

MIDDLE = 8192


@pytest.fixture(scope="module")
def nodes(brokers: Brokers) -> Iterator[tuple[RedisServer, RedisServer]]:
    """A cluster of two nodes with half of the slots each."""
    with (
        own_server(brokers, "cluster-enabled yes", "cluster-node-timeout 2000") as (_, low),
        own_server(brokers, "cluster-enabled yes", "cluster-node-timeout 2000") as (name, high),
    ):
        asyncio.run(join_cluster(low, high, brokers.servers.ports(name)["bus"]))
        yield low, high


async def join_cluster(low: RedisServer, high: RedisServer, bus: int) -> None:
    """Make one cluster of two nodes, which share the slots."""
    high.call("CLUSTER", "FLUSHSLOTS")
    host, port = high.address.hosts[0]
    low.call("CLUSTER", "MEET", host, port, bus)

    async def met() -> bool:
        return known_nodes(low) == known_nodes(high) == 2

    await eventually(met, "the nodes have met")
    low.call("CLUSTER", "DELSLOTSRANGE", MIDDLE, SLOT_COUNT - 1)

    async def taken() -> bool:
        """As long as the node believes that the other has the slots, it must delete them first."""
        try:
            high.call("CLUSTER", "ADDSLOTSRANGE", MIDDLE, SLOT_COUNT - 1)
        except redis.ResponseError:
            with suppress(redis.ResponseError):
                high.call("CLUSTER", "DELSLOTSRANGE", MIDDLE, SLOT_COUNT - 1)
            return False
        return True

    await eventually(taken, "the second node takes its slots")

    async def shared() -> bool:
        return all(len(server.call("CLUSTER", "SLOTS")) == 2 and is_healthy(server) for server in (low, high))

    await eventually(shared, "the slots are shared")


def cluster_info(server: RedisServer) -> dict[bytes, bytes]:
    lines: bytes = server.call("CLUSTER", "INFO")
    return dict(line.split(b":", 1) for line in lines.split() if b":" in line)


def known_nodes(server: RedisServer) -> int:
    return int(cluster_info(server)[b"cluster_known_nodes"])


def is_healthy(server: RedisServer) -> bool:
    return cluster_info(server)[b"cluster_state"] == b"ok"


@pytest.fixture
async def adapter(nodes: tuple[RedisServer, RedisServer]) -> AsyncIterator[Adapter]:
    made = nodes[0].adapter(variant="cluster")
    yield made
    await made.close()


class ClusterStreams:
    """Streams in either half of the slots, on the node that has it."""

    def __init__(self, low: RedisServer, high: RedisServer) -> None:
        self.low, self.high = low, high

    def at(self, ref: Ref) -> RedisServer:
        return self.low if key_slot(ref.name.encode()) < MIDDLE else self.high

    def stream(self, stem: str, count: int = 0, *, high: bool, fields: Sequence[tuple[bytes, bytes]] = ()) -> Ref:
        tags = (f"{stem}{number}" for number in range(1000))
        tag = next(tag for tag in tags if (key_slot(tag.encode()) >= MIDDLE) is high)
        name = self.low.name(stem, tag)
        server = self.high if high else self.low
        return server.stream(stem, count, name=name, fields=fields)

    def numbers(self, ref: Ref) -> list[int]:
        return self.at(ref).numbers(ref)


@pytest.fixture
def streams(nodes: tuple[RedisServer, RedisServer]) -> ClusterStreams:
    return ClusterStreams(*nodes)


def test_key_slots_equal_cluster_keyslot(nodes: tuple[RedisServer, RedisServer]) -> None:
    """The slot of a name is what CLUSTER KEYSLOT says, and each key of mqtui lies in its stream's slot."""
    names = [b"orders", b"{shop}:dlq", b"a{b}c{d}", b"{}x", b"a}b", b"\xff{\xfe}", "offen 🛒".encode(), b"{", b"x" * 99]
    for name in names:
        assert key_slot(name) == nodes[0].call("CLUSTER", "KEYSLOT", name)
        assert key_slot(stored_set_key("mqtui", name, "ab" * 16)) == key_slot(name)
        assert key_slot(b"x{%s}y" % hash_tag_for(name)) == key_slot(name)
    assert stored_set_key("mqtui", b"orders", "7f3a") == b"mqtui:{orders}:7f3a"


async def test_d5_letters_are_moved_to_another_node(streams: ClusterStreams, adapter: Adapter) -> None:
    """D5: each is in the target once, bytes unchanged; the run's stored set holds the source ids for 7 days."""
    binary = ((b"twice", b"\xff"), (b"twice", b""), (b"\x00\xfe", b"\x80"))
    source, target = streams.stream("dlq", 30, high=False, fields=binary), streams.stream("home", high=True)
    ids = {raw for raw, _ in streams.low.rows(source)}
    move = Move(adapter, source, target)
    taken, plan = await move.planned()
    assert plan.guarantee is not None and plan.guarantee.strength is Strength.AT_LEAST_ONCE
    assert "7 days" in plan.guarantee.text
    async with move.lease((taken, plan)) as lease:
        receipts = [one async for some in lease.batches(7) for one in await lease.move(move.transfers(some))]
    assert {one.state for one in receipts} == {PublishStatus.STORED}
    assert [fields for _, fields in streams.high.rows(target)] == [((b"n", b"%d" % n), *binary) for n in range(30)]
    assert [str(one.position).encode() for one in receipts] == [raw for raw, _ in streams.high.rows(target)]
    assert streams.low.rows(source) == []
    mark = stored_set_key(streams.low.prefix, target.name.encode(), plan.id)
    members: Any = streams.high.client.smembers(mark.decode())
    assert members == ids
    assert TTL_S - 60 < streams.high.call("TTL", mark) <= TTL_S


async def test_d5_a_resume_after_store_and_before_removal_doubles_nothing(
    streams: ClusterStreams, adapter: Adapter
) -> None:
    """D5: the removal never happens (its right is taken away between); the resume removes and stores none again."""
    source, target = streams.stream("dlq", 20, high=False), streams.stream("home", high=True)
    first = Move(adapter, source, target)
    async with user_with_rights(streams, "+@all") as restricted:
        run = Move(restricted, source, target)
        async with run.lease() as lease:
            letters = [letter async for some in lease.batches(100) for letter in some]
            streams.low.call("ACL", "SETUSER", user(streams), "-xdel")
            halted = await lease.move(run.transfers(letters[:15]))
    assert {one.state for one in halted} == {PublishStatus.UNKNOWN}
    assert all("not removed" in one.reason for one in halted)
    assert (streams.numbers(target), streams.numbers(source)) == (list(range(15)), list(range(20)))
    first.run, first.resumed = run.run, True
    receipts = await first.all()
    assert {one.state for one in receipts} == {PublishStatus.STORED}
    assert (streams.numbers(target), streams.numbers(source)) == (list(range(20)), [])


async def test_d5_within_a_slot_one_script_moves(streams: ClusterStreams, adapter: Adapter) -> None:
    """D5: names with the same hash tag need no stored set: exactly once."""
    source = streams.stream("dlq", 5, high=True)
    target = streams.high.stream("home", name=source.name + ":home")
    move = Move(adapter, source, target)
    _, plan = await move.planned()
    assert plan.guarantee is not None and plan.guarantee.strength is Strength.EXACTLY_ONCE
    assert {one.state for one in await move.all()} == {PublishStatus.STORED}
    assert (streams.numbers(target), streams.numbers(source)) == ([0, 1, 2, 3, 4], [])


async def test_d5_a_target_whose_name_is_no_hash_tag(streams: ClusterStreams, adapter: Adapter) -> None:
    """D5: a name with `}` can't be a hash tag; the stored set gets a number that lies in its slot."""
    source = streams.stream("dlq", 4, high=False)
    name = next(
        name for name in (f"odd}}{n}-{source.name[:9]}" for n in range(99)) if key_slot(name.encode()) >= MIDDLE
    )
    target = streams.high.stream("home", name=name)
    assert {one.state for one in await Move(adapter, source, target).all()} == {PublishStatus.STORED}
    assert (streams.numbers(target), streams.numbers(source)) == ([0, 1, 2, 3], [])


async def test_d5_entries_that_stay_and_large_entries_are_moved_once(streams: ClusterStreams, adapter: Adapter) -> None:
    """D5, D1, D4: what another group needs stays in the handled set; 2,500 fields go by a transaction."""
    fields = [(b"f%d" % number, b"v") for number in range(2500)]
    source, target = streams.stream("dlq", 2, high=False), streams.stream("home", high=True)
    streams.low.call("XADD", source.name, "*", "n", 2, *(part for nodes in fields for part in nodes))
    streams.low.group(source, "slow", take=1, acknowledge=1)
    move = Move(adapter, source, target)
    assert {one.state for one in await move.all()} == {PublishStatus.STORED}
    assert (streams.numbers(target), streams.numbers(source)) == ([0, 1, 2], [1, 2])
    assert streams.high.rows(target)[2][1] == ((b"n", b"2"), *fields)
    assert await Move(adapter, source, target, run=move.run, resumed=True).all() == []
    assert await Move(adapter, source, target).all() == []
    assert streams.numbers(target) == [0, 1, 2]


async def test_d5_gone_letters_are_not_stored(streams: ClusterStreams, adapter: Adapter) -> None:
    """D5: what was removed meanwhile is noticed right before it would be stored."""
    source, target = streams.stream("dlq", 5, high=True), streams.stream("home", high=False)
    move = Move(adapter, source, target)
    async with move.lease() as lease:
        letters = [letter async for some in lease.batches(100) for letter in some]
        streams.high.call("XDEL", source.name, streams.high.rows(source)[2][0])
        receipts = await lease.move(move.transfers(letters))
    assert [one.state is PublishStatus.GONE for one in receipts] == [False, False, True, False, False]
    assert streams.numbers(target) == [0, 1, 3, 4]


async def test_streams_of_every_node_are_listed_and_read(streams: ClusterStreams, adapter: Adapter) -> None:
    """Streams of every node are listed; each is read, published to and followed on its own node."""
    low, high = streams.stream("a", 3, high=False), streams.stream("b", 4, high=True)
    rows = await listed(adapter)
    assert (rows[low].messages.number, rows[high].messages.number) == (3, 4)
    receipts = await publish(adapter, [entry(low, 3), entry(high, 4), entry(low, 4)])
    assert {one.state for one in receipts} == {PublishStatus.STORED}
    assert [int(one.fields[0][1]) for one in await read(adapter, high)] == [0, 1, 2, 3, 4]
    assert (await adapter.broker.catalog.describe_cluster()).nodes == 2


async def test_a_slot_that_moved_is_found(streams: ClusterStreams, adapter: Adapter) -> None:
    """A node that answers MOVED makes the adapter ask for the slots again, for reads and for writes."""
    ref = streams.stream("wander", high=False)
    await adapter.broker.reader.extent(ref)
    ref2 = Ref(Kind.STREAM, ref.name + ":late")
    number = key_slot(ref2.name.encode())
    streams.low.client.delete(ref.name)
    owner = streams.high.call("CLUSTER", "MYID")
    for server in (streams.high, streams.low):
        server.call("CLUSTER", "SETSLOT", number, "NODE", owner)
    streams.high.stream("wander", 2, name=ref2.name)
    assert len(await read(adapter, ref2)) == 2
    receipts = await publish(adapter, [entry(ref2, 7)])
    assert [one.state for one in receipts] == [PublishStatus.STORED]


def user(streams: ClusterStreams) -> str:
    return f"user-{streams.low.prefix}"


@asynccontextmanager
async def user_with_rights(streams: ClusterStreams, rights: str) -> AsyncIterator[Adapter]:
    """An adapter of a user whose rights can be taken away."""
    for server in (streams.low, streams.high):
        server.call("ACL", "SETUSER", user(streams), "reset", "on", ">secret", "~*", *rights.split())
    address = replace(
        streams.low.address, user=user(streams), secret="secret", variant="cluster", prefix=streams.low.prefix
    )
    adapter = connect(address)
    try:
        yield adapter
    finally:
        await adapter.close()
        for server in (streams.low, streams.high):
            server.call("ACL", "DELUSER", user(streams))


async def test_a_single_node_of_a_cluster_is_reported_as_one(
    nodes: tuple[RedisServer, RedisServer], tmp_path: Path
) -> None:
    """C51: asked by redis://, a node shows what it holds and that others hold more; a check over a part fails."""
    low, _ = nodes
    name = next(name for number in range(99) if key_slot((name := f"{low.prefix}:s{number}").encode()) < MIDDLE)
    low.call("XADD", name, "*", "a", "b")
    low.call("XGROUP", "CREATE", name, "g", "$")
    for variant, cluster_info in (("", True), ("cluster", False)):
        adapter = low.adapter(variant=variant)
        groups = await adapter.broker.groups.list_groups()
        rows = await list_destinations(adapter.broker)
        assert name in {row.ref.name for row in rows}
        assert [bool(found.missing) for found in (groups, rows)] == [cluster_info, cluster_info]
        await adapter.close()
    failed = await asyncio.to_thread(Mqtui(tmp_path, ""), "lag", low.url, "--fail", 10)
    failed.fails(1, "one node of a Redis Cluster", "unknown in part")
