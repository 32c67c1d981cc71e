"""What a plan says of Kafka: promise, rights, risks, and the weaker way without rights (K2, K5, K7, K15)."""

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

from mqtui.brokers.kafka.redrive.target_checks import check_timestamps
from mqtui.brokers.port import Adapter
from mqtui.domain.capability import Verb
from mqtui.domain.errors import NotAuthorised, Unsupported
from mqtui.domain.message import Outgoing
from mqtui.domain.plan import Acknowledge, CreateStateTopic, Plan, Severity
from mqtui.domain.redrive import PublishStatus, Source, Strength
from mqtui.domain.resource import Ref
from tests.brokers import Brokers
from tests.contract.asking import a_plan, publish, read, writing
from tests.contract.kafka_stage import Run, Stage, until

DAY = 86_400_000
USER, SECRET = "ada", "lovelace"


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


async def test_the_promise_names_its_readers(stage: Stage, adapter: Adapter) -> None:
    """K5: exactly once for read_committed readers of the same cluster, and what the others may see."""
    source, plan = await Run(adapter, stage.topic("dlq"), stage.topic("home")).planned()
    assert plan.guarantee is not None
    assert plan.guarantee.strength is Strength.EXACTLY_ONCE
    assert "read_committed" in plan.guarantee.text
    assert "read_uncommitted" in plan.guarantee.text
    assert adapter.broker.guarantee(source, []) == plan.guarantee
    assert [risk.name for risk in plan.risks] == ["no-reader"]


async def test_letters_that_will_be_refused_are_told_before(stage: Stage, adapter: Adapter) -> None:
    """Size, keys and times against the target's own settings."""
    config = {"max.message.bytes": "5000", "cleanup.policy": "compact,delete", "retention.ms": str(7 * DAY)}
    run = Run(adapter, stage.topic("dlq"), stage.topic("home", config=config))
    source, plan = await run.planned()
    now = int(time.time() * 1000)
    bad = replace(plan, largest=5001, keyless=3, oldest=now - 8 * DAY, keeps_time=True, risks=(), steps=plan.steps[1:])
    told = {risk.name: risk for risk in (await adapter.broker.check_plan(source, bad)).risks}
    assert told.keys() == {"too-large", "no-key", "compacted", "timestamps", "no-reader"}
    assert told["timestamps"].severity is Severity.REFUSE
    assert told["timestamps"].final
    assert "may fit compressed" in told["too-large"].text
    fine = replace(bad, largest=5000, keyless=0, keeps_time=False)
    assert {risk.name for risk in (await adapter.broker.check_plan(source, fine)).risks} == {"compacted", "no-reader"}


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


async def test_kept_times_are_checked_at_both_ends(stage: Stage, adapter: Adapter) -> None:
    """K7: of a plan whose oldest letter is fine and whose newest is a day ahead of the broker's limit."""
    run = Run(adapter, stage.topic("dlq"), stage.topic("home", config={"message.timestamp.after.max.ms": "3600000"}))
    source, plan = await run.planned()
    now = int(time.time() * 1000)
    ahead = replace(plan, oldest=now - 1000, newest=now + DAY, keeps_time=True, risks=(), steps=plan.steps[1:])
    (risk,) = [risk for risk in (await adapter.broker.check_plan(source, ahead)).risks if risk.name == "timestamps"]
    assert "after.max.ms" in risk.text
    assert risk.final


async def test_letters_that_expire_before_anybody_reads_them(stage: Stage, adapter: Adapter) -> None:
    """A topic that keeps records for a minute."""
    _, plan = await Run(adapter, stage.topic("dlq"), stage.topic("home", config={"retention.ms": "60000"})).planned()
    (risk,) = [risk for risk in plan.risks if risk.name == "expiry"]
    assert "retention.ms=60000" in risk.text
    assert risk.severity is Severity.WARN


@pytest.mark.parametrize(
    ("groups", "said"),
    [(0, "no group has an offset or a member there"), (1, "1 group, all Empty"), (3, "3 groups, all Empty")],
)
async def test_a_target_that_nobody_reads_is_named(stage: Stage, adapter: Adapter, groups: int, said: str) -> None:
    """Groups that committed once and are gone; one with a member is a reader."""
    home = stage.topic("home")
    stage.fill(home, 3)
    config = stage.servers | {"auto.offset.reset": "earliest", "enable.auto.commit": False}
    for number in range(groups):
        gone = Consumer(config | {"group.id": f"{home.name}.{number}"})
        gone.commit(offsets=[TopicPartition(home.name, 0, 1)], asynchronous=False)
        gone.close()
    run = Run(adapter, stage.topic("dlq"), home)
    _, plan = await run.planned()
    (risk,) = [risk for risk in plan.risks if risk.name == "no-reader"]
    assert risk.text == f"nobody reads {home.name}: {said}"
    live = Consumer(config | {"group.id": f"{home.name}.live"})
    try:
        live.subscribe([home.name])
        until(lambda: live.poll(0.2) is not None, 30, "the live group reads")
        _, plan = await run.planned()
        assert "no-reader" not in {risk.name for risk in plan.risks}
    finally:
        live.close()


async def test_pending_entries_are_not_offered(stage: Stage, adapter: Adapter) -> None:
    """A verb Kafka does not have is refused with the reason."""
    for verb in (Verb.PENDING, Verb.CLAIM, Verb.ACK, Verb.SPEND):
        support = await adapter.broker.can(verb)
        assert not support
        assert support.reason
    assert adapter.broker.pending is None
    for verb in (Verb.PEEK, Verb.REDRIVE, Verb.LAG, Verb.PUBLISH):
        assert await adapter.broker.can(verb, stage.topic("dlq"))


# --- rights


@pytest.fixture(scope="module")
def guarded(brokers: Brokers) -> Iterator[Stage]:
    """A broker with ACLs: the plain listener is above them, its SASL listener is not."""
    name = "kafka-acl"
    stage = Stage(brokers.servers.start_kafka(name, sasl_users={USER: SECRET}))
    yield stage
    brokers.servers.discard(name)


@pytest.fixture
async def limited(guarded: Stage, brokers: Brokers) -> AsyncIterator[Adapter]:
    """An adapter that logs in as a user with no rights but those a test grants."""
    port = brokers.servers.ports("kafka-acl")["sasl"]
    made = guarded.adapter(hosts=(("127.0.0.1", port),), user=USER, secret=SECRET)
    yield made
    await made.close()


def grant(stage: Stage, kind: ResourceType, name: str, *rights: AclOperation) -> None:
    """Give the user rights on one thing and wait until they hold."""
    bindings = [
        AclBinding(kind, name, ResourcePatternType.LITERAL, f"User:{USER}", "*", right, AclPermissionType.ALLOW)
        for right in rights
    ]
    for promise in stage.admin.create_acls(bindings).values():
        promise.result(30)


async def planned(stage: Stage, adapter: Adapter, source: Ref, target: Ref) -> tuple[Source, Plan]:
    return await Run(adapter, source, target).planned()


async def test_missing_rights_are_named(guarded: Stage, limited: Adapter) -> None:
    """K15: DLQ Read, target Write, state topic and TransactionalId, each by its name."""
    source, target = guarded.topic("dlq"), guarded.topic("home")
    guarded.fill(source, 5)
    with pytest.raises(NotAuthorised) as refused:
        await limited.broker.catalog.describe(source)
    assert "Describe" in refused.value.hint
    grant(guarded, ResourceType.TOPIC, source.name, AclOperation.DESCRIBE)
    grant(guarded, ResourceType.TOPIC, target.name, AclOperation.DESCRIBE)
    support = await limited.broker.can(Verb.REDRIVE, source)
    assert not support
    assert "Read" in support.hint
    with pytest.raises(NotAuthorised) as unread:
        await read(limited, source)
    assert unread.value.hint == f"Needed: Read on topic {source.name}."
    grant(guarded, ResourceType.TOPIC, source.name, AclOperation.READ)
    assert await limited.broker.can(Verb.REDRIVE, source)
    _, plan = await planned(guarded, limited, source, target)
    told = {risk.name: risk for risk in plan.risks}
    assert told["no-right"].final
    assert f"Write on topic {target.name}" in told["no-right"].text
    assert guarded.state in told["at-least-once"].text
    assert "TransactionalId" in told["at-least-once"].text
    with pytest.raises(NotAuthorised) as unwritten:
        await publish(limited, [Outgoing(target, b"x")])
    assert "IdempotentWrite" in unwritten.value.hint
    grant(guarded, ResourceType.TOPIC, source.name, AclOperation.WRITE)
    (receipt,) = await publish(limited, [Outgoing(target, b"x")])
    assert receipt.state is PublishStatus.REFUSED
    assert "TOPIC_AUTHORIZATION_FAILED" in receipt.reason


async def test_without_rights_for_it_the_run_is_at_least_once(guarded: Stage, limited: Adapter) -> None:
    """K2, K15: never silently; letters still go, confirmed, and the broker remembers nothing."""
    source, target = guarded.topic("dlq", 2), guarded.topic("home")
    values = guarded.fill(source, 30, partitions=2)
    grant(guarded, ResourceType.TOPIC, source.name, AclOperation.READ)
    grant(guarded, ResourceType.TOPIC, target.name, AclOperation.WRITE)
    _, plan = await planned(guarded, limited, source, target)
    assert plan.guarantee is not None
    assert plan.guarantee.strength is Strength.AT_LEAST_ONCE
    assert "journal on this machine" in plan.guarantee.text
    assert not [step for step in plan.steps if isinstance(step, CreateStateTopic)]
    receipts = await Run(limited, source, target).all(size=7)
    assert {receipt.state for receipt in receipts} == {PublishStatus.STORED}
    assert all(receipt.position is not None for receipt in receipts)
    assert sorted(guarded.values(target)) == sorted(values)
    assert guarded.state not in guarded.names()


async def test_with_the_rights_a_plain_user_moves_exactly_once(guarded: Stage, limited: Adapter) -> None:
    """K15: what the plan asks for is enough."""
    source, target = guarded.topic("dlq"), guarded.topic("home")
    values = guarded.fill(source, 20)
    identity = (await guarded_identity(guarded, source)).identity
    grant(guarded, ResourceType.TOPIC, source.name, AclOperation.READ)
    grant(guarded, ResourceType.TOPIC, target.name, AclOperation.WRITE)
    grant(guarded, ResourceType.TOPIC, guarded.state, AclOperation.READ, AclOperation.WRITE, AclOperation.CREATE)
    grant(guarded, ResourceType.TRANSACTIONAL_ID, f"{guarded.prefix}.{identity}", AclOperation.WRITE)
    await create_state(guarded, source, target)
    _, plan = await planned(guarded, limited, source, target)
    assert plan.guarantee is not None
    assert plan.guarantee.strength is Strength.EXACTLY_ONCE
    assert len(await Run(limited, source, target).all()) == 20
    assert guarded.values(target) == values


async def guarded_identity(stage: Stage, source: Ref) -> Source:
    """The source as somebody above ACLs sees it."""
    adapter = stage.adapter()
    try:
        return await adapter.broker.snapshot(source)
    finally:
        await adapter.close()


async def create_state(stage: Stage, source: Ref, target: Ref) -> None:
    """Let somebody above ACLs create the state topic, by an empty run."""
    adapter = stage.adapter()
    empty = stage.topic("empty")
    await Run(adapter, empty, target).all()
    await adapter.close()


async def test_a_step_kafka_does_not_have_is_refused(stage: Stage, adapter: Adapter) -> None:
    """`apply` knows put back and the state topic, and raises for the rest."""
    step = Acknowledge(stage.topic("t"), "g", ())
    async with writing(adapter, a_plan(adapter, Verb.ACK, step)) as writer:
        with pytest.raises(Unsupported):
            await writer.apply(step)
