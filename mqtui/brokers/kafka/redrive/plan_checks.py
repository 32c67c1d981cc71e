"""Checks a plan against the cluster: guarantee, risks, missing ACLs, and whether the state topic must be created."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from confluent_kafka import KafkaError
from confluent_kafka.admin import AclOperation, OffsetSpec

from mqtui.brokers.kafka.connection.clients import REQUEST_TIMEOUT, KafkaClients, answer_blocking
from mqtui.brokers.kafka.connection.transaction_state import TransactionState, describe_transaction
from mqtui.brokers.kafka.read.offsets import explain_missing, known_offsets, list_offsets
from mqtui.brokers.kafka.read.topic_metadata import (
    TRANSACTION_TOPIC,
    Topic,
    describe_configs,
    describe_topic,
    state_topic_name,
    topic_name,
)
from mqtui.brokers.kafka.redrive.state_topic import LOCK_TIMEOUT, transactional_id
from mqtui.brokers.kafka.redrive.target_checks import check_targets, describe_targets
from mqtui.domain.errors import NotAuthorised, NotFound, TimedOut
from mqtui.domain.figure import pluralize
from mqtui.domain.plan import CreateStateTopic, Plan, Risk, Severity, Step, Take
from mqtui.domain.redrive import Guarantee, LockOwner, OffsetBounds, Source, Strength
from mqtui.domain.resource import Ref
from mqtui.domain.times import format_time


def describe_guarantee(missing: Sequence[str] = ()) -> Guarantee:
    """The guarantee of a run (K5); at least once if `missing` names ACLs that transactions need."""
    if missing:
        return Guarantee(
            Strength.AT_LEAST_ONCE,
            f"at least once: {', '.join(missing)}; what was handled is known to the journal on this machine only, and "
            "a crash may send the letters in flight twice; they are named",
        )
    return Guarantee(
        Strength.EXACTLY_ONCE,
        "exactly once for read_committed readers of this cluster; a reader with read_uncommitted, Java's default, may "
        "see the batch in flight at a crash twice",
    )


async def check_publish(clients: KafkaClients, targets: Sequence[Ref]) -> Sequence[Risk]:
    """A refusal for each topic that is gone, or that this user may not write."""
    _, risks = await describe_targets(clients, targets)
    return risks


async def check_plan(clients: KafkaClients, source: Source, plan: Plan) -> Plan:
    """The plan with guarantee, risks and preliminary steps. Writes nothing and opens no producer."""
    targets = check_targets(clients, plan)
    if any(isinstance(step, Take) for step in plan.steps):
        (missing, steps, risks), absent, uncommitted, of_targets = await asyncio.gather(
            _check_state_topic(clients, source),
            _check_missing_partitions(clients, source),
            _check_open_transactions(clients, source),
            targets,
        )
        risks += [*_check_lock(source), *absent, *uncommitted, *of_targets]
    else:
        (_, _, risks), of_targets = await asyncio.gather(_check_state_topic(clients, source), targets)
        missing, steps = [], []
        risks += [*_check_lock(source), *of_targets]
    guarantee = plan.guarantee if plan.guarantee is not None and not missing else describe_guarantee(missing)
    return replace(plan, steps=(*steps, *plan.steps), risks=(*plan.risks, *risks), guarantee=guarantee)


async def _check_state_topic(clients: KafkaClients, source: Source) -> tuple[list[str], list[Step], list[Risk]]:
    """Missing ACLs, preliminary steps and risks that concern the state topic and the transactional id (K15)."""
    missing: list[str] = []
    steps: list[Step] = []
    risks: list[Risk] = []
    name, ours = state_topic_name(clients.prefix), transactional_id(clients.prefix, source.identity)
    try:
        topic = await describe_topic(clients, name)
    except NotFound:
        if await clients.run_in_thread("asking for rights", partial(_can_create_topics, clients)):
            steps.append(CreateStateTopic(name))
        else:
            missing.append(f"the topic {name} is missing and the right to create it too (Create on topic {name})")
    except NotAuthorised:
        missing.append(f"Describe, Read and Write on topic {name} are missing")
    else:
        for right in (AclOperation.READ, AclOperation.WRITE):
            if right not in topic.rights:
                missing.append(f"{right.name.capitalize()} on topic {name} is missing")
        risks += await _check_state_topic_config(clients, topic)
    seen = await _describe_transaction(clients, ours)
    if seen is not None and not seen.allowed:
        missing.append(f"Write and Describe on TransactionalId {ours} are missing")
    if missing:
        risks.append(Risk("at-least-once", "; ".join(missing)))
    if seen is not None and seen.is_ongoing and source.lock_owner is None:
        risks.append(Risk("open-transaction", f"a transaction of {ours} is open; the run will end it"))
    return missing, steps, risks


async def _describe_transaction(clients: KafkaClients, transactional_id: str) -> TransactionState | None:
    """The state of an id; None where the cluster has none yet: asked for one, it creates their topic (K9)."""
    try:
        await describe_topic(clients, TRANSACTION_TOPIC)
    except NotFound:
        return None
    except NotAuthorised:
        pass
    return await describe_transaction(clients, transactional_id)


def _can_create_topics(clients: KafkaClients) -> bool:
    """Whether this principal has Create on the cluster.

    An ACL for the one topic name can't be asked for; and True if the controller does not answer (K19): then creating
    the topic will show it.
    """
    future = clients.admin_blocking().describe_cluster(
        include_authorized_operations=True, request_timeout=REQUEST_TIMEOUT
    )
    if not clients.controller_answers([future]):
        return True
    return AclOperation.CREATE in (answer_blocking(future).authorized_operations or ())


async def _check_state_topic_config(clients: KafkaClients, topic: Topic) -> list[Risk]:
    config = (await describe_configs(clients, [topic.name])).get(topic.name, {})
    policy = config.get("cleanup.policy", "compact")
    if len(topic.partitions) == 1 and policy == "compact":
        return []
    count = pluralize(len(topic.partitions), "partition")
    text = f"{topic.name} has {count} and cleanup.policy={policy}; it must have one partition and be compacted"
    return [Risk("state-topic", text, Severity.REFUSE, final=True)]


def _check_lock(source: Source) -> list[Risk]:
    owner: LockOwner | None = source.lock_owner
    if owner is None or owner.stale:
        return []
    since = format_time(owner.since, "%H:%M:%S")
    text = (
        f"run {owner.run[:8]} of {owner.operator} on {owner.host} has held {source.ref.name} since {since}, "
        f"last heard of {max(0, round(owner.age))} s ago; it lapses after {LOCK_TIMEOUT:.0f} s; --take-over fences it"
    )
    return [Risk("held", text, Severity.REFUSE)]


async def _check_open_transactions(clients: KafkaClients, source: Source) -> list[Risk]:
    """Letters in open transactions, which a read_committed consumer can't see (K8)."""
    bounds = source.bounds
    keys = [(source.ref.name, number) for number in bounds.end] if isinstance(bounds, OffsetBounds) else []
    if not keys:
        return []
    stable, high = await asyncio.gather(
        list_offsets(clients, keys, OffsetSpec.latest(), committed=True),
        list_offsets(clients, keys, OffsetSpec.latest()),
    )
    ends = known_offsets(high)
    held = sum(max(0, ends.get(number, 0) - offset) for number, offset in known_offsets(stable).items())
    if not held:
        return []
    text = f"{pluralize(held, 'letter')} in an open transaction, not yet committed by their writer: not in the plan"
    return [Risk("uncommitted", text)]


async def _check_missing_partitions(clients: KafkaClients, source: Source) -> list[Risk]:
    """Partitions that had no offsets when the snapshot was taken (K19)."""
    topic = await describe_topic(clients, topic_name(source.ref))
    bounds = source.bounds
    absent = [number for number in topic.partitions if isinstance(bounds, OffsetBounds) and number not in bounds.end]
    if not absent:
        return []
    try:
        answers = await list_offsets(clients, [(topic.name, number) for number in absent], OffsetSpec.earliest())
        whys = {
            number: explain_missing(answer)
            if isinstance(answer, KafkaError)
            else "did not answer when the plan was made"
            for (_, number), answer in answers.items()
        }
    except TimedOut:
        whys = dict.fromkeys(absent, "has a leader that does not answer")
    return [
        Risk("missing-partition", f"partition {number} {why}: its letters are not in the plan")
        for number, why in sorted(whys.items())
    ]
