"""The one write gate, before an adapter in memory that tells what it was asked and when."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from mqtui.brokers.guard import Guard
from mqtui.domain.capability import Verb
from mqtui.domain.errors import BrokerTrouble, MqtuiError, NeedsConsent, Refused, StorageFailed
from mqtui.domain.figure import exact
from mqtui.domain.message import EntryId, Outgoing
from mqtui.domain.plan import Acknowledge, Deliver, PeekUnacked, Plan, Remove, Risk, Send, Severity, Step, Take
from mqtui.domain.policy import Consent, Policy
from mqtui.domain.redrive import LeaseOptions, Selection, Source, Transfer
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.state import audit as state_audit
from tests.memory import MemoryRabbitMQ, MemoryRedis, MemoryWorld

AGREED = Consent(yes=True)
OPEN = Policy("shop")


@dataclass
class Audit:
    """Writes into the same list as the server, so that the order is known."""

    events: list[tuple[str, str]]
    broken: bool = False
    ends: list[str] = field(default_factory=list)

    def begin(self, plan: Plan, policy: Policy) -> None:
        if self.broken:
            raise StorageFailed("No space left on device")
        self.events.append(("audit begin", f"{policy.profile} {plan.verb}"))

    def end(self, plan: Plan, policy: Policy, result: str) -> None:
        self.events.append(("audit end", result))
        self.ends.append(result)


@dataclass
class Shop:
    """A stream with its dead letters, and the gate before them."""

    server: MemoryRedis
    audit: Audit
    guard: Guard
    work: Ref
    dead: Ref
    world: MemoryWorld

    def plan(self, verb: Verb, *steps: Step) -> Plan:
        return Plan(uuid.uuid4().hex, verb, "shop", BrokerKind.REDIS, steps, exact(1))

    def message(self, target: Ref | None = None) -> Outgoing:
        return Outgoing(target or self.work, fields=((b"value", b"x"),))

    def publishing(self) -> Plan:
        return self.plan(Verb.PUBLISH, Send(self.work, exact(1)))

    async def redriving(self) -> tuple[Source, Plan]:
        source = self.server.snapshot(self.dead)
        take = Take(source, Selection())
        return source, self.plan(Verb.REDRIVE, take, Deliver(self.work, source.count))


def terms(plan: Plan) -> LeaseOptions:
    return LeaseOptions(plan.id, "alice", plan.hash, max_in_flight=10)


def opened(policy: Policy = OPEN) -> Shop:
    world = MemoryWorld()
    server = world.redis()
    audit = Audit(server.events)
    shop = Shop(
        server,
        audit,
        Guard(world.connect(server.address), policy, audit),
        server.make("work"),
        server.make("work:dlq"),
        world,
    )
    server.put(shop.message(shop.dead))
    return shop


async def test_the_audit_entry_is_written_before_the_first_byte_is_sent() -> None:
    shop = opened()
    plan = shop.publishing()
    async with shop.guard.writing(plan, AGREED) as writer:
        assert shop.server.events == [("audit begin", "shop publish"), ("opened", plan.id)]
        async with writer.publisher() as publisher:
            await publisher.send([shop.message()])
        writer.result = "1 stored"
    assert [name for name, _ in shop.server.events] == ["audit begin", "opened", "stored", "audit end"]
    assert shop.audit.ends == ["1 stored"]


async def test_no_audit_no_write() -> None:
    shop = opened()
    shop.audit.broken = True
    with pytest.raises(StorageFailed):
        async with shop.guard.writing(shop.publishing(), AGREED):
            pytest.fail("a writer was given")
    assert shop.server.events == []


@pytest.mark.parametrize(
    ("policy", "consent", "error"),
    [
        (replace(OPEN, read_only=True), Consent(yes=True, typed="shop"), Refused),
        (replace(OPEN, deny=frozenset({"publish"})), AGREED, Refused),
        (replace(OPEN, protected=True), AGREED, NeedsConsent),
        (OPEN, Consent(), NeedsConsent),
    ],
)
async def test_what_is_refused_reaches_neither_broker_nor_audit(
    policy: Policy, consent: Consent, error: type[MqtuiError]
) -> None:
    shop = opened(policy)
    with pytest.raises(error):
        async with shop.guard.writing(shop.publishing(), consent):
            pytest.fail("a writer was given")
    assert shop.server.events == []


async def test_a_refusing_risk_is_allowed_by_its_name_only() -> None:
    shop = opened()
    plan = replace(shop.publishing(), risks=(Risk("room", "too little room", Severity.REFUSE),))
    with pytest.raises(Refused, match="room"):
        async with shop.guard.writing(plan, AGREED):
            pytest.fail("a writer was given")
    async with shop.guard.writing(plan, Consent(yes=True, allowed=frozenset({"room"}))):
        pass
    assert shop.audit.ends == ["done"]


async def test_a_failed_write_is_audited_with_its_title() -> None:
    shop = opened()
    shop.server.faults.break_after = 1
    with pytest.raises(BrokerTrouble):
        async with shop.guard.writing(shop.publishing(), AGREED) as writer, writer.publisher() as publisher:
            await publisher.send([shop.message()])
    assert shop.audit.ends == ["failed: The broker went away"]


async def test_an_interrupted_write_is_audited() -> None:
    shop = opened()
    begun = asyncio.Event()

    async def write() -> None:
        async with shop.guard.writing(shop.publishing(), AGREED):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert shop.audit.ends == ["interrupted: CancelledError"]


async def test_a_publisher_sends_to_the_plans_targets_only() -> None:
    shop = opened()
    async with shop.guard.writing(shop.publishing(), AGREED) as writer, writer.publisher() as publisher:
        with pytest.raises(Refused, match="does not write to stream:work:dlq"):
            await publisher.send([shop.message(), shop.message(shop.dead)])
    assert shop.server.entries(shop.work) == []


async def test_a_publisher_has_no_targets_where_the_plan_sends_nothing() -> None:
    shop = opened()
    plan = shop.plan(Verb.ACK, Acknowledge(shop.work, "workers", ()))
    async with shop.guard.writing(plan, AGREED) as writer, writer.publisher() as publisher:
        with pytest.raises(Refused):
            await publisher.send([shop.message()])


async def test_a_lease_is_of_the_plans_source_only() -> None:
    shop = opened()
    _, plan = await shop.redriving()
    other = shop.server.snapshot(shop.work)
    async with shop.guard.writing(plan, AGREED) as writer:
        with pytest.raises(Refused, match="does not take letters from stream:work"):
            async with writer.lease(other, terms(plan)):
                pytest.fail("a lease was given")


async def test_a_lease_moves_to_the_plans_targets_only() -> None:
    shop = opened()
    source, plan = await shop.redriving()
    elsewhere = shop.server.make("elsewhere")
    async with shop.guard.writing(plan, AGREED) as writer, writer.lease(source, terms(plan)) as lease:
        async for batch in lease.batches(10):
            with pytest.raises(Refused, match="does not write to stream:elsewhere"):
                await lease.move([Transfer(letter, elsewhere) for letter in batch])
    assert shop.server.entries(elsewhere) == []
    assert len(shop.server.entries(shop.dead)) == 1


async def test_a_redrive_removes_nothing_it_did_not_store() -> None:
    shop = opened()
    source, plan = await shop.redriving()
    async with shop.guard.writing(plan, AGREED) as writer, writer.lease(source, terms(plan)) as lease:
        async for batch in lease.batches(10):
            with pytest.raises(Refused, match="does not remove"):
                await lease.settle(batch)
    assert len(shop.server.entries(shop.dead)) == 1


async def test_a_discard_removes_and_stores_nothing() -> None:
    shop = opened()
    source = shop.server.snapshot(shop.dead)
    plan = shop.plan(Verb.DISCARD, Take(source, Selection()), Remove(source.count))
    async with shop.guard.writing(plan, AGREED) as writer, writer.lease(source, terms(plan)) as lease:
        async for batch in lease.batches(10):
            with pytest.raises(Refused):
                await lease.move([Transfer(letter, shop.work) for letter in batch])
            await lease.settle(batch)
    assert shop.server.entries(shop.dead) == shop.server.entries(shop.work) == []


async def test_only_the_plans_own_steps_are_applied() -> None:
    shop = opened()
    shop.server.put(shop.message())
    shop.server.group(shop.work, "workers")
    (entry,) = shop.server.deliver(shop.work, "workers", "dead", 1)
    wanted, other = Acknowledge(shop.work, "workers", (EntryId(1, 1),)), Acknowledge(shop.work, "workers", (entry,))
    async with shop.guard.writing(shop.plan(Verb.ACK, wanted), AGREED) as writer:
        with pytest.raises(Refused, match="does not have that step"):
            await writer.apply(other)
        assert (await writer.apply(wanted)).done == 0
    assert list(shop.server.streams["work"].groups["workers"].rows) == [entry]


async def test_a_peek_is_at_the_plans_queue_and_no_larger_than_planned() -> None:
    world = MemoryWorld()
    server: MemoryRabbitMQ = world.rabbitmq()
    queue, other = server.declare("work"), server.declare("other")
    server.put(Outgoing(queue, b"1"))
    guard = Guard(world.connect(server.address), OPEN, Audit(server.events))
    plan = Plan("1" * 32, Verb.SPEND, "shop", BrokerKind.RABBITMQ, (PeekUnacked(queue, 5, spends=False),), exact(5))
    async with guard.writing(plan, Consent()) as writer:
        for ref, count in ((queue, 6), (other, 1), (Ref(Kind.EXCHANGE, "work"), 1)):
            with pytest.raises(Refused, match="does not look"):
                writer.peek_unacked(ref, count)
        assert [message.value async for batch in writer.peek_unacked(queue, 5) for message in batch] == [b"1"]
    assert len(server.ready(queue)) == 1


async def test_the_audit_line_is_on_disk_before_the_first_byte_is_sent(tmp_path: Path) -> None:
    """With the audit of this machine itself: another process could read the line before anything is stored."""
    shop = opened()
    audit = state_audit.Audit(tmp_path / "audit.jsonl", ["mqtui", "publish"])
    guard = Guard(shop.world.connect(shop.server.address), OPEN, audit)
    plan = shop.publishing()
    async with guard.writing(plan, AGREED) as writer, writer.publisher() as publisher:
        (begun,) = state_audit.Audit(tmp_path / "audit.jsonl").entries()
        assert (begun.event, begun.run, begun.verb, begun.on) == ("begin", plan.id, "publish", ("stream:work",))
        assert shop.server.entries(shop.work) == []
        await publisher.send([shop.message()])
    assert [entry.event for entry in audit.entries()] == ["begin", "end"]
    assert audit.verify() is None


async def test_a_full_disk_stops_the_write_before_it_begins() -> None:
    shop = opened()
    guard = Guard(shop.world.connect(shop.server.address), OPEN, state_audit.Audit(Path("/dev/full"), ["mqtui"]))
    with pytest.raises(StorageFailed):
        async with guard.writing(shop.publishing(), AGREED):
            pytest.fail("a writer was given")
    assert shop.server.events == []
