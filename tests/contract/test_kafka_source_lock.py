"""The lock of a dead-letter topic: who owns it, and how it is taken over, lost and reacquired (K3, K4)."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import pytest
from kafka.admin import KafkaAdminClient

from mqtui.brokers.kafka.connection.broker_connections import BrokerConnections
from mqtui.brokers.kafka.connection.transaction_state import TransactionState, ask_coordinator
from mqtui.brokers.kafka.redrive import move, source_lock, state_topic
from mqtui.brokers.kafka.redrive.state_topic import transactional_id
from mqtui.brokers.port import Adapter, Lease
from mqtui.domain.bulk import BulkResult, FencedDuringMove
from mqtui.domain.errors import Held
from mqtui.domain.plan import Severity
from mqtui.domain.redrive import PublishStatus
from tests.contract.asking import eventually
from tests.contract.kafka_cluster import GuardedRedrive, KafkaCluster, read_until, redrive_process, wait_until


def lock_record_of_another_machine(**changed: Any) -> dict[str, Any]:
    """A holder record from another machine, renewed just now."""
    now = int(time.time() * 1000)
    record = {
        "v": 1,
        "run": uuid.uuid4().hex,
        "operator": "grace",
        "host": "far-away",
        "machine": "another boot",
        "pid": 1,
        "start": 1,
        "since": now - 60_000,
        "time": now,
        "plan": "hash",
        "ended": False,
    }
    return record | changed


async def test_a_held_topic_is_refused_and_the_holder_named(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K3: who, where, since when; and the plan already says so."""
    source, target = kafka.topic("dlq"), kafka.topic("home")
    kafka.fill(source, 10)
    other = kafka.adapter()
    async with GuardedRedrive(kafka_adapter, source, target, operator="ada").lease():
        second = GuardedRedrive(other, source, target, operator="grace")
        _, plan = await second.plan()
        (held,) = [risk for risk in plan.risks if risk.name == "held"]
        assert held.severity is Severity.REFUSE
        assert not held.final
        assert "ada" in held.text
        with pytest.raises(Held) as refused:
            async with second.lease():
                pytest.fail("two runs hold one topic")
    assert "ada" in refused.value.detail
    assert "since" in refused.value.detail
    assert "--take-over" in refused.value.hint
    assert len(await second.move_all()) == 10
    await other.close()


async def test_planning_does_not_disturb_the_holder(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K3: snapshot, inspect and a refused run open no transactional producer, so the run goes on unharmed."""
    source, target = kafka.topic("dlq"), kafka.topic("home")
    values = kafka.fill(source, 30)
    other = kafka.adapter()
    run = GuardedRedrive(kafka_adapter, source, target)
    async with run.lease() as lease:
        before = describe(kafka, source, kafka_adapter, await identity(kafka_adapter, run))
        assert await transaction_state(kafka, await identity(kafka_adapter, run)) == TransactionState(
            allowed=True, state=before.state.value, since=before.transaction_start_time_ms
        )
        assert await transaction_state(kafka, "unknown") == TransactionState(allowed=True)
        async for batch in lease.batches(10):
            await GuardedRedrive(other, source, target).plan()
            with pytest.raises(Held):
                await GuardedRedrive(other, source, target).move_all()
            await lease.move(run.transfers(batch))
        assert (
            describe(kafka, source, kafka_adapter, await identity(kafka_adapter, run)).producer_epoch
            == before.producer_epoch
        )
    await other.close()
    assert kafka.values(target) == values


async def identity(adapter: Adapter, run: GuardedRedrive) -> str:
    return (await adapter.broker.snapshot(run.source)).identity


def describe(kafka: KafkaCluster, source: object, adapter: object, topic_id: str) -> Any:
    """What the coordinator says of the topic's transactional id."""
    name = transactional_id(kafka.prefix, topic_id)
    admin = KafkaAdminClient(bootstrap_servers=kafka.servers["bootstrap.servers"])
    try:
        return admin.describe_transactions([name])[name]
    finally:
        admin.close()


async def transaction_state(kafka: KafkaCluster, topic_id: str) -> TransactionState | None:
    """The same by the requests that a plan sends, without kafka-python."""
    connections = BrokerConnections(kafka.address)
    try:
        return await asyncio.to_thread(ask_coordinator, connections, transactional_id(kafka.prefix, topic_id))
    finally:
        connections.close()


async def test_taking_over_fences_the_holder(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K3, K4, C8: after --take-over the old run learns that the other handled its letters; each is moved once."""
    source, target = kafka.topic("dlq"), kafka.topic("home")
    values = kafka.fill(source, 40)
    other = kafka.adapter()
    first = GuardedRedrive(kafka_adapter, source, target, operator="ada")
    with pytest.raises(FencedDuringMove) as refused:
        async with first.lease() as lease:
            batches = aiter(lease.batches(10))
            await lease.move(first.transfers(await anext(batches)))
            doomed = await anext(batches)
            async with GuardedRedrive(other, source, target, operator="grace", take_over=True).lease() as new:
                rest = [letter async for batch in new.batches(100) for letter in batch]
                await new.move(first.transfers(rest))
                await lease.move(first.transfers(doomed))
    assert "grace" in refused.value.detail
    assert not isinstance(refused.value.results, BulkResult)
    assert [(receipt.state, "of grace" in receipt.reason) for receipt in refused.value.results] == [
        (PublishStatus.GONE, True)
    ] * 10
    await other.close()
    assert kafka.values(target) == values


async def test_our_own_timeout_is_no_take_over(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K4: fenced while the record still names us, the run goes on with a new producer and doubles nothing."""
    source, target = kafka.topic("dlq"), kafka.topic("home")
    values = kafka.fill(source, 60)
    run = GuardedRedrive(kafka_adapter, source, target)
    async with run.lease() as lease:
        name = transactional_id(kafka.prefix, await identity(kafka_adapter, run))
        async for batch in lease.batches(20):
            kafka.producer(transactional_id=name).init_transactions(30)
            await lease.move(run.transfers(batch))
    assert kafka.values(target) == values
    assert (await kafka_adapter.broker.snapshot(source)).lock_owner is None


async def test_a_take_over_that_is_fenced_on_its_way_is_tried_again(
    kafka: KafkaCluster, kafka_adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old run moves on between the fencing and the record of the new one: then both are who they were, once."""
    source, target = kafka.topic("dlq"), kafka.topic("home")
    values = kafka.fill(source, 40)
    other, loop = kafka.adapter(), asyncio.get_running_loop()
    first, second = (
        GuardedRedrive(kafka_adapter, source, target),
        GuardedRedrive(other, source, target, operator="grace", take_over=True),
    )
    async with first.lease() as lease:
        batches = aiter(lease.batches(10))
        await lease.move(first.transfers(await anext(batches)))
        batch, doomed = await anext(batches), await anext(batches)
        during_next_read(
            monkeypatch,
            "read_progress",
            lambda: asyncio.run_coroutine_threadsafe(lease.move(first.transfers(batch)), loop).result(30),
        )
        async with second.lease() as new:
            rest = [letter async for letters in new.batches(100) for letter in letters]
            await new.move(second.transfers(rest))
        assert len(rest) == 20
        with pytest.raises(Held):
            await lease.move(first.transfers(doomed))
    await other.close()
    assert Counter(kafka.values(target)) == Counter(values)


async def test_a_run_that_was_taken_over_while_it_came_back_stops(
    kafka: KafkaCluster, kafka_adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record of the new run is written just after the old one looked at it: only one of them goes on."""
    source, target = kafka.topic("dlq"), kafka.topic("home")
    values = kafka.fill(source, 40)
    other, loop = kafka.adapter(), asyncio.get_running_loop()
    first, second = (
        GuardedRedrive(kafka_adapter, source, target),
        GuardedRedrive(other, source, target, operator="grace", take_over=True),
    )
    async with AsyncExitStack() as stack:
        lease = await stack.enter_async_context(first.lease())
        batches = aiter(lease.batches(10))
        await lease.move(first.transfers(await anext(batches)))
        doomed = await anext(batches)
        entered: list[Lease] = []

        async def take_over() -> None:
            entered.append(await stack.enter_async_context(second.lease()))

        during_next_read(
            monkeypatch,
            "read_lock",
            lambda: asyncio.run_coroutine_threadsafe(take_over(), loop).result(30),
            after=True,
        )
        kafka.producer(
            transactional_id=transactional_id(kafka.prefix, await identity(kafka_adapter, first))
        ).init_transactions(30)
        with pytest.raises(Held):
            await lease.move(first.transfers(doomed))
        rest = [letter async for letters in entered[0].batches(100) for letter in letters]
        await entered[0].move(second.transfers(rest))
    await other.close()
    assert len(rest) == 30
    assert Counter(kafka.values(target)) == Counter(values)


def during_next_read(
    monkeypatch: pytest.MonkeyPatch, reading: str, meanwhile: Callable[[], object], *, after: bool = False
) -> None:
    """Let something else happen just before, or just after, the next read of the state topic by a lock."""
    read, waiting = getattr(source_lock, reading), [meanwhile]

    def read_beside(*args: Any, **options: Any) -> Any:
        due = waiting.pop() if waiting else lambda: None
        if not after:
            due()
        found = read(*args, **options)
        if after:
            due()
        return found

    monkeypatch.setattr(source_lock, reading, read_beside)


@pytest.mark.parametrize(
    ("changed", "holds"),
    [
        ({}, True),
        ({"ended": True}, False),
        ({"time": int(time.time() * 1000) - 31_000}, False),
        ({"time": int(time.time() * 1000) + 3_600_000}, False),
    ],
    ids=["fresh", "ended", "old", "from a clock ahead"],
)
async def test_what_counts_as_held(
    kafka: KafkaCluster, kafka_adapter: Adapter, changed: dict[str, Any], holds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K3: a record without `ended`, at most 30 s old; one whose age says nothing holds if it is seen to be renewed."""
    monkeypatch.setattr(state_topic, "WATCH_SECONDS", 3.0)
    source, target = kafka.topic("dlq"), kafka.topic("home")
    await GuardedRedrive(kafka_adapter, source, target).move_all()
    kafka.fill(source, 3)
    topic_id = (await kafka_adapter.broker.snapshot(source)).identity
    record = lock_record_of_another_machine(**changed)
    if "time" in changed:
        record["time"] = changed["time"] - 31_000
    kafka.write_state(f"{topic_id}/holder", record)
    holder = (await kafka_adapter.broker.snapshot(source)).lock_owner
    if record["ended"]:
        assert holder is None
    else:
        assert holder is not None
        assert (holder.operator, holder.host, holder.stale) == ("grace", "far-away", not holds)
    if not holds:
        assert len(await GuardedRedrive(kafka_adapter, source, target).move_all()) == 3
        return
    with pytest.raises(Held):
        await GuardedRedrive(kafka_adapter, source, target).move_all()
    resumed = GuardedRedrive(kafka_adapter, source, target, run=record["run"], resumed=True)
    assert len(await resumed.move_all()) == 3


@contextmanager
def renewed_elsewhere(kafka: KafkaCluster, key: str, seconds_off: int) -> Iterator[None]:
    """A live run on a machine whose clock is so far off: it writes its holder record again and again."""
    record, ended = lock_record_of_another_machine(), threading.Event()

    def write() -> None:
        while not ended.wait(1.5):
            kafka.write_state(key, record | {"time": int(time.time() * 1000) + seconds_off * 1000})

    kafka.write_state(key, record | {"time": int(time.time() * 1000) + seconds_off * 1000})
    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        ended.set()
        writer.join()


@pytest.mark.parametrize("seconds_off", [-45, 45, -7200], ids=str)
async def test_a_live_run_holds_whatever_the_clocks_say(
    kafka: KafkaCluster, kafka_adapter: Adapter, seconds_off: int
) -> None:
    """C86: our clock is 45 s ahead of the holder's, 45 s behind it, two hours ahead."""
    source, target = kafka.topic("dlq"), kafka.topic("home")
    await GuardedRedrive(kafka_adapter, source, target).move_all()
    kafka.fill(source, 3)
    topic_id = (await kafka_adapter.broker.snapshot(source)).identity
    with renewed_elsewhere(kafka, f"{topic_id}/holder", seconds_off):
        run = GuardedRedrive(kafka_adapter, source, target)
        _, plan = await run.plan()
        assert [risk.severity for risk in plan.risks if risk.name == "held"] == [Severity.REFUSE]
        with pytest.raises(Held, match="far-away"):
            await run.move_all()
        assert kafka.values(target) == []
    assert len(await GuardedRedrive(kafka_adapter, source, target, take_over=True).move_all()) == 3


async def test_a_killed_process_of_this_machine_holds_nothing(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K3, C8: its process is gone, so nobody waits 30 s; a live one holds."""
    source, target = kafka.topic("dlq"), kafka.topic("home")
    values = kafka.fill(source, 200)
    with redrive_process(kafka, source, target, uuid.uuid4().hex, size=10, hang=4) as process:
        assert read_until(process, "open")
        with pytest.raises(Held):
            await GuardedRedrive(kafka_adapter, source, target).move_all()
    began = time.monotonic()
    await GuardedRedrive(kafka_adapter, source, target).move_all()
    assert time.monotonic() - began < 15
    assert Counter(kafka.values(target)) == Counter(values)


async def test_the_hold_is_renewed_while_idle(
    kafka: KafkaCluster, kafka_adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K3: also while nothing is moved, in a transaction of its own."""
    monkeypatch.setattr(move, "RENEW_INTERVAL", 0.2)
    source, target = kafka.topic("dlq"), kafka.topic("home")
    kafka.fill(source, 1)
    run = GuardedRedrive(kafka_adapter, source, target)
    async with run.lease():
        topic_id = await identity(kafka_adapter, run)

        def renewed() -> int:
            return int(kafka.state_records()[f"{topic_id}/holder"]["time"])

        first = await asyncio.to_thread(renewed)

        async def later() -> bool:
            return await asyncio.to_thread(renewed) > first

        await eventually(later, "the holder record is written again")


async def test_transactions_are_short(
    kafka: KafkaCluster, kafka_adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K4: a batch is split into transactions of at most so many letters; the coordinator would end them after 15 s."""
    monkeypatch.setattr(move, "MAX_RECORDS", 10)
    source, target = kafka.topic("dlq"), kafka.topic("home")
    values = kafka.fill(source, 35)
    run = GuardedRedrive(kafka_adapter, source, target)
    async with run.lease() as lease:
        (batch,) = [batch async for batch in lease.batches(100)]
        assert len(await lease.move(run.transfers(batch))) == 35
        told = describe(kafka, source, kafka_adapter, await identity(kafka_adapter, run))
        assert told.transaction_timeout_ms == 15_000
        assert told.state.value != "Ongoing"
    assert kafka.values(target) == values
    assert kafka.ends(target) == {0: 35 + 4}


@pytest.mark.chaos
async def test_an_open_transaction_of_a_killed_run_ends(kafka: KafkaCluster) -> None:
    """K4: killed with a transaction open, the target is read to its end again after 15 s and the coordinator's look.

    The coordinator looks for overdue transactions every 10 s.
    """
    source, target = kafka.topic("dlq"), kafka.topic("home")
    kafka.fill(source, 100)
    with redrive_process(kafka, source, target, uuid.uuid4().hex, size=25, hang=4) as process:
        assert read_until(process, "open")
    later = kafka.fill(target, 1, first=999)
    seconds = wait_until(lambda: kafka.values(target)[-1:] == later, 30, "the target is free")
    assert seconds < 27
    assert len(kafka.values(target)) == 50 + 1
