"""Letters taken from one topic: exactly once under a hold, or at least once where the rights for it are missing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from mqtui.brokers.blocking import wait_uncancelled
from mqtui.brokers.kafka.connection.clients import Connection
from mqtui.brokers.kafka.publish import publishing, topic_limits
from mqtui.brokers.kafka.read.topic_limits import codec_of
from mqtui.brokers.kafka.read.topic_metadata import describe, topic_name
from mqtui.brokers.kafka.redrive.at_least_once_lease import LooseLease
from mqtui.brokers.kafka.redrive.lease_thread import Work
from mqtui.brokers.kafka.redrive.raw_records import ParcelLoad
from mqtui.brokers.port import Batch, Lease, RawBatch
from mqtui.domain.bulk import BulkResult, RouteTemplates
from mqtui.domain.errors import Refused
from mqtui.domain.plan import Plan
from mqtui.domain.redrive import LeaseOptions, Receipt, Source, Strength, Transfer
from mqtui.domain.resource import Kind


class KafkaLease:
    """Letters under a hold; each is moved in one transaction with the record that it is handled."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def batches(self, size: int) -> AsyncIterator[Batch]:
        """Letters nobody has handled, at most `size` and about 4 MB a batch; in order within each partition.

        Ends at the snapshot's ends, after `drain`, or once `Terms.want` letters were given and not kept back.
        """
        while batch := await wait_uncancelled(self._work.take(size)):
            yield batch

    async def raw_batches(self, size: int, lanes: RouteTemplates) -> AsyncIterator[RawBatch]:
        """The same unseen; each letter is made ready to be sent while the ones before are on their way."""
        sorter = self._work.sorter(lanes)
        while load := await wait_uncancelled(self._work.load(size, sorter)):
            yield load

    async def move_raw(self, load: RawBatch) -> BulkResult:
        """Store each and mark it handled, as `move` does."""
        if not isinstance(load, ParcelLoad):
            raise TypeError(f"{load} is no load of this lease")
        return await wait_uncancelled(self._work.carry(load))

    async def drain(self) -> None:
        """Give no more: nothing is lent, so what was read ahead stays in the topic."""
        await wait_uncancelled(self._work.drain())

    async def move(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """Store each and mark it handled. Cancelled on the way, what was produced is still committed (K4)."""
        return await wait_uncancelled(self._work.move(batch))

    async def settle(self, letters: Batch) -> Sequence[Receipt]:
        """Mark letters handled."""
        return await wait_uncancelled(self._work.settle(letters))

    async def release(self, letters: Batch) -> None:
        """They stay in the topic, unmarked, and others are given for them."""
        await wait_uncancelled(self._work.keep(len(letters)))


@asynccontextmanager
async def leasing(connection: Connection, plan: Plan, source: Source, terms: LeaseOptions) -> AsyncIterator[Lease]:
    """A lease as strong as the plan promises.

    Raises:
        Held: another run holds the topic.
        Refused: the topic was deleted and made anew since the plan.
        NotFound, NotAuthorised: the topic, the state topic or a right is missing.
    """
    topic = await describe(connection, topic_name(source.ref))
    if topic.identity != source.identity:
        raise Refused(
            f"{topic.name} is another topic now", "It was deleted and made anew since the plan.", "Plan again."
        )
    if plan.guarantee is not None and plan.guarantee.strength is Strength.AT_LEAST_ONCE:
        async with publishing(connection) as publisher:
            yield LooseLease(connection, source, terms, publisher)
        return
    names = [target.name for target in terms.targets if target.kind is Kind.TOPIC]
    told = await topic_limits(connection, [source.ref.name, *names])
    limits = {name: told[name] for name in names if name in told}
    codec = ""
    if any(plan.largest > known.size for known in limits.values()):
        codec = codec_of(connection.codec, told.values())
        limits = {name: replace(known, compressed=True) for name, known in limits.items()}
    work = Work(connection, source, terms, limits, codec)
    opened = work.begin()
    try:
        await wait_uncancelled(opened)
        yield KafkaLease(work)
    finally:
        await wait_uncancelled(work.end())
