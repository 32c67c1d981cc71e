"""C13: a letter that is not in the source any more was moved only if the run's move log in Redis says so."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from mqtui.brokers.optional_port import TracesMoves
from mqtui.brokers.port import Adapter
from mqtui.brokers.redis.connection.hash_slots import key_slot
from mqtui.brokers.redis.redrive.bookkeeping_keys import TTL_S
from mqtui.brokers.redis.redrive.lua import MOVE_LOG_LENGTH
from mqtui.brokers.redis.redrive.move_large_entry import MAX_SCRIPT_FIELDS
from mqtui.domain.message import Message
from mqtui.domain.plan import Plan
from mqtui.domain.redrive import PublishStatus, Receipt, Source
from tests.brokers import Brokers
from tests.contract.asking import Move
from tests.contract.redis_server import RedisServer, own_server
from tests.contract.test_redis_killed_runs import kill_at, start_redrive_process
from tests.contract.test_redis_move_scripts import RIGHTS, user_with_rights

LETTERS = 2_000


@pytest.fixture(scope="module")
def cluster(brokers: Brokers) -> Iterator[RedisServer]:
    with own_server(brokers, "cluster-enabled yes") as (_, made):
        yield made


async def trace(adapter: Adapter, move: Move, planned: tuple[Source, Plan], letters: list[Message]) -> list[Receipt]:
    assert isinstance(adapter.broker, TracesMoves)
    positions = [letter.position for letter in letters]
    return list(await adapter.broker.trace(planned[0], move.terms(planned[1]), positions))


async def all_letters(move: Move, planned: tuple[Source, Plan]) -> list[Message]:
    async with move.lease(planned) as lease:
        return [letter async for batch in lease.batches(1000) for letter in batch]


@pytest.mark.parametrize("way", ["trimmed", "deleted", "expired", "flushed"])
async def test_letters_removed_by_somebody_else_after_a_kill(brokers: Brokers, way: str) -> None:
    """C31: after `kill -9` somebody removes the rest: what the run moved is known, the others are unknown."""
    with own_server(brokers) as (_, server):
        source, target, run = server.stream("dlq", LETTERS), server.stream("home"), uuid.uuid4().hex
        adapter = server.adapter()
        move = Move(adapter, source, target, run=run)
        planned = await move.planned()
        letters = await all_letters(move, planned)
        kill_at(server, start_redrive_process(server, "", source, target, run), target, LETTERS // 2)
        home = set(server.numbers(target))
        assert LETTERS // 2 <= len(home) < LETTERS
        match way:
            case "trimmed":
                server.call("XTRIM", source.name, "MAXLEN", "0")
            case "deleted":
                server.call("XDEL", source.name, *(entry for entry, _ in server.rows(source)))
            case "expired":
                server.call("PEXPIREAT", source.name, "1")
            case _:
                server.call("FLUSHDB")
                home = set()
        receipts = await trace(adapter, move, planned, letters)
        await adapter.close()
        assert {number for number, one in enumerate(receipts) if one.state is PublishStatus.STORED} == home
        assert {one.state for one in receipts} <= {PublishStatus.STORED, PublishStatus.UNKNOWN}


async def test_across_slots_the_stored_set_is_the_proof(cluster: RedisServer) -> None:
    """D5, C13: letters stored in another slot's stream are known by the run's stored set there."""
    source, target = cluster.stream("dlq", 5), cluster.stream("home")
    assert key_slot(source.name.encode()) != key_slot(target.name.encode())
    adapter = cluster.adapter(variant="cluster")
    move = Move(adapter, source, target)
    planned = await move.planned()
    async with move.lease(planned) as lease:
        letters = [letter async for batch in lease.batches(10) for letter in batch]
        await lease.move(move.transfers(letters[:3]))
    cluster.client.delete(source.name)
    receipts = await trace(adapter, move, planned, letters)
    await adapter.close()
    assert [one.state for one in receipts] == [PublishStatus.STORED] * 3 + [PublishStatus.UNKNOWN] * 2


async def test_a_discard_logs_what_it_removes(redis_server: RedisServer, redis_adapter: Adapter) -> None:
    """C13: removed by this run, or stored at another broker before: the same move log, without a target id."""
    source, target = redis_server.stream("dlq", 4), redis_server.stream("home")
    move = Move(redis_adapter, source, target, removes=True)
    planned = await move.planned()
    async with move.lease(planned) as lease:
        letters = [letter async for batch in lease.batches(10) for letter in batch]
        await lease.settle(letters[:3])
    redis_server.client.delete(source.name)
    receipts = await trace(redis_adapter, move, planned, letters)
    assert [one.state for one in receipts] == [PublishStatus.STORED] * 3 + [PublishStatus.UNKNOWN]
    assert {one.position for one in receipts} == {None}


async def test_large_entries_and_letters_that_stay_are_logged(
    redis_server: RedisServer, redis_adapter: Adapter
) -> None:
    """C13, D4, D1: the transaction of a large entry logs it as the script does; so is one that stays."""
    fields = [(b"f%d" % number, b"") for number in range(MAX_SCRIPT_FIELDS + 1)]
    source, target = redis_server.stream("dlq", 2, fields=fields), redis_server.stream("home")
    redis_server.call("XADD", source.name, "*", "n", "2")
    redis_server.group(source, "slow", take=1)
    move = Move(redis_adapter, source, target)
    planned = await move.planned()
    async with move.lease(planned) as lease:
        letters = [letter async for batch in lease.batches(10) for letter in batch]
        receipts = await lease.move(move.transfers(letters))
    assert {one.state for one in receipts} == {PublishStatus.STORED}
    redis_server.client.delete(source.name)
    found = await trace(redis_adapter, move, planned, letters)
    assert [(one.state, one.position) for one in found] == [(one.state, one.position) for one in receipts]


async def test_a_resume_keeps_the_move_log_of_the_killed_process(
    redis_server: RedisServer, redis_adapter: Adapter
) -> None:
    """C13: the move log is short, but letters in flight at a crash are still known after a long resume."""
    source, target = redis_server.stream("dlq", 2 * MOVE_LOG_LENGTH + 20), redis_server.stream("home")
    move = Move(redis_adapter, source, target)
    planned = await move.planned()
    letters = await all_letters(move, planned)
    async with move.lease(planned) as lease:
        await lease.move(move.transfers(letters[:10]))
    for part in (letters[10:20], letters[20:]):
        move.resumed = True
        async with move.lease(planned) as lease:
            for letter in part:
                await lease.move(move.transfers([letter]))
    receipts = await trace(redis_adapter, move, planned, letters)
    assert {one.state for one in receipts[:20]} == {PublishStatus.STORED}
    assert sum(one.state is PublishStatus.STORED for one in receipts) == 20 + MOVE_LOG_LENGTH
    records = [key for key in redis_server.client.scan_iter(f"{redis_server.prefix}*") if b":moved:" in key]
    assert len(records) == 2
    assert all(0 < redis_server.client.ttl(key) <= TTL_S for key in records)
    assert max(redis_server.client.llen(key) for key in records) <= MOVE_LOG_LENGTH


async def test_without_the_right_to_a_move_log_letters_are_moved_and_unknown_after_a_crash(
    redis_server: RedisServer,
) -> None:
    """C13: no right to LPUSH costs the proof, never the move."""
    source, target = redis_server.stream("dlq", 3), redis_server.stream("home")
    async with user_with_rights(redis_server, f"~* {RIGHTS} +acl|dryrun +acl|whoami -lpush") as adapter:
        move = Move(adapter, source, target)
        planned = await move.planned()
        assert [risk.text for risk in planned[1].risks if risk.name == "no-record"]
        async with move.lease(planned) as lease:
            letters = [letter async for batch in lease.batches(10) for letter in batch]
            receipts = await lease.move(move.transfers(letters))
        assert {one.state for one in receipts} == {PublishStatus.STORED}
        assert {one.state for one in await trace(adapter, move, planned, letters)} == {PublishStatus.UNKNOWN}
    assert redis_server.numbers(target) == [0, 1, 2]
