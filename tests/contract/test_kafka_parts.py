"""A broker that is away costs only what it holds, and no answer is not absence (K19, C34, C56, C58)."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from kafka.cluster import ClusterMetadata

from mqtui.brokers.kafka.connection import clients
from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.redrive.snapshot import lock_or_none, progress_or_empty
from mqtui.brokers.port import Adapter
from mqtui.brokers.registry import connect
from mqtui.cli import exit_codes
from mqtui.domain.errors import BrokerTrouble, TimedOut
from mqtui.domain.message import Offset
from mqtui.domain.read_range import Edge, ReadRange
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import Kind, Ref
from mqtui.services.conventions import load_for_profile
from mqtui.services.poller import Poller
from mqtui.services.session import open_session
from tests.brokers import Brokers
from tests.cli.driver import Mqtui
from tests.contract.asking import eventually, read
from tests.contract.kafka_stage import WAIT, Run, Stage, until
from tests.contract.worlds import address_of

USER, SECRET = "ada", "not so secret"
SESSION = 15.0
"""Seconds within which the controller fences a broker that is gone."""


class Pair:
    """Two brokers: the first has a listener with a login, the second only the plain one."""

    def __init__(self, brokers: Brokers) -> None:
        self.servers = brokers.servers
        users = [f"super.users=User:ANONYMOUS;User:{USER}"]
        self.stage = Stage(self.servers.start_kafka("pair", sasl_users={USER: SECRET}, config=users))
        self.servers.start_kafka("pair-2", joins="pair")
        until(lambda: len(self.stage.admin.list_topics(timeout=WAIT).brokers) == 2, WAIT, "both are there")
        until(self._shares_groups, WAIT, "each is the coordinator of some groups")
        self.login = f"kafka://{USER}:{SECRET.replace(' ', '%20')}@127.0.0.1:{self.servers.ports('pair')['sasl']}"

    def _shares_groups(self) -> bool:
        """The topic of commits is made by the first group that asks for its coordinator, on brokers that are there."""
        first = Consumer(self.stage.servers | {"group.id": f"{self.stage.prefix}.first"})
        try:
            first.committed([TopicPartition(f"{self.stage.prefix}.none", 0)], timeout=WAIT)
        except KafkaException:
            return False
        finally:
            first.close()
        made = self.stage.admin.list_topics(timeout=WAIT).topics["__consumer_offsets"].partitions
        return {part.leader for part in made.values()} == {1, 2}

    def topic(self, stem: str, *leaders: int) -> Ref:
        """A topic whose partitions have these brokers only."""
        name = f"{self.stage.prefix}.{stem}"
        made = NewTopic(name, len(leaders), replica_assignment=[[leader] for leader in leaders])
        self.stage.admin.create_topics([made])[name].result(WAIT)
        until(lambda: self._led(name), WAIT, f"{name} has its leaders")
        return Ref(Kind.TOPIC, name)

    def _led(self, name: str) -> bool:
        topic = AdminClient(self.stage.servers).list_topics(timeout=WAIT).topics.get(name)
        return topic is not None and all(part.leader > 0 for part in topic.partitions.values())

    def without_second(self, ref: Ref) -> None:
        """Kill the second broker, until its partitions have no leader."""
        self.servers.kill("pair-2")
        until(lambda: not self._led(ref.name), SESSION, "partitions without a leader")


@pytest.fixture(scope="module")
def pair(brokers: Brokers) -> Iterator[Pair]:
    made = Pair(brokers)
    yield made
    for name in ("pair-2", "pair"):
        made.servers.discard(name)


def committed(consumer: Consumer, ref: Ref) -> bool:
    """Whether a commit went through: a new coordinator loads its groups first."""
    try:
        consumer.commit(offsets=[TopicPartition(ref.name, 0, 1)], asynchronous=False)
    except KafkaException:
        return False
    return True


async def timed(pause: float, adapter: Adapter, ref: Ref, span: ReadRange, limit: int) -> list[Offset]:
    """Where the messages of a look lie; it takes at most so many seconds."""
    began = time.monotonic()
    found = await read(adapter, ref, span, limit=limit)
    assert time.monotonic() - began < pause
    return [message.position for message in found if isinstance(message.position, Offset)]


async def test_a_broker_without_an_address_here_costs_only_its_partitions(pair: Pair) -> None:
    """C58: metadata names it as the controller, which nobody on this listener can reach; the leader answers."""
    own, shared = pair.topic("own", 1), pair.topic("shared", 1, 2, 1)
    pair.stage.fill(own, 6)
    pair.stage.fill(shared, 30, partitions=3)
    adapter = connect(address_of(pair.login))
    assert len(await timed(14.0, adapter, own, ReadRange(Edge.OLDEST), 10)) == 6
    places = await timed(14.0, adapter, shared, ReadRange(Edge.NEWEST), 100)
    assert Counter(place.partition for place in places) == {0: 10, 2: 10}
    (note,) = (await adapter.broker.reader.extent(shared)).notes
    assert note.startswith("partition 1 is missing: it has")
    assert (await adapter.broker.catalog.describe(own)).partitions == 1
    source = await adapter.broker.snapshot(own)
    assert source.identity == (await pair.stage.adapter().broker.snapshot(own)).identity
    await adapter.close()


async def test_what_a_partition_without_leader_holds_is_named_and_the_rest_moves(pair: Pair) -> None:
    """C56: peek, tail, plan and run go on with what answers; afterwards the rest moves, once."""
    dlq, home = pair.topic("dlq", 1, 2, 1), pair.topic("home", 1, 1)
    pair.stage.fill(dlq, 30, partitions=3)
    adapter = pair.stage.adapter()
    assert (await adapter.broker.reader.extent(dlq)).notes == ()
    pair.without_second(dlq)
    try:
        places = await timed(14.0, adapter, dlq, ReadRange(Edge.NEWEST), 100)
        assert Counter(place.partition for place in places) == {0: 10, 2: 10}
        with pytest.raises(BrokerTrouble, match=r"Partition 1|did not answer|No answer"):
            await read(adapter, dlq, ReadRange(Edge.OLDEST, partition=1), limit=1)
        tail = aiter(adapter.broker.reader.tail(dlq))
        coming = asyncio.ensure_future(anext(tail))
        producer, late = pair.stage.producer(), 0
        while not coming.done() and late < WAIT:
            producer.produce(dlq.name, b"late", b"k", 2)
            assert producer.flush(WAIT) == 0
            late += 1
            await asyncio.wait({coming}, timeout=1.0)
        assert {message.value for message in coming.result()} == {b"late"}
        await tail.aclose()  # type: ignore[attr-defined]  # an async generator behind the port's AsyncIterator
        run = Run(adapter, dlq, home)
        source, plan = await run.planned()
        (risk,) = [risk for risk in plan.risks if risk.name == "missing-partition"]
        assert risk.text.startswith("partition 1 has no leader")
        assert risk.text.endswith("its letters are not in the plan")
        async with run.lease((source, plan)) as lease:
            moved = [await lease.move(run.transfers(batch)) async for batch in lease.batches(100)]
        assert sum(map(len, moved)) == 20 + late
    finally:
        pair.servers.restart("pair-2")
    until(lambda: pair._led(dlq.name), WAIT, "partition 1 has its leader again")
    await Run(adapter, dlq, home).all()
    assert Counter(pair.stage.values(home)) == Counter(pair.stage.values(dlq))
    await adapter.close()


async def test_letters_for_a_partition_without_leader_stay_and_the_others_move(pair: Pair) -> None:
    """The same of a target: named in the plan, refused with the reason, and moved once it has a leader again."""
    dlq, home = pair.topic("own.dlq", 1), pair.topic("own.home", 1, 2)
    producer = pair.stage.producer()
    for number in range(40):
        producer.produce(dlq.name, b"%d" % number, b"key-%d" % number)
    assert producer.flush(WAIT) == 0
    adapter = pair.stage.adapter()
    pair.without_second(home)
    try:
        run = Run(adapter, dlq, home)
        source, plan = await run.planned()
        assert any("partition 1 of" in risk.text for risk in plan.risks if risk.name == "target-partition")
        receipts: list[Receipt] = []
        async with run.lease((source, plan)) as lease:
            async for batch in lease.batches(30):
                receipts += await lease.move(run.transfers(batch))
    finally:
        pair.servers.restart("pair-2")
    until(lambda: pair._led(home.name), WAIT, "partition 1 has its leader again")
    told = Counter((receipt.state, "partition 1 has no leader" in receipt.reason) for receipt in receipts)
    assert set(told) == {(PublishStatus.STORED, False), (PublishStatus.REFUSED, True)}
    assert len(pair.stage.values(home)) == told[PublishStatus.STORED, False]
    await Run(adapter, dlq, home).all()
    assert sorted(map(int, pair.stage.values(home))) == list(range(40))
    await adapter.close()


def told_by_commands(mqtui: Mqtui, stage: Stage, ref: Ref) -> None:
    """What the command line says while groups can't be asked about."""
    listed = mqtui("groups", stage.url, "--json").ok()
    mine = {f"{stage.prefix}.{number}" for number in range(8)}
    lost = mine - {row["group"] for row in listed.rows()}
    assert lost
    assert "no coordinator" in listed.err
    mqtui("lag", stage.url, "--fail", 1000).refused(1, "unknown in part", "no coordinator")
    told = mqtui("lag", stage.url, min(lost), "--json").ok().rows()
    assert [(row["group"], row["lag"], "no coordinator" in row["why"]) for row in told] == [(min(lost), None, True)]
    (row,) = mqtui("ls", stage.url, "--filter", ref.name, "--json").ok().rows()
    assert row["backlog"]["at_least"] == 2
    assert "no coordinator" in row["backlog"]["why"]


async def test_what_a_broker_that_is_away_keeps_is_not_known(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K19, C33: a partition of a plan's target, and the groups of a coordinator: unknown, not gone, in every list."""
    dlq, home = pair.topic("letters", 1), pair.topic("target", 1, 2)
    pair.stage.fill(dlq, 3)
    config = pair.stage.servers | {"enable.auto.commit": False}
    for number in range(8):
        gone = Consumer(config | {"group.id": f"{pair.stage.prefix}.{number}"})
        until(partial(committed, gone, dlq), WAIT, "a coordinator takes the commit")
        gone.close()
    adapter = pair.stage.adapter()

    async def shown() -> int:
        mine = f"{pair.stage.prefix}."
        return sum(group.ref.name.startswith(mine) for group in await adapter.broker.groups.list_groups())

    async def all_shown() -> bool:
        return await shown() == 8

    await eventually(all_shown, "every coordinator has loaded its groups")
    monkeypatch.setenv("MQTUI_STATE_DIR", str(tmp_path))
    async with open_session(pair.stage.url) as session:
        watch = Poller(session, load_for_profile().conventions, lambda: None)
        await watch.poll()
        try:
            pair.without_second(home)
            await watch.poll()
            _, plan = await Run(adapter, dlq, home).planned()
            left = await shown()
            await asyncio.to_thread(told_by_commands, Mqtui(tmp_path, ""), pair.stage, dlq)
        finally:
            pair.servers.restart("pair-2")
            until(lambda: pair._led(home.name), WAIT, "the second broker is back")
    seen = {group.ref.name: group for group in watch.snapshot.groups if group.ref.name.startswith(pair.stage.prefix)}
    assert len(seen) == 8
    unasked = [group for group in seen.values() if group.state == "Unknown"]
    assert unasked
    assert {"no coordinator" in group.why for group in unasked} == {True}
    assert any("no coordinator" in sentence for sentence in watch.snapshot.partial)
    told = {risk.name: risk.text for risk in plan.risks}
    assert told["target-partition"].startswith(f"partition 1 of {home.name} has no leader")
    assert "missing-partition" not in told
    assert left < 8
    assert told["no-reader"].startswith(f"who reads {home.name} is not known")
    await adapter.close()


async def test_a_leader_that_says_nothing_costs_only_its_partition(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """K19: frozen, so that the connection stands and no answer comes; before the controller takes note of it. Where any
    broker may be asked, the silent one is asked first here.
    """
    brokers_of = ClusterMetadata.brokers
    monkeypatch.setattr(ClusterMetadata, "brokers", lambda told: sorted(brokers_of(told), reverse=True))
    frozen = pair.topic("frozen", 1, 2)
    pair.stage.fill(frozen, 20, partitions=2)
    adapter = pair.stage.adapter()
    await adapter.broker.reader.extent(frozen)
    pair.servers.pause("pair-2")
    try:
        known = await asyncio.wait_for(adapter.broker.reader.extent(frozen), 12.0)
    finally:
        pair.servers.resume("pair-2")
    assert set(known.end) == {0}
    assert known.notes[0].startswith("partition 1 is missing: it has")
    await adapter.close()


async def test_no_answer_is_not_absence(brokers: Brokers, monkeypatch: pytest.MonkeyPatch) -> None:
    """C34: a plan must not say that nothing was handled, because the state topic could not be asked about."""
    stage = Stage(brokers.servers.start_kafka("silent"))
    adapter = stage.adapter()
    dlq, home = stage.topic("dlq"), stage.topic("home")
    stage.fill(dlq, 10)
    await Run(adapter, dlq, home).all()
    identity = (await adapter.broker.snapshot(dlq)).identity
    await adapter.close()
    connection = KafkaClients(stage.address)
    assert (await progress_or_empty(connection, identity)).handled_in(0).count(0, 10) == 10
    brokers.servers.pause("silent")
    monkeypatch.setattr(clients, "ANSWER_TIMEOUT", 1.0)
    monkeypatch.setattr(clients, "FALLBACK_AFTER", 0.2)
    try:
        for question in (progress_or_empty, lock_or_none):
            with pytest.raises(TimedOut) as told:
                await question(connection, identity)
            assert exit_codes.exit_code_of(told.value) == exit_codes.NO_CONNECTION
    finally:
        brokers.servers.resume("silent")
    await connection.close()
    brokers.servers.discard("silent")
