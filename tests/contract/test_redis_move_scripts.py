"""D4: scripts do not roll back, so everything is checked first, and each id has an outcome."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from msgspec import structs

from mqtui.brokers.port import Adapter
from mqtui.brokers.redis.adapter import connect
from mqtui.brokers.redis.redrive.move_large_entry import MAX_SCRIPT_FIELDS
from mqtui.brokers.redis.redrive.move_spec import CHUNK_BYTES, CHUNK_LETTERS, split_chunks
from mqtui.domain.errors import NotAuthorised
from mqtui.domain.message import EntryId, Field, Message
from mqtui.domain.redrive import PublishStatus
from mqtui.domain.resource import Kind, Ref
from tests.contract.asking import Move
from tests.contract.redis_server import RedisServer

RIGHTS = "+@all -@dangerous +info"


@pytest.mark.parametrize(
    ("less", "named"),
    [
        ("-xdel", "XDEL"),
        ("-xadd", "XADD"),
        ("-eval", "EVAL"),
        ("-xinfo", "XINFO"),
        ("-xpending", "XPENDING"),
        ("-sadd", "SADD"),
        ("-expire", "EXPIRE"),
    ],
)
async def test_d4_a_missing_right_copies_nothing(redis_server: RedisServer, less: str, named: str) -> None:
    """D4: without XDEL a script would copy and not remove; the run is refused before its first XADD, by name."""
    source, target = redis_server.stream("dlq", 3), redis_server.stream("home")
    async with user_with_rights(redis_server, f"~* {RIGHTS} {less}") as adapter:
        with pytest.raises(NotAuthorised, match=named):
            await Move(adapter, source, target).all()
    assert redis_server.rows(target) == []
    assert redis_server.numbers(source) == [0, 1, 2]
    assert [key for key in redis_server.client.scan_iter(f"{redis_server.prefix}*") if b"stays" in key] == []


async def test_d4_a_key_without_right_copies_nothing(redis_server: RedisServer) -> None:
    """D4: the same where a key pattern is missing, even that of mqtui's own keys."""
    source, target = redis_server.stream("dlq", 3), redis_server.stream("home")
    async with user_with_rights(redis_server, f"~{source.name} ~{target.name} {RIGHTS}") as adapter:
        with pytest.raises(NotAuthorised, match="key"):
            await Move(adapter, source, target).all()
    assert redis_server.rows(target) == []


async def test_d4_the_plan_names_the_missing_right(redis_server: RedisServer) -> None:
    """D4: where ACL DRYRUN is allowed, the plan refuses, without an override."""
    source, target = redis_server.stream("dlq", 3), redis_server.stream("home")
    async with user_with_rights(redis_server, "~* +@all -xdel") as adapter:
        _, plan = await Move(adapter, source, target).planned()
    refused = [risk for risk in plan.risks if risk.name == "rights"]
    assert [risk.final for risk in refused] == [True]
    assert "XDEL" in refused[0].text


async def test_d4_one_outcome_an_id(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """D4: what is gone meanwhile is distinguished from what was moved, wherever it was."""
    source, target = redis_server.stream("dlq", 40), redis_server.stream("home")
    move = Move(redis_adapter, source, target)
    gone = {0, 7, 8, 9, 25, 39}
    async with move.lease() as lease:
        letters = [letter async for some in lease.batches(100) for letter in some]
        raw = [entry for entry, _ in redis_server.rows(source)]
        redis_server.call("XDEL", source.name, *(raw[index] for index in gone))
        receipts = await lease.move(move.transfers(letters))
    assert {index for index, one in enumerate(receipts) if one.state is PublishStatus.GONE} == gone
    assert redis_server.numbers(target) == [number for number in range(40) if number not in gone]
    assert redis_server.rows(source) == []


async def test_d4_scattered_letters_are_found_among_many(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """D4: a selection of one in a hundred, in any order, each letter once."""
    source, target = redis_server.stream("dlq", 3000), redis_server.stream("home")
    move = Move(redis_adapter, source, target)
    async with move.lease() as lease:
        letters = [letter async for some in lease.batches(1000) for letter in some]
        chosen = letters[::100][::-1]
        receipts = await lease.move(move.transfers(chosen))
    assert {one.state for one in receipts} == {PublishStatus.STORED}
    assert redis_server.numbers(target) == list(range(0, 3000, 100))
    assert [str(one.position).encode() for one in receipts] == [raw for raw, _ in redis_server.rows(target)][::-1]
    assert len(redis_server.rows(source)) == 2970


@pytest.mark.parametrize("count", [MAX_SCRIPT_FIELDS, MAX_SCRIPT_FIELDS + 1, 2500, 4500])
async def test_d4_large_entries_are_moved_in_order(
    redis_server: RedisServer, redis_adapter: Adapter, count: int
) -> None:
    """D4: Lua hands at most some 3,900 fields to XADD; larger entries go by a transaction, in order."""
    fields = [(b"f%d" % (number % 1000), b"\xff%d" % number) for number in range(count - 1)]
    source, target = redis_server.stream("dlq", 3), redis_server.stream("home")
    for ref_fields in (fields, [(b"plain", b"1")]):
        redis_server.call("XADD", source.name, "*", "n", "9", *(part for pair in ref_fields for part in pair))
    expected = [fields for _, fields in redis_server.rows(source)]
    receipts = await Move(redis_adapter, source, target).all()
    assert {one.state for one in receipts} == {PublishStatus.STORED}
    assert [fields for _, fields in redis_server.rows(target)] == expected
    assert redis_server.rows(source) == []


async def test_d4_large_entries_are_stripped_and_stay_where_needed(
    redis_server: RedisServer, redis_adapter: Adapter
) -> None:
    """D4, D1: the transaction strips, adds and marks as the script does, and never moves twice."""
    fields = [(b"f%d" % number, b"") for number in range(2500)]
    source, target = redis_server.stream("dlq", 1, fields=fields), redis_server.stream("home")
    redis_server.group(source, "slow")
    move = Move(redis_adapter, source, target)
    async with move.lease() as lease:
        (letter,) = [letter async for some in lease.batches(10) for letter in some]
        transfer = structs.replace(move.transfers([letter], stripped=["f7"])[0], added=(("x", b"1", ""),))
        (first,), (again,) = await lease.move([transfer]), await lease.move([transfer])
    assert (first.state, again.state) == (PublishStatus.STORED, PublishStatus.GONE)
    assert [fields for _, fields in redis_server.rows(target)] == [
        ((b"n", b"0"), *fields[:7], *fields[8:], (b"x", b"1"))
    ]
    assert redis_server.numbers(source) == [0]


async def test_d4_a_letter_that_loses_every_field_is_refused(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """D4: an entry without fields can't be; the letter stays."""
    source, target = redis_server.stream("dlq", 2), redis_server.stream("home")
    move = Move(redis_adapter, source, target)
    async with move.lease() as lease:
        letters = [letter async for some in lease.batches(10) for letter in some]
        receipts = await lease.move(move.transfers(letters, stripped=["n"]))
    assert [one.state for one in receipts] == [PublishStatus.REFUSED] * 2
    assert redis_server.numbers(source) == [0, 1]


async def test_d4_a_full_server_refuses_and_keeps(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """D4: XADD is refused (target of another type meanwhile): nothing is removed."""
    source, target = redis_server.stream("dlq", 3), redis_server.stream("home")
    move = Move(redis_adapter, source, target)
    async with move.lease() as lease:
        letters = [letter async for some in lease.batches(10) for letter in some]
        redis_server.client.delete(target.name)
        redis_server.client.set(target.name, "text")
        receipts = await lease.move(move.transfers(letters))
    assert [one.state for one in receipts] == [PublishStatus.REFUSED] * 3
    assert all("no stream" in one.reason for one in receipts)
    assert redis_server.numbers(source) == [0, 1, 2]


async def test_lease_batches_are_full_ordered_and_bounded(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """A batch has as many letters as were asked for, or 4 MiB of them; none is out of order, whatever their size."""
    light, mixed, home = redis_server.stream("light", 2500), redis_server.stream("mixed"), redis_server.stream("home")
    for number in range(60):
        redis_server.call("XADD", mixed.name, "*", "n", number, "v", b"x" * (900_000 if number % 7 == 6 else 10))
    async with Move(redis_adapter, light, home).lease() as lease:
        assert [len(some) async for some in lease.batches(2000)] == [2000, 500]
    async with Move(redis_adapter, mixed, home).lease() as lease:
        batches = [some async for some in lease.batches(2000)]
    assert [int(one.fields[0][1]) for some in batches for one in some] == list(range(60))
    assert len(batches) > 1
    assert max(sum(one.size for one in some) for some in batches) <= 4 << 20


def test_d4_a_batch_is_500_letters_and_1_mb() -> None:
    """D4: at most 500 entries and 1 MB a call; one larger entry goes alone."""
    small, large = letters_of(1200, 10), letters_of(5, 600_000)
    assert [len(some) for some in split_chunks(small)] == [500, 500, 200]
    assert [len(some) for some in split_chunks(small, largest=11)] == [500, 500, 200]
    assert [len(some) for some in split_chunks(large)] == [1] * 5
    assert max(sum(one.size for one in some) for some in split_chunks(letters_of(3000, 3000))) <= CHUNK_BYTES
    assert max(len(some) for some in split_chunks(small)) == CHUNK_LETTERS


def letters_of(count: int, size: int) -> Sequence[Message]:
    fields: tuple[Field, ...] = ((b"a", b"x" * size),)
    return [Message(Ref(Kind.STREAM, "s"), EntryId(1, number), None, fields=fields) for number in range(count)]


@asynccontextmanager
async def user_with_rights(server: RedisServer, rights: str) -> AsyncIterator[Adapter]:
    """An adapter of a user with these rights."""
    user = f"user-{server.prefix}"
    server.call("ACL", "SETUSER", user, "reset", "on", ">secret", *rights.split())
    adapter = connect(replace(server.address, user=user, secret="secret", prefix=server.prefix))
    try:
        yield adapter
    finally:
        await adapter.close()
        server.call("ACL", "DELUSER", user)
