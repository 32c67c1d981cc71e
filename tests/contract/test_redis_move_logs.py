"""C13: a letter that is not in the source any more was moved only where the run's own record in Redis says so."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from mqtui.brokers.port import Adapter, TracesMoves
from mqtui.brokers.redis.connection.hash_slots import key_slot
from mqtui.brokers.redis.redrive.bookkeeping_keys import TTL_S
from mqtui.brokers.redis.redrive.lua import MOVE_LOG_LENGTH
from mqtui.brokers.redis.redrive.move_large_entry import MAX_SCRIPT_FIELDS
from mqtui.domain.message import Message
from mqtui.domain.plan import Plan
from mqtui.domain.redrive import PublishStatus, Receipt, Source
from tests.brokers import Brokers
from tests.contract.asking import Move
from tests.contract.redis_stage import Stage, own_server
from tests.contract.test_redis_kill import killed_at, mover
from tests.contract.test_redis_scripts import RIGHTS, limited

LETTERS = 2_000


@pytest.fixture
def stage(redis_url: str) -> Iterator[Stage]:
    made = Stage(redis_url)
    yield made
    made.close()


@pytest.fixture(scope="module")
def cluster(brokers: Brokers) -> Iterator[Stage]:
    with own_server(brokers, "cluster-enabled yes") as (_, made):
        yield made


@pytest.fixture
async def adapter(stage: Stage) -> AsyncIterator[Adapter]:
    made = stage.adapter()
    yield made
    await made.close()


async def traced(adapter: Adapter, move: Move, planned: tuple[Source, Plan], letters: list[Message]) -> list[Receipt]:
    assert isinstance(adapter.broker, TracesMoves)
    positions = [letter.position for letter in letters]
    return list(await adapter.broker.trace(planned[0], move.terms(planned[1]), positions))


async def all_letters(move: Move, planned: tuple[Source, Plan]) -> list[Message]:
    async with move.lease(planned) as lease:
        return [letter async for batch in lease.batches(1000) for letter in batch]


@pytest.mark.parametrize("way", ["trimmed", "deleted", "expired", "flushed"])
async def test_killed_then_removed_by_another_hand(brokers: Brokers, way: str) -> None:
    """C31: after `kill -9` somebody removes the rest: what the run moved is known, the others are unknown."""
    with own_server(brokers) as (_, stage):
        source, target, run = stage.stream("dlq", LETTERS), stage.stream("home"), uuid.uuid4().hex
        adapter = stage.adapter()
        move = Move(adapter, source, target, run=run)
        planned = await move.planned()
        letters = await all_letters(move, planned)
        killed_at(stage, mover(stage, "", source, target, run), target, LETTERS // 2)
        home = set(stage.numbers(target))
        assert LETTERS // 2 <= len(home) < LETTERS
        match way:
            case "trimmed":
                stage.call("XTRIM", source.name, "MAXLEN", "0")
            case "deleted":
                stage.call("XDEL", source.name, *(entry for entry, _ in stage.rows(source)))
            case "expired":
                stage.call("PEXPIREAT", source.name, "1")
            case _:
                stage.call("FLUSHDB")
                home = set()
        receipts = await traced(adapter, move, planned, letters)
        await adapter.close()
        assert {number for number, one in enumerate(receipts) if one.state is PublishStatus.STORED} == home
        assert {one.state for one in receipts} <= {PublishStatus.STORED, PublishStatus.UNKNOWN}


async def test_across_slots_the_mark_of_the_run_is_the_proof(cluster: Stage) -> None:
    """D5, C13: letters stored in another slot's stream are known by the run's mark there."""
    source, target = cluster.stream("dlq", 5), cluster.stream("home")
    assert key_slot(source.name.encode()) != key_slot(target.name.encode())
    adapter = cluster.adapter(variant="cluster")
    move = Move(adapter, source, target)
    planned = await move.planned()
    async with move.lease(planned) as lease:
        letters = [letter async for batch in lease.batches(10) for letter in batch]
        await lease.move(move.transfers(letters[:3]))
    cluster.client.delete(source.name)
    receipts = await traced(adapter, move, planned, letters)
    await adapter.close()
    assert [one.state for one in receipts] == [PublishStatus.STORED] * 3 + [PublishStatus.UNKNOWN] * 2


async def test_a_discard_knows_what_it_removed_itself(stage: Stage, adapter: Adapter) -> None:
    """C13: removed by this run, or stored elsewhere before: the same record, without a place."""
    source, target = stage.stream("dlq", 4), stage.stream("home")
    move = Move(adapter, source, target, removes=True)
    planned = await move.planned()
    async with move.lease(planned) as lease:
        letters = [letter async for batch in lease.batches(10) for letter in batch]
        await lease.settle(letters[:3])
    stage.client.delete(source.name)
    receipts = await traced(adapter, move, planned, letters)
    assert [one.state for one in receipts] == [PublishStatus.STORED] * 3 + [PublishStatus.UNKNOWN]
    assert {one.position for one in receipts} == {None}


async def test_letters_of_many_fields_and_letters_that_stay_are_recorded(stage: Stage, adapter: Adapter) -> None:
    """C13, D4, D1: the transaction of a letter of many fields records it as the script does; so is one that stays."""
    fields = [(b"f%d" % number, b"") for number in range(MAX_SCRIPT_FIELDS + 1)]
    source, target = stage.stream("dlq", 2, fields=fields), stage.stream("home")
    stage.call("XADD", source.name, "*", "n", "2")
    stage.group(source, "slow", take=1)
    move = Move(adapter, source, target)
    planned = await move.planned()
    async with move.lease(planned) as lease:
        letters = [letter async for batch in lease.batches(10) for letter in batch]
        receipts = await lease.move(move.transfers(letters))
    assert {one.state for one in receipts} == {PublishStatus.STORED}
    stage.client.delete(source.name)
    found = await traced(adapter, move, planned, letters)
    assert [(one.state, one.position) for one in found] == [(one.state, one.position) for one in receipts]


async def test_a_resume_keeps_what_the_killed_process_recorded(stage: Stage, adapter: Adapter) -> None:
    """C13: the record is short, but what was in doubt at a crash is still known after a long resume, killed or not."""
    source, target = stage.stream("dlq", 2 * MOVE_LOG_LENGTH + 20), stage.stream("home")
    move = Move(adapter, source, target)
    planned = await move.planned()
    letters = await all_letters(move, planned)
    async with move.lease(planned) as lease:
        await lease.move(move.transfers(letters[:10]))
    for part in (letters[10:20], letters[20:]):
        move.resumed = True
        async with move.lease(planned) as lease:
            for letter in part:
                await lease.move(move.transfers([letter]))
    receipts = await traced(adapter, move, planned, letters)
    assert {one.state for one in receipts[:20]} == {PublishStatus.STORED}
    assert sum(one.state is PublishStatus.STORED for one in receipts) == 20 + MOVE_LOG_LENGTH
    records = [key for key in stage.client.scan_iter(f"{stage.prefix}*") if b":moved:" in key]
    assert len(records) == 2
    assert all(0 < stage.client.ttl(key) <= TTL_S for key in records)
    assert max(stage.client.llen(key) for key in records) <= MOVE_LOG_LENGTH


async def test_without_the_right_to_a_record_letters_move_and_are_unknown_after_a_crash(stage: Stage) -> None:
    """C13: no right to LPUSH costs the proof, never the move."""
    source, target = stage.stream("dlq", 3), stage.stream("home")
    async with limited(stage, f"~* {RIGHTS} +acl|dryrun +acl|whoami -lpush") as adapter:
        move = Move(adapter, source, target)
        planned = await move.planned()
        assert [risk.text for risk in planned[1].risks if risk.name == "no-record"]
        async with move.lease(planned) as lease:
            letters = [letter async for batch in lease.batches(10) for letter in batch]
            receipts = await lease.move(move.transfers(letters))
        assert {one.state for one in receipts} == {PublishStatus.STORED}
        assert {one.state for one in await traced(adapter, move, planned, letters)} == {PublishStatus.UNKNOWN}
    assert stage.numbers(target) == [0, 1, 2]
