"""Steps that are no moves: marking letters unhandled again, and creating the state topic."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import NewTopic, OffsetSpec

from mqtui.brokers.blocking import submit_to_thread, wait_uncancelled
from mqtui.brokers.kafka.connection.clients import ANSWER, Connection
from mqtui.brokers.kafka.errors import error_of
from mqtui.brokers.kafka.publish import BATCH_BYTES
from mqtui.brokers.kafka.read.offsets import Answers, ask_offsets, numbers
from mqtui.brokers.kafka.read.topic_metadata import Topic, describe, state_topic, topic_name
from mqtui.brokers.kafka.redrive.process_identity import here, person
from mqtui.brokers.kafka.redrive.source_lock import Hold
from mqtui.brokers.kafka.redrive.state_topic import Stamp, records_of
from mqtui.domain.errors import TimedOut, Unsupported
from mqtui.domain.figure import pluralize
from mqtui.domain.message import Offset
from mqtui.domain.plan import CreateStateTopic, Plan, Step, StepResult, Unmark

REPLICAS = 3
STATE_CONFIG = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.1",
    "segment.bytes": str(16 << 20),
}
"""Small segments, cleaned early: a run's end is read from the start of the topic."""


async def applied(connection: Connection, plan: Plan, step: Step) -> StepResult:
    """Do one step.

    Raises:
        Unsupported: Kafka has no such thing.
        Held: a run holds the topic.
    """
    match step:
        case CreateStateTopic(name):
            return await _create(connection, name)
        case Unmark(source, run, offsets):
            topic = await describe(connection, topic_name(source))
            stamp = Stamp(plan.id, person(), plan.hash, here())
            return await wait_uncancelled(
                submit_to_thread("putback", lambda: _unmark(connection, topic, stamp, run, offsets))
            )
        case _:
            raise Unsupported(f"Kafka does not do that: {type(step).__name__}")


async def _create(connection: Connection, name: str) -> StepResult:
    admin = await connection.opened()
    cluster = await connection.ask(admin.describe_cluster(request_timeout=ANSWER), "looking at the cluster")
    topic = NewTopic(name, 1, min(REPLICAS, len(cluster.nodes)), config=STATE_CONFIG)
    promise = admin.create_topics([topic], operation_timeout=ANSWER, request_timeout=ANSWER)[name]
    notes: tuple[str, ...] = ()
    try:
        await asyncio.wrap_future(promise)
    except KafkaException as error:
        if error_of(error).code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise connection.translate(error, f"creating {name}") from error
        notes = (f"{name} was there already",)
    await _seen(connection, name)
    return StepResult(1, 1, notes)


async def _seen(connection: Connection, name: str) -> None:
    """Wait until the brokers know a new topic and its leader."""
    until = time.monotonic() + ANSWER
    ends: Answers = {}
    while time.monotonic() < until:
        ends = await ask_offsets(connection, [(name, 0)], OffsetSpec.latest())
        if numbers(ends):
            return
        await asyncio.sleep(0.05)
    raise TimedOut(f"{name} was created and does not appear", str(ends[name, 0]))


def _unmark(connection: Connection, topic: Topic, stamp: Stamp, run: str, offsets: Sequence[Offset]) -> StepResult:
    """In one transaction under the topic's own transactional id, so that no run goes on from what was read before."""
    hold = Hold(connection, topic.identity, topic.name, stamp, BATCH_BYTES)
    state = hold.take(take_over=False, resumed=False)
    handled = [at for at in offsets if state.marks(at.partition).has(at.offset)]
    for at in handled:
        state.marks(at.partition).drop([at.offset])
    with connection.translating(f"putting back letters of {topic.name}"):
        hold.producer.begin_transaction()
        for key, value in records_of(topic.identity, state, stamp):
            hold.producer.produce(state_topic(connection.prefix), value, key, partition=0)
        hold.write_holder(ended=True)
        hold.commit()
    missed = len(offsets) - len(handled)
    notes = (f"not marked handled: {pluralize(missed, 'letter')} of run {run[:8]}",) if missed else ()
    return StepResult(len(offsets), len(handled), notes)
