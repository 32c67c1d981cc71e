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
from mqtui.brokers.kafka.read import offsets
from mqtui.brokers.kafka.redrive.snapshot import lock_or_none, progress_or_empty
from mqtui.brokers.optional_port import ChangesDestinations, ListsNodes, ListsPartitions
from mqtui.brokers.port import Adapter
from mqtui.brokers.registry import connect
from mqtui.cli import exit_codes
from mqtui.domain.destination_change import PurgeRequest
from mqtui.domain.errors import BrokerTrouble, TimedOut
from mqtui.domain.message import Offset
from mqtui.domain.placement import NO_LEADER
from mqtui.domain.read_range import Edge, ReadRange
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import Kind, Ref
from mqtui.services.conventions import load_for_profile
from mqtui.services.poller import Poller
from mqtui.services.session import open_session
from tests.brokers import Brokers
from tests.cli.command_line import Mqtui
from tests.contract.asking import eventually, read
from tests.contract.kafka_cluster import WAIT, GuardedRedrive, KafkaCluster, wait_until
from tests.contract.worlds import address_of

USER, SECRET = "ada", "not so secret"
GROUPS = 12
"""So many that they are asked for in bulk."""

SESSION = 15.0
"""Seconds within which the controller fences a broker that is gone."""


class TwoBrokers:
    """Two brokers: the first has a listener with a login, the second only the plain one."""

    def __init__(self, brokers: Brokers, mqtui: Mqtui) -> None:
        self.servers = brokers.servers
        users = [f"super.users=User:ANONYMOUS;User:{USER}"]
        self.cluster = KafkaCluster(self.servers.start_kafka("pair", sasl_users={USER: SECRET}, config=users))
        self.servers.start_kafka("pair-2", joins="pair")
        wait_until(lambda: len(self.cluster.admin.list_topics(timeout=WAIT).brokers) == 2, WAIT, "both are there")
        self.first_look = mqtui("lag", self.cluster.url, "nobody", "--json")
        """At a group, when no coordinator had ever been asked for."""

        wait_until(self._shares_groups, WAIT, "each is the coordinator of some groups")
        self.login = f"kafka://{USER}:{SECRET.replace(' ', '%20')}@127.0.0.1:{self.servers.ports('pair')['sasl']}"

    def _shares_groups(self) -> bool:
        """The topic of commits is made by the first group that asks for its coordinator, on brokers that are there."""
        first = Consumer(self.cluster.servers | {"group.id": f"{self.cluster.prefix}.first"})
        try:
            first.committed([TopicPartition(f"{self.cluster.prefix}.none", 0)], timeout=WAIT)
        except KafkaException:
            return False
        finally:
            first.close()
        made = self.cluster.admin.list_topics(timeout=WAIT).topics["__consumer_offsets"].partitions
        return {part.leader for part in made.values()} == {1, 2}

    def topic(self, stem: str, *leaders: int) -> Ref:
        """A topic whose partitions have these brokers only."""
        name = f"{self.cluster.prefix}.{stem}"
        made = NewTopic(name, len(leaders), replica_assignment=[[leader] for leader in leaders])
        self.cluster.admin.create_topics([made])[name].result(WAIT)
        wait_until(lambda: self.has_leaders(name), WAIT, f"{name} has its leaders")
        return Ref(Kind.TOPIC, name)

    def has_leaders(self, name: str) -> bool:
        topic = AdminClient(self.cluster.servers).list_topics(timeout=WAIT).topics.get(name)
        return topic is not None and all(part.leader > 0 for part in topic.partitions.values())

    def kill_second(self, ref: Ref) -> None:
        """Kill the second broker, until its partitions have no leader."""
        self.servers.kill("pair-2")
        wait_until(lambda: not self.has_leaders(ref.name), SESSION, "partitions without a leader")


@pytest.fixture(scope="module")
def two_brokers(brokers: Brokers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoBrokers]:
    made = TwoBrokers(brokers, Mqtui(tmp_path_factory.mktemp("first"), ""))
    yield made
    made.cluster.leave()
    for name in ("pair-2", "pair"):
        made.servers.discard(name)


def committed(consumer: Consumer, ref: Ref) -> bool:
    """Whether a commit went through: a new coordinator loads its groups first."""
    try:
        consumer.commit(offsets=[TopicPartition(ref.name, 0, 1)], asynchronous=False)
    except KafkaException:
        return False
    return True


async def read_within(pause: float, adapter: Adapter, ref: Ref, span: ReadRange, limit: int) -> list[Offset]:
    """Where the messages of a look lie; it takes at most so many seconds."""
    began = time.monotonic()
    found = await read(adapter, ref, span, limit=limit)
    assert time.monotonic() - began < pause
    return [message.position for message in found if isinstance(message.position, Offset)]


async def check_placement(adapter: Adapter, ref: Ref) -> None:
    """The partition of the broker that is away has no leader; the broker itself is known by its replicas."""
    assert isinstance(adapter.broker, ListsPartitions) and isinstance(adapter.broker, ListsNodes)
    assert isinstance(adapter.broker, ChangesDestinations)
    parts = await adapter.broker.list_partitions(ref)
    assert [(part.leader, part.problem) for part in parts] == [(1, ""), (None, NO_LEADER), (1, "")]
    assert [part.high for part in parts] == [10, None, 10]
    assert [bool(part.size.number) for part in parts] == [True, False, True]
    purge = await adapter.broker.preview_change(PurgeRequest(ref))
    assert [risk.text for risk in purge.risks] == [f"partition 1: {NO_LEADER}; its records stay"]
    assert [bound.partition for bound in purge.steps[0].bounds] == [0, 2]  # type: ignore[union-attr]
    nodes = {node.name: node for node in await adapter.broker.list_nodes()}
    assert (nodes["1"].problem, nodes["2"].role) == ("", "away")
    assert nodes["1"].disk_free.number and nodes["2"].disk_free.number is None


async def test_a_broker_without_an_address_here_costs_only_its_partitions(two_brokers: TwoBrokers) -> None:
    """C58: metadata names it as the controller, which nobody on this listener can reach; the leader answers."""
    own, shared = two_brokers.topic("own", 1), two_brokers.topic("shared", 1, 2, 1)
    two_brokers.cluster.fill(own, 6)
    two_brokers.cluster.fill(shared, 30, partitions=3)
    adapter = connect(address_of(two_brokers.login))
    assert len(await read_within(14.0, adapter, own, ReadRange(Edge.OLDEST), 10)) == 6
    places = await read_within(14.0, adapter, shared, ReadRange(Edge.NEWEST), 100)
    assert Counter(place.partition for place in places) == {0: 10, 2: 10}
    (note,) = (await adapter.broker.reader.extent(shared)).notes
    assert note.startswith("partition 1 is missing: it has")
    assert (await adapter.broker.catalog.describe(own)).partitions == 1
    source = await adapter.broker.snapshot(own)
    assert source.identity == (await two_brokers.cluster.adapter().broker.snapshot(own)).identity
    await adapter.close()


async def test_what_a_partition_without_leader_holds_is_named_and_the_rest_moves(two_brokers: TwoBrokers) -> None:
    """C56: peek, tail, plan and run go on with what answers; afterwards the rest moves, once."""
    dlq, home = two_brokers.topic("dlq", 1, 2, 1), two_brokers.topic("home", 1, 1)
    two_brokers.cluster.fill(dlq, 30, partitions=3)
    adapter = two_brokers.cluster.adapter()
    assert (await adapter.broker.reader.extent(dlq)).notes == ()
    two_brokers.kill_second(dlq)
    try:
        places = await read_within(14.0, adapter, dlq, ReadRange(Edge.NEWEST), 100)
        assert Counter(place.partition for place in places) == {0: 10, 2: 10}
        with pytest.raises(BrokerTrouble, match=r"Partition 1|did not answer|No answer"):
            await read(adapter, dlq, ReadRange(Edge.OLDEST, partition=1), limit=1)
        await check_placement(adapter, dlq)
        tail = aiter(adapter.broker.reader.tail(dlq))
        coming = asyncio.ensure_future(anext(tail))
        producer, late = two_brokers.cluster.producer(), 0
        while not coming.done() and late < WAIT:
            producer.produce(dlq.name, b"late", b"k", 2)
            assert producer.flush(WAIT) == 0
            late += 1
            await asyncio.wait({coming}, timeout=1.0)
        assert {message.value for message in coming.result()} == {b"late"}
        await tail.aclose()  # type: ignore[attr-defined]  # an async generator behind the port's AsyncIterator
        run = GuardedRedrive(adapter, dlq, home)
        source, plan = await run.plan()
        (risk,) = [risk for risk in plan.risks if risk.name == "missing-partition"]
        assert risk.text.startswith("partition 1 has no leader")
        assert risk.text.endswith("its letters are not in the plan")
        async with run.lease((source, plan)) as lease:
            moved = [await lease.move(run.transfers(batch)) async for batch in lease.batches(100)]
        assert sum(map(len, moved)) == 20 + late
    finally:
        two_brokers.servers.restart("pair-2")
    wait_until(lambda: two_brokers.has_leaders(dlq.name), WAIT, "partition 1 has its leader again")
    await GuardedRedrive(adapter, dlq, home).move_all()
    assert Counter(two_brokers.cluster.values(home)) == Counter(two_brokers.cluster.values(dlq))
    await adapter.close()


async def test_letters_for_a_partition_without_leader_stay_and_the_others_move(two_brokers: TwoBrokers) -> None:
    """The same of a target: named in the plan, refused with the reason, and moved once it has a leader again."""
    dlq, home = two_brokers.topic("own.dlq", 1), two_brokers.topic("own.home", 1, 2)
    producer = two_brokers.cluster.producer()
    for number in range(40):
        producer.produce(dlq.name, b"%d" % number, b"key-%d" % number)
    assert producer.flush(WAIT) == 0
    adapter = two_brokers.cluster.adapter()
    two_brokers.kill_second(home)
    try:
        run = GuardedRedrive(adapter, dlq, home)
        source, plan = await run.plan()
        assert any("partition 1 of" in risk.text for risk in plan.risks if risk.name == "target-partition")
        receipts: list[Receipt] = []
        async with run.lease((source, plan)) as lease:
            async for batch in lease.batches(30):
                receipts += await lease.move(run.transfers(batch))
    finally:
        two_brokers.servers.restart("pair-2")
    wait_until(lambda: two_brokers.has_leaders(home.name), WAIT, "partition 1 has its leader again")
    told = Counter((receipt.state, "partition 1 has no leader" in receipt.reason) for receipt in receipts)
    assert set(told) == {(PublishStatus.STORED, False), (PublishStatus.REFUSED, True)}
    assert len(two_brokers.cluster.values(home)) == told[PublishStatus.STORED, False]
    await GuardedRedrive(adapter, dlq, home).move_all()
    assert sorted(map(int, two_brokers.cluster.values(home))) == list(range(40))
    await adapter.close()


def check_commands(mqtui: Mqtui, kafka: KafkaCluster, ref: Ref) -> None:
    """What the command line says while groups can't be asked about."""
    listed = mqtui("groups", kafka.url, "--json").ok()
    mine = {f"{kafka.prefix}.{number}" for number in range(GROUPS)}
    lost = mine - {row["group"] for row in listed.rows()}
    assert lost
    assert "no coordinator" in listed.err
    mqtui("lag", kafka.url, "--fail", 1000).fails(1, "unknown in part", "no coordinator")
    told = mqtui("lag", kafka.url, min(lost), "--json").ok().rows()
    assert [(row["group"], row["lag"], "no coordinator" in row["why"]) for row in told] == [(min(lost), None, True)]
    (row,) = mqtui("ls", kafka.url, "--filter", ref.name, "--json").ok().rows()
    assert row["backlog"]["at_least"] == 2
    assert "no coordinator" in row["backlog"]["why"]


def test_the_first_look_at_a_group_of_a_new_cluster_tells_that_there_is_none(two_brokers: TwoBrokers) -> None:
    """A coordinator that has just begun answers NOT_COORDINATOR, by which librdkafka ends the process."""
    two_brokers.first_look.fails(1, "No consumer group nobody")


async def test_what_a_broker_that_is_away_keeps_is_not_known(
    two_brokers: TwoBrokers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K19, C33: a partition of a plan's target, and the groups of a coordinator: unknown, not gone, in every list."""
    monkeypatch.setattr(offsets, "BULK_FROM", 1)
    dlq, home = two_brokers.topic("letters", 1), two_brokers.topic("target", 1, 2)
    two_brokers.cluster.fill(dlq, 3)
    config = two_brokers.cluster.servers | {"enable.auto.commit": False}
    for number in range(GROUPS):
        gone = Consumer(config | {"group.id": f"{two_brokers.cluster.prefix}.{number}"})
        wait_until(partial(committed, gone, dlq), WAIT, "a coordinator takes the commit")
        gone.close()
    adapter = two_brokers.cluster.adapter()

    async def shown() -> int:
        mine = f"{two_brokers.cluster.prefix}."
        return sum(group.ref.name.startswith(mine) for group in await adapter.broker.groups.list_groups())

    async def all_shown() -> bool:
        return await shown() == GROUPS

    await eventually(all_shown, "every coordinator has loaded its groups")
    monkeypatch.setenv("MQTUI_STATE_DIR", str(tmp_path))
    async with open_session(two_brokers.cluster.url) as session:
        watch = Poller(session, load_for_profile().conventions, lambda: None)
        await watch.poll()
        try:
            two_brokers.kill_second(home)
            await watch.poll()
            _, plan = await GuardedRedrive(adapter, dlq, home).plan()
            left = await shown()
            await asyncio.to_thread(check_commands, Mqtui(tmp_path, ""), two_brokers.cluster, dlq)
        finally:
            two_brokers.servers.restart("pair-2")
            wait_until(lambda: two_brokers.has_leaders(home.name), WAIT, "the second broker is back")
    seen = {
        group.ref.name: group
        for group in watch.snapshot.groups
        if group.ref.name.startswith(two_brokers.cluster.prefix)
    }
    assert len(seen) == GROUPS
    unasked = [group for group in seen.values() if group.state == "Unknown"]
    assert unasked
    assert {"no coordinator" in group.why for group in unasked} == {True}
    assert any("no coordinator" in sentence for sentence in watch.snapshot.partial)
    told = {risk.name: risk.text for risk in plan.risks}
    assert told["target-partition"].startswith(f"partition 1 of {home.name} has no leader")
    assert "missing-partition" not in told
    assert left < GROUPS
    assert told["no-reader"].startswith(f"who reads {home.name} is not known")
    await adapter.close()


async def test_a_leader_that_says_nothing_costs_only_its_partition(
    two_brokers: TwoBrokers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K19: frozen, so that the connection stands and no answer comes; before the controller takes note of it. Where any
    broker may be asked, the silent one is asked first here.
    """
    brokers_of = ClusterMetadata.brokers
    monkeypatch.setattr(ClusterMetadata, "brokers", lambda told: sorted(brokers_of(told), reverse=True))
    frozen = two_brokers.topic("frozen", 1, 2)
    two_brokers.cluster.fill(frozen, 20, partitions=2)
    adapter = two_brokers.cluster.adapter()
    await adapter.broker.reader.extent(frozen)
    two_brokers.servers.pause("pair-2")
    try:
        known = await asyncio.wait_for(adapter.broker.reader.extent(frozen), 12.0)
    finally:
        two_brokers.servers.resume("pair-2")
    assert set(known.end) == {0}
    assert known.notes[0].startswith("partition 1 is missing: it has")
    await adapter.close()


async def test_no_answer_is_not_absence(brokers: Brokers, monkeypatch: pytest.MonkeyPatch) -> None:
    """C34: a plan must not say that nothing was handled, because the state topic could not be asked about."""
    kafka = KafkaCluster(brokers.servers.start_kafka("silent"))
    adapter = kafka.adapter()
    dlq, home = kafka.topic("dlq"), kafka.topic("home")
    kafka.fill(dlq, 10)
    await GuardedRedrive(adapter, dlq, home).move_all()
    identity = (await adapter.broker.snapshot(dlq)).identity
    await adapter.close()
    connection = KafkaClients(kafka.address)
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
    kafka.leave()
    brokers.servers.discard("silent")
