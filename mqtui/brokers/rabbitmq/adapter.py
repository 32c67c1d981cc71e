"""RabbitMQ behind the port: what can be read, what a plan may change. Nothing connects before the first call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from mqtui.brokers.port import Address, Batch, Lease, PeekBudget, Pending, Permit, Publisher
from mqtui.brokers.rabbitmq import capabilities, publish, steps
from mqtui.brokers.rabbitmq.connection.session import Access
from mqtui.brokers.rabbitmq.read import peek_cost, peek_queue
from mqtui.brokers.rabbitmq.read.catalog import RabbitCatalog
from mqtui.brokers.rabbitmq.read.groups import RabbitGroups
from mqtui.brokers.rabbitmq.read.queue_info import queue_facts
from mqtui.brokers.rabbitmq.read.reader import RabbitReader
from mqtui.brokers.rabbitmq.read.survey import survey
from mqtui.brokers.rabbitmq.redrive import dlx_listener, lease, plan_checks
from mqtui.brokers.rabbitmq.redrive.snapshot import take_snapshot
from mqtui.domain.capability import SUPPORTED, Support, Verb, not_supported
from mqtui.domain.errors import CannotConnect, MqtuiError, NotAuthorised, Refused, Unsupported
from mqtui.domain.figure import Exactness, Figure, exact, unknown
from mqtui.domain.plan import Plan, Step, StepResult
from mqtui.domain.redrive import Guarantee, LeaseOptions, Source, Strength
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.topology import Destination, Survey

GUARANTEE = Guarantee(
    Strength.AT_LEAST_ONCE,
    "at least once: source, target and bundle together hold every letter, whenever the run is killed; a letter may be "
    "there twice only where it was in hand at that moment, and those are named; of letters without a delivery left, "
    "the broker may drop one if the run is killed before it is in the bundle",
)

ASKED = 50
"""Queues of which a listing has samples only that are asked for their own figures, one round trip each."""


class RabbitBroker:
    """PeekHistory, and changes nothing."""

    kind = BrokerKind.RABBITMQ
    pending: Pending | None = None

    def __init__(self, access: Access) -> None:
        self._access = access
        self.catalog = RabbitCatalog(access)
        self.reader = RabbitReader(access)
        self.groups = RabbitGroups(access)

    async def identity(self) -> str:
        """Cluster name and vhost, as the broker says them when a connection opens: no management API is needed."""
        return await self._access.identity()

    async def can(self, verb: Verb, ref: Ref | None = None) -> Support:
        """Whether the verb is offered, or the reason why not."""
        return await capabilities.can(self._access, verb, ref)

    async def survey(self) -> Survey:
        """Queues, streams and exchanges with what waits; each is listed once."""
        return await survey(self._access)

    async def survey_depths(self) -> Survey:
        """The same: a queue tells both at once."""
        return await self.survey()

    async def count_letters(self, rows: Sequence[Destination]) -> Mapping[Ref, Figure]:
        """What is ready by the listing; a queue of which that is a sample only is asked itself, where they are few."""
        sampled = [row for row in rows if row.ref.kind is Kind.QUEUE and row.backlog.sort is not Exactness.EXACT]
        asked = [row.ref for row in sampled] if len(sampled) <= ASKED else []
        return {row.ref: row.backlog for row in rows} | {ref: await self._ready(ref) for ref in asked}

    async def _ready(self, queue: Ref) -> Figure:
        try:
            return exact((await self._access.declared(queue.name))[0])
        except CannotConnect:
            raise
        except MqtuiError as error:
            return unknown(error.title)

    async def snapshot(self, source: Ref) -> Source:
        """How many messages are ready as of now, and who reads them.

        Raises:
            NotFound: there is no such queue.
            Unsupported: it is a stream or an exchange, from which no single message can be removed.
        """
        return await take_snapshot(self._access, self.groups, source)

    async def check_plan(self, source: Source, plan: Plan) -> Plan:
        """The plan with room, routes, rights and readers looked at."""
        return await plan_checks.inspected(self._access, source, plan, self.guarantee(source.ref, ()))

    def guarantee(self, source: Ref, targets: Sequence[Ref]) -> Guarantee:
        """At least once, suspects named (C6)."""
        return GUARANTEE

    async def can_listen(self, source: Ref) -> Support:
        """Whether the queue's bindings can be shared by another queue, or why not (R16)."""
        try:
            await dlx_listener.bindings(self._access, source)
        except (Unsupported, NotAuthorised, CannotConnect) as error:
            return not_supported(error.detail or error.title, error.hint)
        return SUPPORTED


class RabbitWriter:
    """What a plan may change."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def publisher(self) -> AbstractAsyncContextManager[Publisher]:
        """Publishing, mandatory and confirmed."""
        return publish.publishing(self._access)

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
        cost = await peek_cost.of(self._access, facts)
        if cost.refusal:
            raise Refused(f"{ref} can't be looked at", cost.refusal, "Move or consume its messages instead.")
        async for batch in peek_queue.look(self._access, facts, count):
            yield batch

    async def listen(self, source: Source) -> AsyncIterator[Batch]:
        """Copies of letters that come to a queue, by a private queue beside it (R9).

        Raises:
            Unsupported: no other queue can get them.
        """
        rows = await dlx_listener.bindings(self._access, source.ref)
        async for batch in self._access.io.iterate(lambda: dlx_listener.listening(self._access, source.ref, rows)):
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
    def peek_budget(self, budget: PeekBudget) -> None:
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
