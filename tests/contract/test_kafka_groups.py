"""Groups of every kind and their lag (K14, K16)."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, ShareConsumer, TopicPartition

from mqtui.brokers.kafka import offsets
from mqtui.brokers.port import Adapter
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import Group, GroupLag
from tests.contract.asking import eventually, listed
from tests.contract.kafka_stage import WAIT, Stage


@pytest.fixture
def stage(kafka_url: str) -> Iterator[Stage]:
    made = Stage(kafka_url)
    yield made
    made.close()


@pytest.fixture
async def adapter(stage: Stage) -> AsyncIterator[Adapter]:
    made = stage.adapter()
    yield made
    await made.close()


@contextmanager
def polled(poll: Callable[[float], object], close: Callable[[], object]) -> Iterator[None]:
    """Keep a consumer alive in a thread until the end of the block."""
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            poll(0.2)
        close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


async def lag_of(adapter: Adapter, name: str) -> GroupLag:
    (lag,) = [lag async for lag in adapter.broker.groups.lag([Ref(Kind.GROUP, name)])]
    return lag


async def group_of(adapter: Adapter, name: str) -> Group | None:
    found = [group for group in await adapter.broker.groups.groups() if group.ref.name == name]
    return found[0] if found else None


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
async def test_members_and_what_they_read(stage: Stage, adapter: Adapter, protocol: str) -> None:
    """Classic and KIP-848 groups; what was never committed is unknown, not 0 (K14)."""
    ref = stage.topic("work", 2)
    stage.fill(ref, 10, partitions=2)
    name = f"{stage.prefix}.{protocol}"
    config = stage.servers | {"group.id": name, "group.protocol": protocol, "enable.auto.commit": False}
    consumer = Consumer(config | {"client.id": "reader"})
    consumer.subscribe([ref.name])
    with polled(consumer.poll, consumer.close):

        async def stable() -> bool:
            group = await group_of(adapter, name)
            return group is not None and group.state == "Stable" and any(one.assigned for one in group.members)

        await eventually(stable, "the group is stable")
        group = await group_of(adapter, name)
        assert group is not None
        assert group.sort == protocol
        assert group.reads == (ref,)
        (member,) = group.members
        assert member.client == "reader"
        assert member.assigned == ((ref.name, 0), (ref.name, 1))
        lag = await lag_of(adapter, name)
        assert lag.state == "Stable"
        assert [(part.partition, part.committed, part.end) for part in lag.parts] == [(0, "", "5"), (1, "", "5")]
        assert not lag.total.known
        assert "committed" in lag.total.why


async def test_lag_is_counted_from_what_is_committed(stage: Stage, adapter: Adapter) -> None:
    """K14: exact by partition; a commit behind the end says that the topic was cut, never a negative lag."""
    ref = stage.topic("work", 3)
    stage.fill(ref, 30, partitions=3)
    name = f"{stage.prefix}.slow"
    places = [TopicPartition(ref.name, 0, 4), TopicPartition(ref.name, 1, 10), TopicPartition(ref.name, 2, 99)]
    wanted = [ConsumerGroupTopicPartitions(name, places)]

    async def committed() -> bool:
        told = stage.admin.alter_consumer_group_offsets(wanted)[name].result(WAIT)
        return all(place.error is None for place in told.topic_partitions)

    await eventually(committed, "the coordinator takes the offsets")
    lag = await lag_of(adapter, name)
    assert [part.lag.number for part in lag.parts] == [6, 0, None]
    assert "99" in lag.parts[2].lag.why
    assert str(lag.total) == "≥ 6"
    groups = await adapter.broker.groups.groups(ref)
    assert [group.ref.name for group in groups] == [name]
    assert not await adapter.broker.groups.groups(stage.topic("other"))


async def test_a_group_nobody_knows_lags_unknown(adapter: Adapter, stage: Stage) -> None:
    """K14: unknown with the reason, so that `lag --fail` fails."""
    lag = await lag_of(adapter, f"{stage.prefix}.nobody")
    assert not lag.total.known
    assert lag.total.why == "there is no such group"


async def test_share_groups_are_listed_and_told_apart(stage: Stage, adapter: Adapter) -> None:
    """K16: by name and state; members and lag are not known, with the reason."""
    ref = stage.topic("work")
    name = f"{stage.prefix}.share"
    consumer = ShareConsumer(stage.servers | {"group.id": name, "log_level": 0})
    consumer.subscribe([ref.name])
    with polled(consumer.poll, consumer.close):

        async def known() -> bool:
            return await group_of(adapter, name) is not None

        await eventually(known, "the share group is listed")
        group = await group_of(adapter, name)
        assert group is not None
        assert group.sort == "share"
        assert "share group" in group.why
        assert not (await lag_of(adapter, name)).total.known


async def test_many_partitions_are_asked_in_chunks(
    stage: Stage, adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K14: chunks sent together, no partition lost between them."""
    monkeypatch.setattr(offsets, "CHUNK", 7)
    ref = stage.topic("wide", 30)
    stage.fill(ref, 60, partitions=30)
    assert (await listed(adapter))[ref].messages.number == 60
