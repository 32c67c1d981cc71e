"""A plan with the cluster's word on it: what is promised, what may go wrong, and the state topic to create."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from confluent_kafka import KafkaError
from confluent_kafka.admin import AclOperation, OffsetSpec

from mqtui.brokers.kafka.connection.admin_fallback import transaction
from mqtui.brokers.kafka.connection.clients import ANSWER, Connection, answer_of
from mqtui.brokers.kafka.read.offsets import ask_offsets, numbers, why_missing
from mqtui.brokers.kafka.read.topic_metadata import Topic, configs, describe, state_topic, topic_name
from mqtui.brokers.kafka.redrive.state_topic import LAPSES, transactional_id
from mqtui.brokers.kafka.redrive.target_checks import target_risks
from mqtui.domain.errors import NotAuthorised, NotFound, TimedOut
from mqtui.domain.figure import pluralize
from mqtui.domain.plan import CreateStateTopic, Plan, Risk, Severity, Step, Take
from mqtui.domain.redrive import Guarantee, LockOwner, OffsetBounds, Source, Strength
from mqtui.domain.times import format_time


def promise(missing: Sequence[str] = ()) -> Guarantee:
    """What a run promises (K5); `missing` are rights without which it can promise less."""
    if missing:
        return Guarantee(
            Strength.AT_LEAST_ONCE,
            f"at least once: {', '.join(missing)}; what was handled is known to the journal on this machine only, and "
            "a crash may double the letters in hand, which are named",
        )
    return Guarantee(
        Strength.EXACTLY_ONCE,
        "exactly once for read_committed readers of this cluster; a reader with read_uncommitted, Java's default, may "
        "see the batch in flight at a crash twice",
    )


async def inspected(connection: Connection, source: Source, plan: Plan) -> Plan:
    """The plan completed. Nothing is written and no producer opened."""
    missing, steps, risks = await _state(connection, source)
    risks += _holder(source)
    if any(isinstance(step, Take) for step in plan.steps):
        risks += await _missing_partitions(connection, source)
        risks += await _uncommitted(connection, source)
    else:
        missing, steps = [], []
    risks += await target_risks(connection, plan)
    guarantee = plan.guarantee if plan.guarantee is not None and not missing else promise(missing)
    return replace(plan, steps=(*steps, *plan.steps), risks=(*plan.risks, *risks), guarantee=guarantee)


async def _state(connection: Connection, source: Source) -> tuple[list[str], list[Step], list[Risk]]:
    """Rights that are missing, steps to take first, and risks, of the state topic and the transactional id (K15)."""
    missing: list[str] = []
    steps: list[Step] = []
    risks: list[Risk] = []
    name, ours = state_topic(connection.prefix), transactional_id(connection.prefix, source.identity)
    try:
        topic = await describe(connection, name)
    except NotFound:
        if await connection.call("asking for rights", partial(_may_create, connection)):
            steps.append(CreateStateTopic(name))
        else:
            missing.append(f"the topic {name} is missing and the right to create it too (Create on topic {name})")
    except NotAuthorised:
        missing.append(f"Describe, Read and Write on topic {name} are missing")
    else:
        for right in (AclOperation.READ, AclOperation.WRITE):
            if right not in topic.rights:
                missing.append(f"{right.name.capitalize()} on topic {name} is missing")
        risks += await _shape(connection, topic)
    seen = await transaction(connection, ours)
    if seen is not None and not seen.allowed:
        missing.append(f"Write and Describe on TransactionalId {ours} are missing")
    if missing:
        risks.append(Risk("at-least-once", "; ".join(missing)))
    if seen is not None and seen.ongoing and source.lock_owner is None:
        risks.append(Risk("open-transaction", f"a transaction of {ours} is open; the run will end it"))
    return missing, steps, risks


def _may_create(connection: Connection) -> bool:
    """Whether topics may be created. A right on the one name alone is not told by the broker before the try.

    Nor is any by a controller that does not answer: then the try tells (K19).
    """
    asked = connection.admin().describe_cluster(include_authorized_operations=True, request_timeout=ANSWER)
    if not connection.controller_answers([asked]):
        return True
    return AclOperation.CREATE in (answer_of(asked).authorized_operations or ())


async def _shape(connection: Connection, topic: Topic) -> list[Risk]:
    config = (await configs(connection, [topic.name])).get(topic.name, {})
    policy = config.get("cleanup.policy", "compact")
    if len(topic.partitions) == 1 and policy == "compact":
        return []
    text = f"{topic.name} has {len(topic.partitions)} partitions and cleanup.policy={policy}; it must be one, compact"
    return [Risk("state-topic", text, Severity.REFUSE, final=True)]


def _holder(source: Source) -> list[Risk]:
    holder: LockOwner | None = source.lock_owner
    if holder is None or holder.stale:
        return []
    since = format_time(holder.since, "%H:%M:%S")
    text = (
        f"run {holder.run[:8]} of {holder.operator} on {holder.host} has held {source.ref.name} since {since}, "
        f"last heard of {max(0, round(holder.age))} s ago; it lapses after {LAPSES:.0f} s; --take-over fences it"
    )
    return [Risk("held", text, Severity.REFUSE)]


async def _uncommitted(connection: Connection, source: Source) -> list[Risk]:
    """Letters behind an open transaction, which no reader of committed records can see (K8)."""
    bounds = source.bounds
    places = [(source.ref.name, number) for number in bounds.end] if isinstance(bounds, OffsetBounds) else []
    if not places:
        return []
    stable, high = await asyncio.gather(
        ask_offsets(connection, places, OffsetSpec.latest(), committed=True),
        ask_offsets(connection, places, OffsetSpec.latest()),
    )
    ends = numbers(high)
    held = sum(max(0, ends.get(number, 0) - offset) for number, offset in numbers(stable).items())
    if not held:
        return []
    text = f"{pluralize(held, 'letter')} in an open transaction, not yet committed by their writer: not in the plan"
    return [Risk("uncommitted", text)]


async def _missing_partitions(connection: Connection, source: Source) -> list[Risk]:
    """Partitions that gave no offsets when the source was read (K19)."""
    topic = await describe(connection, topic_name(source.ref))
    bounds = source.bounds
    absent = [number for number in topic.partitions if isinstance(bounds, OffsetBounds) and number not in bounds.end]
    if not absent:
        return []
    try:
        answers = await ask_offsets(connection, [(topic.name, number) for number in absent], OffsetSpec.earliest())
        whys = {
            number: why_missing(answer) if isinstance(answer, KafkaError) else "did not answer when the plan was made"
            for (_, number), answer in answers.items()
        }
    except TimedOut:
        whys = dict.fromkeys(absent, "has a leader that does not answer")
    return [
        Risk("missing-partition", f"partition {number} {why}: its letters are not in the plan")
        for number, why in sorted(whys.items())
    ]
