"""What a plan says about Kafka: guarantee, ACLs, risks, and the at-least-once lease without ACLs (K2, K5, K7, K15)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from mqtui.brokers.kafka.read.topic_properties import NO_CONFIG_RIGHT
from mqtui.brokers.kafka.redrive.target_checks import check_timestamps
from mqtui.brokers.optional_port import ChangesDestinations, ListsPartitions
from mqtui.brokers.port import Adapter
from mqtui.domain.capability import Verb
from mqtui.domain.destination_change import Creation, Deletion, PurgeRequest
from mqtui.domain.errors import NotAuthorised, Unsupported
from mqtui.domain.message import Outgoing
from mqtui.domain.plan import Acknowledge, CreateStateTopic, Plan, Severity
from mqtui.domain.redrive import PublishStatus, Source, Strength
from mqtui.domain.resource import Ref
from tests.brokers import Brokers
from tests.contract.asking import a_plan, eventually, publish, read, writing
from tests.contract.kafka_cluster import GuardedRedrive, KafkaCluster, wait_until

DAY = 86_400_000
USER, SECRET = "ada", "lovelace"


async def test_the_promise_names_its_readers(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K5: exactly once for read_committed readers of the same cluster, and what the others may see."""
    source, plan = await GuardedRedrive(kafka_adapter, kafka.topic("dlq"), kafka.topic("home")).plan()
    assert plan.guarantee is not None
    assert plan.guarantee.strength is Strength.EXACTLY_ONCE
    assert "read_committed" in plan.guarantee.text
    assert "read_uncommitted" in plan.guarantee.text
    assert kafka_adapter.broker.guarantee(source, []) == plan.guarantee
    assert [risk.name for risk in plan.risks] == ["no-reader"]


async def test_letters_that_will_be_refused_are_told_before(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """Size, keys and times against the target's own settings."""
    config = {"max.message.bytes": "5000", "cleanup.policy": "compact,delete", "retention.ms": str(7 * DAY)}
    run = GuardedRedrive(kafka_adapter, kafka.topic("dlq"), kafka.topic("home", config=config))
    source, plan = await run.plan()
    now = int(time.time() * 1000)
    bad = replace(plan, largest=5001, keyless=3, oldest=now - 8 * DAY, keeps_time=True, risks=(), steps=plan.steps[1:])
    told = {risk.name: risk for risk in (await kafka_adapter.broker.check_plan(source, bad)).risks}
    assert told.keys() == {"too-large", "no-key", "compacted", "timestamps", "no-reader"}
    assert told["timestamps"].severity is Severity.REFUSE
    assert told["timestamps"].final
    assert "may fit compressed" in told["too-large"].text
    fine = replace(bad, largest=5000, keyless=0, keeps_time=False)
    assert {risk.name for risk in (await kafka_adapter.broker.check_plan(source, fine)).risks} == {
        "compacted",
        "no-reader",
    }


@pytest.mark.parametrize(
    ("age", "config", "refused"),
    [
        (8 * DAY, {"retention.ms": str(7 * DAY)}, True),
        (6 * DAY, {"retention.ms": str(7 * DAY)}, False),
        (8 * DAY, {"retention.ms": "-1"}, False),
        (8 * DAY, {"retention.ms": str(7 * DAY), "cleanup.policy": "compact"}, False),
        (2 * DAY, {"message.timestamp.before.max.ms": str(DAY)}, True),
        (-DAY, {"message.timestamp.after.max.ms": "3600000"}, True),
        (-1000, {"message.timestamp.after.max.ms": "3600000"}, False),
        (1000, {"message.timestamp.type": "LogAppendTime"}, True),
        (8 * DAY, {"message.timestamp.type": "CreateTime"}, False),
    ],
)
def test_kept_times_are_checked(age: int, config: dict[str, str], refused: bool) -> None:
    """K7: older than retention.ms, or outside message.timestamp.before/after.max.ms."""
    assert bool(check_timestamps("t", config, 10 * DAY, 10 * DAY, now=10 * DAY + age)) == refused


async def test_kept_times_are_checked_at_both_ends(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K7: of a plan whose oldest letter is fine and whose newest is a day ahead of the broker's limit."""
    run = GuardedRedrive(
        kafka_adapter, kafka.topic("dlq"), kafka.topic("home", config={"message.timestamp.after.max.ms": "3600000"})
    )
    source, plan = await run.plan()
    now = int(time.time() * 1000)
    ahead = replace(plan, oldest=now - 1000, newest=now + DAY, keeps_time=True, risks=(), steps=plan.steps[1:])
    (risk,) = [
        risk for risk in (await kafka_adapter.broker.check_plan(source, ahead)).risks if risk.name == "timestamps"
    ]
    assert "after.max.ms" in risk.text
    assert risk.final


async def test_letters_that_expire_before_anybody_reads_them(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """A topic that keeps records for a minute."""
    _, plan = await GuardedRedrive(
        kafka_adapter, kafka.topic("dlq"), kafka.topic("home", config={"retention.ms": "60000"})
    ).plan()
    (risk,) = [risk for risk in plan.risks if risk.name == "expiry"]
    assert "retention.ms=60000" in risk.text
    assert risk.severity is Severity.WARN


@pytest.mark.parametrize(
    ("groups", "said"),
    [(0, "no group has an offset or a member there"), (1, "1 group, all Empty"), (3, "3 groups, all Empty")],
)
async def test_a_target_that_nobody_reads_is_named(
    kafka: KafkaCluster, kafka_adapter: Adapter, groups: int, said: str
) -> None:
    """Groups that committed once and are gone; one with a member is a reader."""
    home = kafka.topic("home")
    kafka.fill(home, 3)
    config = kafka.servers | {"auto.offset.reset": "earliest", "enable.auto.commit": False}
    for number in range(groups):
        gone = Consumer(config | {"group.id": f"{home.name}.{number}"})
        gone.commit(offsets=[TopicPartition(home.name, 0, 1)], asynchronous=False)
        gone.close()
    run = GuardedRedrive(kafka_adapter, kafka.topic("dlq"), home)
    _, plan = await run.plan()
    (risk,) = [risk for risk in plan.risks if risk.name == "no-reader"]
    assert risk.text == f"nobody reads {home.name}: {said}"
    live = Consumer(config | {"group.id": f"{home.name}.live"})
    try:
        live.subscribe([home.name])
        wait_until(lambda: live.poll(0.2) is not None, 30, "the live group reads")
        _, plan = await run.plan()
        assert "no-reader" not in {risk.name for risk in plan.risks}
    finally:
        live.close()


async def test_pending_entries_are_not_offered(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """A verb Kafka does not have is refused with the reason."""
    for verb in (Verb.PENDING, Verb.CLAIM, Verb.ACK, Verb.SPEND):
        support = await kafka_adapter.broker.can(verb)
        assert not support
        assert support.reason
    assert kafka_adapter.broker.pending is None
    for verb in (Verb.PEEK, Verb.REDRIVE, Verb.LAG, Verb.PUBLISH):
        assert await kafka_adapter.broker.can(verb, kafka.topic("dlq"))


# --- rights


@pytest.fixture(scope="module")
def acl_cluster(brokers: Brokers) -> Iterator[KafkaCluster]:
    """A broker with ACLs: the plain listener is above them, its SASL listener is not."""
    name = "kafka-acl"
    kafka = KafkaCluster(brokers.servers.start_kafka(name, sasl_users={USER: SECRET}))
    yield kafka
    kafka.leave()
    brokers.servers.discard(name)


@pytest.fixture
async def limited_adapter(acl_cluster: KafkaCluster, brokers: Brokers) -> AsyncIterator[Adapter]:
    """An adapter that logs in as a user with no rights but those a test grants."""
    port = brokers.servers.ports("kafka-acl")["sasl"]
    made = acl_cluster.adapter(hosts=(("127.0.0.1", port),), user=USER, secret=SECRET)
    yield made
    await made.close()


def grant(kafka: KafkaCluster, kind: ResourceType, name: str, *rights: AclOperation) -> None:
    """Give the user rights on one thing and wait until they hold."""
    bindings = [
        AclBinding(kind, name, ResourcePatternType.LITERAL, f"User:{USER}", "*", right, AclPermissionType.ALLOW)
        for right in rights
    ]
    for promise in kafka.admin.create_acls(bindings).values():
        promise.result(30)


async def planned(kafka: KafkaCluster, adapter: Adapter, source: Ref, target: Ref) -> tuple[Source, Plan]:
    return await GuardedRedrive(adapter, source, target).plan()


async def test_missing_rights_are_named(acl_cluster: KafkaCluster, limited_adapter: Adapter) -> None:
    """K15: DLQ Read, target Write, state topic and TransactionalId, each by its name."""
    source, target = acl_cluster.topic("dlq"), acl_cluster.topic("home")
    acl_cluster.fill(source, 5)
    with pytest.raises(NotAuthorised) as refused:
        await limited_adapter.broker.catalog.describe(source)
    assert "Describe" in refused.value.hint
    grant(acl_cluster, ResourceType.TOPIC, source.name, AclOperation.DESCRIBE)
    grant(acl_cluster, ResourceType.TOPIC, target.name, AclOperation.DESCRIBE)
    said = await limited_adapter.broker.catalog.list_properties(source)
    assert [(each.value, each.source) for each in said if each.part == "config"] == [(None, NO_CONFIG_RIGHT)]
    assert next(each.value for each in said if each.name == "your rights") == "describe"
    assert isinstance(limited_adapter.broker, ListsPartitions)
    parts = await limited_adapter.broker.list_partitions(source)
    assert [(part.high, part.size.number) for part in parts] == [(5, None)]
    assert parts.missing == ("sizes are missing: Describe on the cluster is missing",)
    assert isinstance(limited_adapter.broker, ChangesDestinations)
    for change in (Creation(Ref(source.kind, f"{source.name}.new")), Deletion(source), PurgeRequest(source)):
        (needed,) = [risk for risk in (await limited_adapter.broker.preview_change(change)).risks if risk.final]
        assert needed.name == "rights"
    assert not await limited_adapter.broker.can(Verb.DELETE, source)
    support = await limited_adapter.broker.can(Verb.REDRIVE, source)
    assert not support
    assert "Read" in support.hint
    with pytest.raises(NotAuthorised) as unread:
        await read(limited_adapter, source)
    assert unread.value.hint == f"Needed: Read on topic {source.name}."
    grant(acl_cluster, ResourceType.TOPIC, source.name, AclOperation.READ)

    async def may_redrive() -> bool:
        return bool(await limited_adapter.broker.can(Verb.REDRIVE, source))

    await eventually(may_redrive, "the broker has applied the ACL")
    _, plan = await planned(acl_cluster, limited_adapter, source, target)
    told = {risk.name: risk for risk in plan.risks}
    assert told["no-right"].final
    assert f"Write on topic {target.name}" in told["no-right"].text
    assert acl_cluster.state in told["at-least-once"].text
    assert "TransactionalId" in told["at-least-once"].text
    with pytest.raises(NotAuthorised) as unwritten:
        await publish(limited_adapter, [Outgoing(target, b"x")])
    assert "IdempotentWrite" in unwritten.value.hint
    grant(acl_cluster, ResourceType.TOPIC, source.name, AclOperation.WRITE)
    (receipt,) = await publish(limited_adapter, [Outgoing(target, b"x")])
    assert receipt.state is PublishStatus.REFUSED
    assert "TOPIC_AUTHORIZATION_FAILED" in receipt.reason


async def test_without_rights_for_it_the_run_is_at_least_once(
    acl_cluster: KafkaCluster, limited_adapter: Adapter
) -> None:
    """K2, K15: never silently; letters still go, confirmed, and the broker remembers nothing."""
    source, target = acl_cluster.topic("dlq", 2), acl_cluster.topic("home")
    values = acl_cluster.fill(source, 30, partitions=2)
    grant(acl_cluster, ResourceType.TOPIC, source.name, AclOperation.READ)
    grant(acl_cluster, ResourceType.TOPIC, target.name, AclOperation.WRITE)
    _, plan = await planned(acl_cluster, limited_adapter, source, target)
    assert plan.guarantee is not None
    assert plan.guarantee.strength is Strength.AT_LEAST_ONCE
    assert "journal on this machine" in plan.guarantee.text
    assert not [step for step in plan.steps if isinstance(step, CreateStateTopic)]
    receipts = await GuardedRedrive(limited_adapter, source, target).move_all(size=7)
    assert {receipt.state for receipt in receipts} == {PublishStatus.STORED}
    assert all(receipt.position is not None for receipt in receipts)
    assert sorted(acl_cluster.values(target)) == sorted(values)
    assert acl_cluster.state not in acl_cluster.names()


async def test_with_the_rights_a_plain_user_moves_exactly_once(
    acl_cluster: KafkaCluster, limited_adapter: Adapter
) -> None:
    """K15: what the plan asks for is enough."""
    source, target = acl_cluster.topic("dlq"), acl_cluster.topic("home")
    values = acl_cluster.fill(source, 20)
    identity = (await source_of(acl_cluster, source)).identity
    grant(acl_cluster, ResourceType.TOPIC, source.name, AclOperation.READ)
    grant(acl_cluster, ResourceType.TOPIC, target.name, AclOperation.WRITE)
    grant(
        acl_cluster, ResourceType.TOPIC, acl_cluster.state, AclOperation.READ, AclOperation.WRITE, AclOperation.CREATE
    )
    grant(acl_cluster, ResourceType.TRANSACTIONAL_ID, f"{acl_cluster.prefix}.{identity}", AclOperation.WRITE)
    await create_state(acl_cluster, source, target)
    _, plan = await planned(acl_cluster, limited_adapter, source, target)
    assert plan.guarantee is not None
    assert plan.guarantee.strength is Strength.EXACTLY_ONCE
    assert len(await GuardedRedrive(limited_adapter, source, target).move_all()) == 20
    assert acl_cluster.values(target) == values


async def source_of(kafka: KafkaCluster, source: Ref) -> Source:
    """The source as somebody above ACLs sees it."""
    adapter = kafka.adapter()
    try:
        return await adapter.broker.snapshot(source)
    finally:
        await adapter.close()


async def create_state(kafka: KafkaCluster, source: Ref, target: Ref) -> None:
    """Let somebody above ACLs create the state topic, by an empty run."""
    adapter = kafka.adapter()
    empty = kafka.topic("empty")
    await GuardedRedrive(adapter, empty, target).move_all()
    await adapter.close()


async def test_a_step_kafka_does_not_have_is_refused(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """`apply` knows put back and the state topic, and raises for the rest."""
    step = Acknowledge(kafka.topic("t"), "g", ())
    async with writing(kafka_adapter, a_plan(kafka_adapter, Verb.ACK, step)) as writer:
        with pytest.raises(Unsupported):
            await writer.apply(step)
