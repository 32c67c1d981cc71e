"""The adapter: `connect` gives it, nothing connects before the first question."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from mqtui.brokers.port import Address, Batch, Lease, PeekBudget, Permit, Publisher
from mqtui.brokers.rabbitmq import lease, listen, looking, price, publisher, steps
from mqtui.brokers.rabbitmq.access import Access
from mqtui.brokers.rabbitmq.broker import RabbitBroker
from mqtui.brokers.rabbitmq.facts import queue_facts
from mqtui.domain.errors import Refused, Unsupported
from mqtui.domain.plan import Step, StepResult
from mqtui.domain.redrive import LeaseOptions, Source
from mqtui.domain.resource import Ref


class RabbitWriter:
    """What a plan may change."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def publisher(self) -> AbstractAsyncContextManager[Publisher]:
        """Publishing, mandatory and confirmed."""
        return publisher.publishing(self._access)

    def lease(self, source: Source, terms: LeaseOptions) -> AbstractAsyncContextManager[Lease]:
        """Take letters from a queue."""
        return lease.leasing(self._access, source, terms)

    async def peek_unacked(self, ref: Ref, count: int) -> AsyncIterator[Batch]:
        """The paid look (R3).

        Raises:
            Refused: a message has no delivery left, or the limit allows no return at all.
            Unsupported: it is a stream, which is read for nothing.
        """
        facts = await queue_facts(self._access, ref.name)
        if facts.sort == "stream":
            raise Unsupported(f"{ref} is a stream", "It is read for nothing.")
        cost = await price.of(self._access, facts)
        if cost.refusal:
            raise Refused(f"{ref} can't be looked at", cost.refusal, "Move or consume its messages instead.")
        async for batch in looking.look(self._access, facts, count):
            yield batch

    async def listen(self, source: Source) -> AsyncIterator[Batch]:
        """Copies of letters that come to a queue, by a private queue beside it (R9).

        Raises:
            Unsupported: no other queue can get them.
        """
        rows = await listen.bindings(self._access, source.ref)
        async for batch in self._access.io.iterate(lambda: listen.listening(self._access, source.ref, rows)):
            yield batch

    async def apply(self, step: Step) -> StepResult:
        """RabbitMQ has no steps of that sort."""
        return await steps.apply(step)


class RabbitAdapter:
    """One broker, one vhost."""

    def __init__(self, address: Address) -> None:
        self._access = Access(address)
        self.broker = RabbitBroker(self._access)

    @property
    def peek_budget(self) -> PeekBudget:
        """Where looks remember what was left; `state/counts.py` has the shape."""
        return self._access.counts

    @peek_budget.setter
    def peek_budget(self, counts: PeekBudget) -> None:
        self._access.counts = counts

    def open_writer(self, permit: Permit) -> RabbitWriter:
        """A writer for one permit."""
        return RabbitWriter(self._access)

    async def close(self) -> None:
        """Close all connections and end the thread."""
        await self._access.close()


def connect(address: Address) -> RabbitAdapter:
    """The adapter for an address.

    Raises:
        BadInput: an option is not known.
    """
    return RabbitAdapter(address)
