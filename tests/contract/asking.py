"""What several contract tests ask of an adapter, each through the guard as a service would."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from mqtui.brokers.guard import Guard
from mqtui.brokers.port import Adapter, Lease
from mqtui.brokers.restricted_writer import RestrictedWriter
from mqtui.domain.capability import Verb
from mqtui.domain.figure import Figure, exact
from mqtui.domain.message import Header, Message, Outgoing
from mqtui.domain.plan import CreateStateTopic, Deliver, PeekUnacked, Plan, Remove, Send, Step, Take
from mqtui.domain.policy import Consent, Policy
from mqtui.domain.read_range import Edge, ReadRange
from mqtui.domain.redrive import LeaseOptions, Receipt, Selection, Source, Transfer
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import Destination
from tests.contract.worlds import Letter, World

PATIENCE = 20.0
ADDED: Header = ("x-mqtui-run", b"contract", "")


@dataclass(slots=True)
class Notes:
    """An audit log in memory."""

    lines: list[str] = field(default_factory=list)

    def begin(self, plan: Plan, policy: Policy) -> None:
        self.lines.append(f"begin {plan.verb}")

    def end(self, plan: Plan, policy: Policy, result: str) -> None:
        self.lines.append(f"end {plan.verb}: {result}")


async def eventually(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until it holds. Fails after `PATIENCE` seconds."""
    until = time.monotonic() + PATIENCE
    while not await condition():
        assert time.monotonic() < until, f"not within {PATIENCE:.0f} s: {what}"
        await asyncio.sleep(0.05)


def a_plan(adapter: Adapter, verb: Verb, *steps: Step, count: Figure | None = None) -> Plan:
    """A plan of these steps."""
    return Plan(uuid.uuid4().hex, verb, "contract", adapter.broker.kind, steps, count or exact(len(steps)))


@asynccontextmanager
async def writing(adapter: Adapter, plan: Plan) -> AsyncIterator[RestrictedWriter]:
    """The writer of an agreed plan, risks that may be allowed included."""
    guard = Guard(adapter, Policy("contract"), Notes())
    allowed = frozenset(risk.name for risk in plan.risks)
    async with guard.writing(plan, Consent(yes=True, allowed=allowed)) as writer:
        yield writer


async def listed(adapter: Adapter) -> dict[Ref, Destination]:
    """Every destination, in its last telling."""
    found: dict[Ref, Destination] = {}
    async for page in adapter.broker.catalog.list_destinations():
        found.update({row.ref: row for row in page.items})
    return found


async def read(adapter: Adapter, ref: Ref, span: ReadRange | None = None, *, limit: int | None = None) -> list[Message]:
    """A free look."""
    batches = adapter.broker.reader.read(ref, span or ReadRange(), limit=limit)
    return [message async for batch in batches for message in batch]


async def look(world: World, adapter: Adapter, ref: Ref, limit: int) -> list[Message]:
    """The oldest messages, by the look this broker offers."""
    if not world.traits.lends:
        return await read(adapter, ref, ReadRange(Edge.OLDEST), limit=limit)
    price = await adapter.broker.reader.peek_cost(ref, limit)
    plan = a_plan(adapter, Verb.SPEND, PeekUnacked(ref, limit, spends=price.spends))
    async with writing(adapter, plan) as writer:
        return [message async for batch in writer.peek_unacked(ref, limit) for message in batch]


async def publish(adapter: Adapter, messages: Sequence[Outgoing]) -> Sequence[Receipt]:
    """Publish, confirmed."""
    targets = dict.fromkeys(outgoing.target for outgoing in messages)
    steps = [Send(target, exact(len(messages))) for target in targets]
    async with writing(adapter, a_plan(adapter, Verb.PUBLISH, *steps)) as writer, writer.publisher() as publisher:
        return await publisher.send(messages)


@dataclass(slots=True)
class Move:
    """A redrive from one destination to another, as a run would do it."""

    adapter: Adapter
    source: Ref
    target: Ref
    hand: int = 100
    want: int | None = None
    run: str = ""
    resumed: bool = False
    take_over: bool = False
    shared: bool = False
    operator: str = "contract"
    removes: bool = False
    """Whether the plan discards instead of delivering."""

    async def planned(self) -> tuple[Source, Plan]:
        """The source as of now, and the plan with the broker's word."""
        broker = self.adapter.broker
        source = await broker.snapshot(self.source)
        last = Remove(source.count) if self.removes else Deliver(self.target, source.count)
        steps = (Take(source, Selection()), last)
        plan = a_plan(self.adapter, Verb.DISCARD if self.removes else Verb.REDRIVE, *steps, count=source.count)
        return source, await broker.check_plan(source, plan)

    def terms(self, plan: Plan) -> LeaseOptions:
        """On what terms the letters are taken."""
        self.run = self.run or plan.id
        return LeaseOptions(
            run=self.run,
            operator=self.operator,
            plan_hash="contract",
            max_in_flight=self.hand,
            limit=self.want,
            targets=(self.target,),
            take_over=self.take_over,
            resumed=self.resumed,
            shared=self.shared,
        )

    @asynccontextmanager
    async def lease(self, planned: tuple[Source, Plan] | None = None) -> AsyncIterator[Lease]:
        """The lease of an agreed plan."""
        source, plan = planned or await self.planned()
        async with writing(self.adapter, plan) as writer:
            for step in plan.steps:
                if isinstance(step, CreateStateTopic):
                    await writer.apply(step)
            async with writer.lease(source, self.terms(plan)) as lease:
                yield lease

    def transfers(self, batch: Sequence[Message], *, stripped: Sequence[str] = ()) -> list[Transfer]:
        """The letters on their way, in partition 0 where there are partitions."""
        partition = 0 if self.target.kind is Kind.TOPIC else None
        names = frozenset(stripped)
        return [Transfer(letter, self.target, partition=partition, stripped=names) for letter in batch]

    async def all(self, *, size: int = 10) -> list[Receipt]:
        """Move whatever there is."""
        receipts: list[Receipt] = []
        async with self.lease() as lease:
            async for batch in lease.batches(size):
                receipts.extend(await lease.move(self.transfers(batch)))
        return receipts


async def left_in(world: World, adapter: Adapter, ref: Ref) -> list[Letter]:
    """What is still to be moved: Kafka's letters stay in the topic, so the next run is asked."""
    if not world.traits.holds:
        return world.contents(ref)
    async with Move(adapter, ref, ref).lease() as lease:
        return [world.seen(letter) async for batch in lease.batches(1000) for letter in batch]
