"""The RabbitMQ adapter: its broker (reads), its writer (changes), and `connect`. The first call connects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from mqtui.brokers.port import Address, Batch, Lease, PeekBudget, Pending, Permit, Publisher
from mqtui.brokers.rabbitmq import capabilities, publish
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.read import peek_cost, peek_queue
from mqtui.brokers.rabbitmq.read.catalog import RabbitCatalog
from mqtui.brokers.rabbitmq.read.change_preview import preview_change
from mqtui.brokers.rabbitmq.read.groups import RabbitGroups
from mqtui.brokers.rabbitmq.read.nodes import list_nodes
from mqtui.brokers.rabbitmq.read.queue_info import describe_queue
from mqtui.brokers.rabbitmq.read.reader import RabbitReader
from mqtui.brokers.rabbitmq.read.survey import survey
from mqtui.brokers.rabbitmq.redrive import dlx_listener, lease, plan_checks, requeue
from mqtui.brokers.rabbitmq.redrive.snapshot import take_snapshot
from mqtui.brokers.rabbitmq.steps import apply_step
from mqtui.domain.capability import SUPPORTED, Support, Verb, not_supported
from mqtui.domain.destination_change import DestinationChange
from mqtui.domain.errors import CannotConnect, MqtuiError, NotAuthorised, Refused, Unsupported
from mqtui.domain.figure import Exactness, Figure, exact, unknown
from mqtui.domain.placement import ClusterNode
from mqtui.domain.plan import ChangePreview, Plan, Risk, Step, StepResult
from mqtui.domain.redrive import Guarantee, LeaseOptions, Source, Strength
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.topology import Destination, Inventory, Survey

GUARANTEE = Guarantee(
    Strength.AT_LEAST_ONCE,
    "at least once: source, target and bundle together hold every letter, whenever the run is killed; a letter may be "
    "there twice only where it was in hand at that moment, and those are named; of letters without a delivery left, "
    "the broker may drop one if the run is killed before it is in the bundle",
)

MAX_COUNTED_SINGLY = 50
"""Queues with sampled counts only that are asked for their own, one request each."""


class RabbitBroker:
    """Everything that can be read from a broker. It changes nothing."""

    kind = BrokerKind.RABBITMQ
    pending: Pending | None = None

    def __init__(self, session: RabbitSession) -> None:
        self._session = session
        self.catalog = RabbitCatalog(session)
        self.reader = RabbitReader(session)
        self.groups = RabbitGroups(session)

    async def identity(self) -> str:
        """`<cluster name>/<vhost>`. No management API is needed."""
        return await self._session.identity()

    async def can(self, verb: Verb, ref: Ref | None = None) -> Support:
        """Whether the verb is available, or the reason why not."""
        return await capabilities.can(self._session, verb, ref)

    async def survey(self) -> Survey:
        """Queues, streams and exchanges with depths and lag, by one listing of each."""
        return await survey(self._session)

    async def survey_depths(self) -> Survey:
        """The same: a listing of queues has depths and lag at once."""
        return await self.survey()

    async def count_letters(self, rows: Sequence[Destination]) -> Mapping[Ref, Figure]:
        """Ready messages by the listing. Queues with a sampled count are asked themselves, where they are few."""
        sampled = [row for row in rows if row.ref.kind is Kind.QUEUE and row.backlog.sort is not Exactness.EXACT]
        singly = [row.ref for row in sampled] if len(sampled) <= MAX_COUNTED_SINGLY else []
        return {row.ref: row.backlog for row in rows} | {ref: await self._ready_count(ref) for ref in singly}

    async def _ready_count(self, queue: Ref) -> Figure:
        try:
            return exact((await self._session.queue_counts(queue.name))[0])
        except CannotConnect:
            raise
        except MqtuiError as error:
            return unknown(error.title)

    async def snapshot(self, source: Ref) -> Source:
        """How many messages are ready as of now, and which consumers the queue has.

        Raises:
            NotFound: there is no such queue.
            Unsupported: it is a stream or an exchange, from which no single message can be removed.
        """
        return await take_snapshot(self._session, self.groups, source)

    async def check_publish(self, targets: Sequence[Ref]) -> Sequence[Risk]:
        """A missing permission, by a message that is never routed; an alarm, which would stop it."""
        return await plan_checks.check_publish(self._session, targets)

    async def check_plan(self, source: Source, plan: Plan) -> Plan:
        """The plan with risks: alarms, permissions, routes, limits, consumers."""
        return await plan_checks.check_plan(self._session, source, plan, self.guarantee(source.ref, ()))

    def guarantee(self, source: Ref, targets: Sequence[Ref]) -> Guarantee:
        """At least once; letters that may be there twice are named (C6)."""
        return GUARANTEE

    async def can_listen(self, source: Ref) -> Support:
        """Whether a private queue can have the same bindings, or why not (R16)."""
        try:
            await dlx_listener.shareable_bindings(self._session, source)
        except (Unsupported, NotAuthorised, CannotConnect) as error:
            return not_supported(error.detail or error.title, error.hint)
        return SUPPORTED

    async def wait_for_requeue(self, source: Ref, ready: int) -> Figure:
        """Wait for messages of dead connections; how many are still held, by the management API."""
        return await requeue.wait_for_requeue(self._session, source, ready)

    async def list_nodes(self) -> Inventory[ClusterNode]:
        """The nodes with disk, memory and alarms, by the management API."""
        return await list_nodes(self._session)

    async def preview_change(self, change: DestinationChange) -> ChangePreview:
        """What a change of a queue or stream would do."""
        return await preview_change(self._session, change)


class RabbitWriter:
    """The changes that a plan may make."""

    def __init__(self, session: RabbitSession) -> None:
        self._session = session

    def publisher(self) -> AbstractAsyncContextManager[Publisher]:
        """Publish with `mandatory` and confirms."""
        return publish.open_publisher(self._session)

    def lease(self, source: Source, options: LeaseOptions) -> AbstractAsyncContextManager[Lease]:
        """Take letters from a queue."""
        return lease.open_lease(self._session, source, options)

    async def peek_unacked(self, ref: Ref, count: int) -> AsyncIterator[Batch]:
        """Peek a queue at the cost of deliveries (R3).

        Raises:
            Refused: a message has no delivery left, or the limit allows no requeue at all.
            Unsupported: it is a stream, which is read at no cost.
        """
        queue = await describe_queue(self._session, ref.name)
        if queue.type == "stream":
            raise Unsupported(f"{ref} is a stream", "It is read at no cost.")
        cost = await peek_cost.cost_of_peek(self._session, queue)
        if cost.refusal:
            raise Refused(f"{ref} can't be peeked", cost.refusal, "Move or consume its messages instead.")
        async for batch in peek_queue.peek(self._session, queue, count):
            yield batch

    async def listen(self, source: Source) -> AsyncIterator[Batch]:
        """Copies of letters that come to a queue, by a private queue with its bindings (R9).

        Raises:
            Unsupported: no other queue can get copies.
        """
        rows = await dlx_listener.shareable_bindings(self._session, source.ref)
        async for batch in self._session.io.iterate(lambda: dlx_listener.listen(self._session, source.ref, rows)):
            yield batch

    async def apply(self, step: Step) -> StepResult:
        """Declare, delete or purge a queue or stream."""
        return await apply_step(self._session, step)


class RabbitAdapter:
    """One broker and vhost, as one user."""

    def __init__(self, address: Address) -> None:
        self._session = RabbitSession(address)
        self.broker = RabbitBroker(self._session)

    @property
    def peek_budget(self) -> PeekBudget:
        """Where the peek budget is kept; in memory unless a store is set."""
        return self._session.peek_budget

    @peek_budget.setter
    def peek_budget(self, budget: PeekBudget) -> None:
        self._session.peek_budget = budget

    def open_writer(self, permit: Permit) -> RabbitWriter:
        """A writer for one permit."""
        return RabbitWriter(self._session)

    async def close(self) -> None:
        """Close all connections and end the thread."""
        await self._session.close()


def connect(address: Address) -> RabbitAdapter:
    """The adapter for an address.

    Raises:
        BadInput: an option is unknown.
    """
    return RabbitAdapter(address)
