"""Opens the lease of a redrive: exactly once under the topic's lock, or at least once without the ACLs for that."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from mqtui.brokers.blocking import wait_uncancelled
from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.publish import open_publisher, read_topic_limits
from mqtui.brokers.kafka.read.topic_limits import choose_codec
from mqtui.brokers.kafka.read.topic_metadata import describe_topic, topic_name
from mqtui.brokers.kafka.redrive.at_least_once_lease import AtLeastOnceLease
from mqtui.brokers.kafka.redrive.lease_thread import LeaseThread
from mqtui.brokers.kafka.redrive.raw_records import RawRecordBatch
from mqtui.brokers.optional_port import RawBatch
from mqtui.brokers.port import Batch, Lease
from mqtui.domain.bulk import BulkResult, RouteTemplates
from mqtui.domain.errors import Refused
from mqtui.domain.plan import Plan
from mqtui.domain.redrive import LeaseOptions, Receipt, Source, Strength, Transfer
from mqtui.domain.resource import Kind


class KafkaLease:
    """The port's Lease and BulkLease: a letter and the record that it was handled are stored in one transaction."""

    def __init__(self, thread: LeaseThread) -> None:
        self._thread = thread

    async def batches(self, size: int) -> AsyncIterator[Batch]:
        """Unhandled letters, at most `size` and about 4 MB per batch; in order within each partition.

        Ends at the snapshot's ends, after `drain`, or once `LeaseOptions.limit` letters are out and not released.
        """
        while batch := await wait_uncancelled(self._thread.next_messages(size)):
            yield batch

    async def raw_batches(self, size: int, templates: RouteTemplates) -> AsyncIterator[RawBatch]:
        """`batches` as raw records; each is routed while the ones before it are being sent."""
        router = self._thread.record_router(templates)
        while raw_batch := await wait_uncancelled(self._thread.next_raw_batch(size, router)):
            yield raw_batch

    async def move_raw(self, raw_batch: RawBatch) -> BulkResult:
        """Move raw records, as `move` does with messages."""
        if not isinstance(raw_batch, RawRecordBatch):
            raise TypeError(f"{raw_batch} is no raw batch of this lease")
        return await wait_uncancelled(self._thread.move_raw(raw_batch))

    async def drain(self) -> None:
        """End the batches early. Prefetched letters are simply dropped: they are still in the topic."""
        await wait_uncancelled(self._thread.drain())

    async def move(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """Store letters and mark them handled. If the caller is cancelled, the transaction is still committed (K4)."""
        return await wait_uncancelled(self._thread.move(batch))

    async def settle(self, letters: Batch) -> Sequence[Receipt]:
        """Mark letters handled without sending them."""
        return await wait_uncancelled(self._thread.mark_handled(letters))

    async def release(self, letters: Batch) -> None:
        """They stay in the topic, unhandled, and do not count towards `LeaseOptions.limit`."""
        await wait_uncancelled(self._thread.release(len(letters)))


@asynccontextmanager
async def open_lease(clients: KafkaClients, plan: Plan, source: Source, options: LeaseOptions) -> AsyncIterator[Lease]:
    """A lease with the plan's guarantee.

    Raises:
        Held: another run holds the topic.
        Refused: the topic was deleted and created again since the plan.
        NotFound, NotAuthorised: the topic, the state topic or an ACL is missing.
    """
    topic = await describe_topic(clients, topic_name(source.ref))
    if topic.identity != source.identity:
        raise Refused(
            f"{topic.name} is another topic now", "It was deleted and created again since the plan.", "Plan again."
        )
    if plan.guarantee is not None and plan.guarantee.strength is Strength.AT_LEAST_ONCE:
        async with open_publisher(clients) as publisher:
            yield AtLeastOnceLease(clients, source, options, publisher)
        return
    names = [target.name for target in options.targets if target.kind is Kind.TOPIC]
    limits_by_topic = await read_topic_limits(clients, [source.ref.name, *names])
    limits = {name: limits_by_topic[name] for name in names if name in limits_by_topic}
    codec = ""
    if any(plan.largest > known.max_bytes for known in limits.values()):
        codec = choose_codec(clients.preferred_codec, limits_by_topic.values())
        limits = {name: replace(known, compressed=True) for name, known in limits.items()}
    thread = LeaseThread(clients, source, options, limits, codec)
    opened = thread.start()
    try:
        await wait_uncancelled(opened)
        yield KafkaLease(thread)
    finally:
        await wait_uncancelled(thread.stop())
