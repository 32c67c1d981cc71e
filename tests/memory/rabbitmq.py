"""A RabbitMQ node in memory: queues that lend, count and limit deliveries, and exchanges with bindings."""

from __future__ import annotations

from bisect import insort
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace

from mqtui.brokers.port import Address, Batch
from mqtui.domain.capability import Verb
from mqtui.domain.destination_change import DESTINATION_STEPS, DestinationChange
from mqtui.domain.errors import NotFound, Refused, Unsupported
from mqtui.domain.figure import Figure, exact, unknown
from mqtui.domain.message import Delivery, Envelope, Message, Offset, Outgoing
from mqtui.domain.plan import ChangePreview, Plan, Risk, Severity, Step, StepResult
from mqtui.domain.read_range import Extent, PeekCost, ReadRange
from mqtui.domain.redrive import CountBound, Guarantee, LeaseOptions, PublishStatus, Receipt, Source, Strength
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.topology import HOLDS_NOTHING, Destination, Group, GroupLag, Member, PartitionLag
from tests.memory import changes
from tests.memory.clock import Clock
from tests.memory.rabbitmq_lease import RabbitMQLease
from tests.memory.rabbitmq_peek import look
from tests.memory.server import Marks, MemoryLease, MemoryServer, takes_letters


@dataclass(slots=True, order=True)
class Item:
    """A message in a queue; `seat` is its place in the line, and it gets that back when it is returned."""

    seat: int
    sent: Outgoing = field(compare=False)
    exchange: str = field(compare=False)
    routing_key: str = field(compare=False)
    timestamp: int = field(compare=False)
    deliveries: int = field(default=0, compare=False)
    redelivered: bool = field(default=False, compare=False)


@dataclass(slots=True)
class Queue:
    """`limit` is how often a message may be returned; None: as often as one likes. `dead_to` names a queue."""

    name: str
    sort: str
    limit: int | None = None
    dead_to: str | None = None
    max_length: int | None = None
    items: list[Item] = field(default_factory=list)
    unacked: list[Item] = field(default_factory=list)
    consumers: list[str] = field(default_factory=list)
    ttl: int | None = None
    last_look: bool = False
    """A message with 1 delivery left was seen here (R3)."""


@dataclass(slots=True)
class Exchange:
    """Direct or fanout."""

    name: str
    sort: str
    bindings: list[tuple[str, str]] = field(default_factory=list)


class MemoryRabbitMQ(MemoryServer):
    """Fill it with `declare`, `exchange`, `bind` and `put`; `ready` reads it back."""

    kind = BrokerKind.RABBITMQ

    def __init__(self, address: Address, clock: Clock) -> None:
        super().__init__(address, clock)
        self.queues: dict[str, Queue] = {}
        self.exchanges: dict[str, Exchange] = {}
        self._seat = 0
        self._held_by_dead: list[tuple[Queue, Item]] = []

    # --- filling

    def declare(
        self,
        name: str,
        sort: str = "classic",
        *,
        limit: int | None = None,
        dead_to: str | None = None,
        ttl: int | None = None,
    ) -> Ref:
        """Create a queue. `ttl` (ms) is a setting only: nothing expires here."""
        self.queues[name] = Queue(name, sort, limit, dead_to, ttl=ttl)
        return Ref(Kind.QUEUE, name)

    def exchange(self, name: str, sort: str = "direct") -> Ref:
        """Create an exchange."""
        self.exchanges[name] = Exchange(name, sort)
        return Ref(Kind.EXCHANGE, name)

    def bind(self, exchange: Ref, key: str, queue: Ref) -> None:
        """Bind a queue."""
        self.exchanges[exchange.name].bindings.append((key, queue.name))

    def remove(self, ref: Ref) -> None:
        """Delete a queue or an exchange."""
        (self.queues if ref.kind is Kind.QUEUE else self.exchanges).pop(ref.name)

    def ready(self, ref: Ref) -> list[Outgoing]:
        """What waits in a queue, in order."""
        return [item.sent for item in self.queues[ref.name].items]

    def put(self, outgoing: Outgoing) -> Receipt:
        target = outgoing.target
        reached = self.routed(target, outgoing.routing_key)
        if not reached:
            return Receipt(PublishStatus.RETURNED, reason="unroutable: 312 NO_ROUTE")
        is_exchange = target.kind is Kind.EXCHANGE
        exchange, key = (target.name, outgoing.routing_key) if is_exchange else ("", target.name)
        for name in reached:
            queue = self.queues[name]
            queue.items.append(Item(self.next_position(), outgoing, exchange, key, self.clock.now))
            if queue.max_length is not None and len(queue.items) > queue.max_length:
                self.die(queue, queue.items.pop(0))
        return Receipt(PublishStatus.STORED)

    def routed(self, target: Ref, key: str) -> list[str]:
        """The queues a message reaches."""
        if target.kind is Kind.QUEUE:
            return [target.name] if target.name in self.queues else []
        exchange = self.exchanges.get(target.name)
        bindings = exchange.bindings if exchange else []
        fanout = exchange is not None and exchange.sort == "fanout"
        return [queue for bound, queue in bindings if (fanout or bound == key) and queue in self.queues]

    def next_position(self) -> int:
        """A place at the tail."""
        self._seat += 1
        return self._seat

    # --- lending

    def take(self, queue: Queue) -> Item | None:
        """Deliver the head."""
        if not queue.items:
            queue.last_look = False
            return None
        item = queue.items.pop(0)
        queue.unacked.append(item)
        return item

    def ack(self, queue: Queue, item: Item) -> None:
        """Forget a delivered message."""
        queue.unacked.remove(item)
        self.events.append(("removed", queue.name))

    def give_back(self, queue: Queue, item: Item) -> None:
        """Return a delivered message to its place; on a quorum queue with a limit that counts (R2)."""
        queue.unacked.remove(item)
        item.redelivered = True
        item.deliveries += 1
        if queue.limit is not None and item.deliveries > queue.limit:
            self.die(queue, item)
        else:
            insort(queue.items, item)

    def requeue(self, queue: Queue, items: Sequence[Item]) -> None:
        """A connection is gone: return what it held, or let it wait for that (`Faults.late_requeues`)."""
        if self.faults.late_requeues:
            self._held_by_dead += [(queue, item) for item in items]
            return
        for item in items:
            self.give_back(queue, item)

    def wait_for_requeue(self, ref: Ref) -> Figure:
        """As `RequeuesLate.wait_for_requeue`, at once."""
        self.faults.late_requeues = max(0, self.faults.late_requeues - 1)
        if not self.faults.late_requeues:
            for queue, item in self._held_by_dead:
                self.give_back(queue, item)
            self._held_by_dead.clear()
        return exact(len(self.queue(ref).unacked))

    def die(self, queue: Queue, item: Item) -> None:
        """Dead-letter a message, or drop it where nothing is set."""
        if queue.dead_to in self.queues:
            item.seat, item.deliveries = self.next_position(), 0
            self.queues[queue.dead_to].items.append(item)
        self.events.append(("died", queue.name))

    def left(self, queue: Queue, item: Item) -> Figure:
        """How often it can still be returned."""
        return unknown("no limit") if queue.limit is None else exact(queue.limit - item.deliveries)

    def delivered(self, ref: Ref, queue: Queue, item: Item, tag: int) -> Message:
        """A delivered message."""
        counted = item.deliveries if queue.limit is not None else None
        properties = item.sent.properties
        envelope = Envelope(
            item.exchange, item.routing_key, item.redelivered, properties, counted, self.left(queue, item)
        )
        return Message(
            ref, Delivery(tag), item.sent.value, headers=item.sent.headers, timestamp=item.timestamp, envelope=envelope
        )

    def queue(self, ref: Ref) -> Queue:
        """A queue by its name. Raises NotFound."""
        queue = self.queues.get(ref.name) if ref.kind is Kind.QUEUE else None
        if queue is None:
            raise NotFound(f"There is no {ref}", "memory", "See `mqtui ls`.")
        return queue

    # --- looking

    def destinations(self) -> Sequence[Destination]:
        queues = [
            Destination(
                Ref(Kind.QUEUE, queue.name),
                queue.sort,
                messages=exact(len(queue.items) + len(queue.unacked)),
                backlog=exact(len(queue.items)),
                facts={"consumers": len(queue.consumers), "message_ttl": queue.ttl},
                dead_letters_to=(Ref(Kind.QUEUE, queue.dead_to),) if queue.dead_to else (),
            )
            for queue in self.queues.values()
        ]
        why = HOLDS_NOTHING
        made = self.exchanges.values()
        return queues + [Destination(Ref(Kind.EXCHANGE, x.name), x.sort, messages=why, backlog=why) for x in made]

    def messages(self, ref: Ref, span: ReadRange) -> list[Message]:
        self.detail(ref)
        raise Refused(f"{ref} only lends its messages", "Peeking it uses up deliveries.", "Confirm with --yes-spend.")

    def extent(self, ref: Ref, partition: int | None) -> Extent:
        return Extent(exact(len(self.queue(ref).items)))

    def arrived_since(self, ref: Ref, marks: Marks) -> list[Message]:
        self.detail(ref)
        raise Unsupported(f"{ref} can't be followed", "A queue gives each message to one reader (C10).")

    def ends(self, ref: Ref) -> Marks:
        return {0: Offset(0, self._seat)}

    def heard(self, ref: Ref, marks: Marks) -> list[Message]:
        queue, newest = self.queue(ref), marks[0]
        assert isinstance(newest, Offset)
        return [self.delivered(ref, queue, item, item.seat) for item in queue.items if item.seat > newest.offset]

    def peek_cost(self, ref: Ref, count: int) -> PeekCost:
        queue = self.queue(ref)
        if queue.limit is None:
            return PeekCost(lends=True, spends=False, limit=unknown("none"), left=unknown("no limit"), text="free")
        text = f"spends 1 of at most {queue.limit}; what is left is unknown until read"
        refusal = "a message with 1 delivery left was seen here" if queue.last_look and queue.items else ""
        left = exact(1) if refusal else unknown("not read yet")
        return PeekCost(lends=True, spends=True, limit=exact(queue.limit), left=left, text=text, refusal=refusal)

    def groups(self, ref: Ref | None) -> Sequence[Group]:
        return [
            Group(
                Ref(Kind.GROUP, queue.name),
                "consumers",
                "running" if queue.consumers else "idle",
                tuple(Member(name) for name in queue.consumers),
                reads=(Ref(Kind.QUEUE, queue.name),),
            )
            for queue in self.queues.values()
            if ref is None or ref.name == queue.name
        ]

    def lag(self, group: Ref) -> GroupLag:
        queue = self.queue(Ref(Kind.QUEUE, group.name))
        waiting = exact(len(queue.items))
        part = PartitionLag(Ref(Kind.QUEUE, queue.name), 0, "", "", waiting)
        return GroupLag(group, "running" if queue.consumers else "idle", (part,), waiting)

    # --- moving

    def snapshot(self, ref: Ref) -> Source:
        queue = self.queue(ref)
        bound = CountBound(len(queue.items), self.clock.now)
        return Source(ref, ref.name, bound, exact(len(queue.items)), readers=tuple(queue.consumers))

    def guarantee(self, source: Source, targets: Sequence[Ref]) -> Guarantee:
        return Guarantee(Strength.AT_LEAST_ONCE, "at least once; the journal names suspects")

    def check_plan(self, source: Source, plan: Plan) -> Plan:
        risks = list(plan.risks)
        for target in plan.targets():
            queue = self.queues.get(target.name) if target.kind is Kind.QUEUE else None
            room = None if queue is None or queue.max_length is None else queue.max_length - len(queue.items)
            if room is not None and target != source.ref and room < (plan.count.number or 0):
                risks.append(Risk("room", f"{target} has room for {room} and drops its head", Severity.REFUSE))
            if target.kind is Kind.EXCHANGE:
                bound = ", ".join(sorted({name for _, name in self.exchanges[target.name].bindings}))
                risks.append(Risk("fan-out", f"every queue bound to {target.name} gets a copy: {bound or 'none is'}"))
        if takes_letters(plan) and source.readers:
            risks.append(Risk("shared", f"{source.ref} has consumers of its own", Severity.REFUSE))
        return replace(plan, risks=tuple(risks), guarantee=self.guarantee(source, plan.targets()))

    def lease(self, source: Source, options: LeaseOptions) -> AbstractAsyncContextManager[MemoryLease]:
        return RabbitMQLease.taken(self, source, options)

    def peek_unacked(self, ref: Ref, count: int) -> AsyncGenerator[Batch, None]:
        return look(self, ref, count)

    def apply(self, step: Step) -> StepResult:
        if isinstance(step, DESTINATION_STEPS):
            return changes.apply_to_queues(self, step)
        raise Refused(f"RabbitMQ does not apply {type(step).__name__}")

    def preview_change(self, change: DestinationChange) -> ChangePreview:
        """As `ChangesDestinations.preview_change`."""
        return changes.preview_queue(self, change)

    def unsupported(self, verb: Verb, ref: Ref | None) -> str:
        if verb in (Verb.PENDING, Verb.CLAIM, Verb.ACK):
            return "RabbitMQ shows no list of pending messages"
        if verb is Verb.OFFSETS:
            return "a queue has no offsets"
        if verb is Verb.ALTER:
            return "the arguments of a queue are fixed"
        return "a queue gives each message to one reader" if verb is Verb.TAIL else ""
