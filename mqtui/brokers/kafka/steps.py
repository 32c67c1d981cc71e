"""Plan steps other than moves: marking letters unhandled again (put back), offsets, and creating the state topic."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import NewTopic, OffsetSpec

from mqtui.brokers.blocking import submit_to_thread, wait_uncancelled
from mqtui.brokers.kafka.abort_transaction import abort_transaction
from mqtui.brokers.kafka.connection.clients import REQUEST_TIMEOUT, KafkaClients
from mqtui.brokers.kafka.destination_steps import apply_destination_step
from mqtui.brokers.kafka.errors import unwrap
from mqtui.brokers.kafka.offset_steps import apply_offset_step
from mqtui.brokers.kafka.publish import MAX_BATCH_BYTES
from mqtui.brokers.kafka.read.offsets import OffsetResults, known_offsets, list_offsets
from mqtui.brokers.kafka.read.topic_metadata import Topic, describe_topic, state_topic_name, topic_name
from mqtui.brokers.kafka.redrive.process_identity import current_process
from mqtui.brokers.kafka.redrive.source_lock import SourceLock
from mqtui.brokers.kafka.redrive.state_topic import RunIdentity, progress_records
from mqtui.domain.destination_change import (
    AddPartitions,
    AlterSettings,
    CreateDestination,
    DeleteDestination,
    PurgeMessages,
)
from mqtui.domain.errors import TimedOut, Unsupported
from mqtui.domain.figure import pluralize
from mqtui.domain.message import Offset
from mqtui.domain.plan import (
    AbortTransaction,
    CreateStateTopic,
    DeleteGroup,
    Plan,
    SetOffsets,
    SkipWithCopies,
    Step,
    StepResult,
    Unmark,
)
from mqtui.machine.process import operator

REPLICAS = 3
STATE_CONFIG = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.1",
    "segment.bytes": str(16 << 20),
}
"""Small segments that are compacted early, because every run reads the topic from its start."""


async def apply_step(clients: KafkaClients, plan: Plan, step: Step) -> StepResult:
    """Apply one step of the plan.

    Raises:
        Unsupported: Kafka has no such step.
        Held: a run holds the lock of the topic.
    """
    match step:
        case CreateStateTopic(name):
            return await _create_state_topic(clients, name)
        case Unmark(source, run, offsets):
            topic = await describe_topic(clients, topic_name(source))
            author = RunIdentity(plan.id, operator(), plan.hash, current_process())
            return await wait_uncancelled(
                submit_to_thread("putback", lambda: _unmark(clients, topic, author, run, offsets))
            )
        case AbortTransaction(transaction):
            return await abort_transaction(clients, transaction)
        case SetOffsets() | SkipWithCopies() | DeleteGroup():
            return await apply_offset_step(clients, step)
        case CreateDestination() | AlterSettings() | AddPartitions() | DeleteDestination() | PurgeMessages():
            return await apply_destination_step(clients, step)
        case _:
            raise Unsupported(f"Kafka does not do that: {type(step).__name__}")


async def _create_state_topic(clients: KafkaClients, name: str) -> StepResult:
    admin = await clients.admin()
    cluster = await clients.await_answer(
        admin.describe_cluster(request_timeout=REQUEST_TIMEOUT), "looking at the cluster"
    )
    topic = NewTopic(name, 1, min(REPLICAS, len(cluster.nodes)), config=STATE_CONFIG)
    future = admin.create_topics([topic], operation_timeout=REQUEST_TIMEOUT, request_timeout=REQUEST_TIMEOUT)[name]
    notes: tuple[str, ...] = ()
    try:
        await asyncio.wrap_future(future)
    except KafkaException as error:
        if unwrap(error).code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise clients.translate(error, f"creating {name}") from error
        notes = (f"{name} was there already",)
    await _await_visible(clients, name)
    return StepResult(1, 1, notes)


async def _await_visible(clients: KafkaClients, name: str) -> None:
    """Wait until a new topic has a leader that answers."""
    until = time.monotonic() + REQUEST_TIMEOUT
    ends: OffsetResults = {}
    while time.monotonic() < until:
        ends = await list_offsets(clients, [(name, 0)], OffsetSpec.latest())
        if known_offsets(ends):
            return
        await asyncio.sleep(0.05)
    raise TimedOut(f"{name} was created and does not appear", str(ends[name, 0]))


def _unmark(
    clients: KafkaClients, topic: Topic, author: RunIdentity, run: str, offsets: Collection[Offset]
) -> StepResult:
    """Mark offsets unhandled in one transaction under the topic's transactional id.

    That fences a run that still works from the state as it was before.
    """
    lock = SourceLock(clients, topic.identity, topic.name, author, MAX_BATCH_BYTES)
    progress = lock.acquire(lambda _: None, take_over=False, resumed=False)
    handled = [at for at in offsets if progress.handled_in(at.partition).contains(at.offset)]
    for at in handled:
        progress.handled_in(at.partition).remove([at.offset])
    with clients.translate_errors(f"putting back letters of {topic.name}"):
        lock.producer.begin_transaction()
        for key, value in progress_records(topic.identity, progress, author):
            lock.producer.produce(state_topic_name(clients.prefix), value, key, partition=0)
        lock.write_lock_record(ended=True)
        lock.commit()
    missed = len(offsets) - len(handled)
    notes = (f"not marked handled: {pluralize(missed, 'letter')} of run {run[:8]}",) if missed else ()
    return StepResult(len(offsets), len(handled), notes)
