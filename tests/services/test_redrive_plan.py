"""A plan: the very steps that run, what it says, what it hashes, and that planning changes nothing."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput, NeedsConsent, NotFound, Refused, Unsupported
from mqtui.domain.figure import about, at_most, exact
from mqtui.domain.message import Outgoing
from mqtui.domain.plan import CreateStateTopic, Deliver, Remove, Send, Severity, Take
from mqtui.domain.policy import Consent
from mqtui.domain.redrive import OffsetBounds, Source, Strength
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.store import ProfileStore
from mqtui.services.conventions import load_for_profile
from mqtui.services.deadletters import read_causes
from mqtui.services.redrive.planning import plan as planning
from mqtui.services.redrive.planning.mqtui_headers import HEADER_NAMES
from mqtui.services.session import open_session
from mqtui.state.audit import Audit
from mqtui.state.journal import Journal
from tests.services.memory_fixtures import KafkaFixture, MemoryFixture, RabbitMQFixture, RedisFixture
from tests.services.redrive_operator import CONFIRMED, Operator, assert_complete, last_run


def facts(planned: planning.PlannedRedrive) -> dict[str, str]:
    return dict(planned.plan.facts)


def risks(planned: planning.PlannedRedrive) -> dict[str, Severity]:
    return {risk.name: risk.severity for risk in planned.plan.risks}


async def test_the_plan_is_what_runs(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(7))
    planned = await Operator(broker).plan()
    plan = planned.plan
    assert (plan.verb, plan.broker, plan.count) == (Verb.REDRIVE, broker.kind, exact(7))
    assert (planned.source.ref, planned.targets) == (broker.source, (broker.origin,))
    steps = [step for step in plan.steps if not isinstance(step, CreateStateTopic)]
    count = exact(7) if planned.is_scanned else at_most(7, "those that came from elsewhere stay")
    assert steps == [Take(planned.source, planned.request.selection), Deliver(broker.origin, count)]
    assert facts(planned)["from"].startswith(f"{broker.source.name}, 7 letters")
    assert broker.origin.name in facts(planned)["to"]
    assert plan.guarantee is not None
    assert (plan.guarantee.strength is Strength.AT_LEAST_ONCE) is broker.may_duplicate
    result = await Operator(broker).run_planned(planned)
    assert (result.run, last_run().id, last_run().plan_hash) == (plan.id, plan.id, plan.hash)


async def test_planning_changes_nothing(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(7))
    before = list(broker.server.events)
    await Operator(broker).plan()
    assert broker.server.events == before
    assert not Audit().path.exists()
    assert Journal().list_runs() == []


async def test_counts_by_target_and_letters_without_origin() -> None:
    broker = KafkaFixture()
    broker.source = broker.server.make("parked", 2)
    other = broker.create("invoices")
    broker.add_dead_letters(range(5))
    broker.add_dead_letters(range(5, 8), origin="invoices")
    broker.server.store(Outgoing(broker.source, b"8", partition=0))
    planned = await Operator(broker).plan()
    assert set(planned.targets) == {broker.origin, other}
    delivers = {step.target: step.count.number for step in planned.plan.steps if isinstance(step, Deliver)}
    assert delivers == {broker.origin: 5, other: 3}
    assert facts(planned)["to"] == "orders 5, invoices 3; 1 of 9 stay"
    (lost,) = [risk for risk in planned.plan.risks if risk.name == "no-origin"]
    assert lost.text == "1 stay: original destination unknown: no header names it, use --to"
    assert planned.plan.count == exact(9)
    result = assert_complete(await Operator(broker).run_planned(planned))
    assert (result.moved, result.refused) == (8, 1)
    assert result.reasons == (("original destination unknown: no header names it, use --to", 1),)


async def test_no_letter_says_where_it_came_from() -> None:
    broker = KafkaFixture()
    broker.source = broker.server.make("parked")
    broker.server.store(Outgoing(broker.source, b"1"))
    planned = await Operator(broker).plan()
    assert risks(planned)["no-target"] is Severity.REFUSE
    with pytest.raises(Refused, match="no-target"):
        await Operator(broker).run_planned(planned, Consent(yes=True, allowed=frozenset({"no-target"})))
    assert "opened" not in dict(broker.server.events)


async def test_headers_kept_stripped_and_added() -> None:
    broker = KafkaFixture()
    broker.add_dead_letters(range(2))
    headers = dict((await Operator(broker).plan()).plan.headers)
    assert headers["keep"] == ("app",)
    assert set(headers["strip"]) == {name for name, _, _ in broker.headers(0)} - {"app"}
    assert headers["add"] == ("x-mqtui-origin", "x-mqtui-run", "x-mqtui-by", "x-mqtui-at", "x-mqtui-count")
    redis = RedisFixture()
    redis.add_dead_letters(range(2))
    headers = dict((await Operator(redis).plan()).plan.headers)
    assert headers == {"keep": ("value",), "strip": ("dlq_origin", "dlq_reason"), "add": ()}
    queue = RabbitMQFixture()
    queue.add_dead_letters(range(2))
    assert dict((await Operator(queue).plan()).plan.headers) == {"add": HEADER_NAMES}


async def test_what_a_plan_says() -> None:
    broker = KafkaFixture()
    broker.add_dead_letters(range(6))
    operator = Operator(broker)
    told = facts(await operator.plan(replace(operator.request(limit=4, partition=1, rate=50), keep_timestamp=True)))
    assert told["selected"] == "partition 1, limit 4"
    assert told["rate"] == "at most 50 a second"
    assert told["timestamps"] == "kept"
    assert told["size"].startswith("largest ")
    plan = (await operator.plan()).plan
    assert (plan.keyless, plan.oldest) == (0, broker.time(0))
    assert plan.largest == max(record.size for record in broker.server.records(broker.source))


async def test_lent_letters_are_not_read_for_a_plan() -> None:
    broker = RabbitMQFixture()
    broker.add_dead_letters(range(6))
    operator = Operator(broker)
    planned = await operator.plan(operator.request(cause="abcd"))
    assert planned.plan.count == at_most(6, "known when the letters are read")
    assert "read" in facts(planned)
    assert not planned.is_scanned
    assert all(not item.redelivered for item in broker.server.queues["work.dlq"].items)
    broker.server.declare("other", dead_to="work.dlq")
    both = await operator.plan()
    assert set(both.targets) == {broker.origin, Ref(Kind.QUEUE, "other")}
    assert both.plan.count == exact(6)
    assert [step.count.number for step in both.plan.steps if isinstance(step, Deliver)] == [None, None]


async def test_the_hash_names_what_was_agreed_to(broker: MemoryFixture) -> None:
    """C9: source, targets, selection and strip list; not time, counts or ends."""
    broker.add_dead_letters(range(3))
    operator = Operator(broker)
    plan = (await operator.plan()).plan
    broker.add_dead_letters(range(3, 6))
    later = (await operator.plan()).plan
    assert later.id != plan.id
    assert later.hash == plan.hash
    assert (await operator.plan(operator.request(rate=3))).plan.hash == plan.hash
    others = [
        operator.request(limit=2),
        operator.request(where=".x"),
        operator.request(to=broker.create("elsewhere")),
        operator.request(Verb.DISCARD),
    ]
    hashes = {(await operator.plan(order)).plan.hash for order in others}
    assert len(hashes | {plan.hash}) == 5
    name = broker.source
    broker.delete(name)
    if isinstance(broker, KafkaFixture):
        broker.server.make(name.name, 2)
        broker.add_dead_letters(range(3))
        assert (await operator.plan()).plan.hash != plan.hash


async def test_the_hash_changes_with_the_strip_list(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(1))
    shipped = load_for_profile().conventions
    async with open_session(broker.url, adapters=broker.connect) as session:
        order = Operator(broker).request()
        first = await planning.plan_redrive(session, order, shipped)
        more = [replace(one, strip_names=one.strip_names | {"app"}) for one in shipped.known]
        second = await planning.plan_redrive(session, order, type(shipped)(more, shipped.formats))
    assert first.plan.hash != second.plan.hash


async def test_a_discard(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(4))
    operator = Operator(broker)
    planned = await operator.plan(operator.request(Verb.DISCARD))
    assert planned.targets == ()
    assert [step for step in planned.plan.steps if isinstance(step, Remove)] == [Remove(exact(4))]
    assert not any(isinstance(step, Deliver) for step in planned.plan.steps)
    assert facts(planned)["to"].startswith("nowhere")
    assert planned.plan.headers == ()
    assert "no-target" not in risks(planned)


async def test_two_plans_where_letters_cross(broker: MemoryFixture) -> None:
    remote = KafkaFixture() if broker.kind is not BrokerKind.KAFKA else RedisFixture()
    broker.add_dead_letters(range(4))
    operator = Operator(broker, remote)
    planned = await operator.plan(operator.request(to=remote.origin))
    assert planned.remote_plan is not None
    assert planned.plan.id == planned.remote_plan.id
    assert [step for step in planned.remote_plan.steps if isinstance(step, Send)] == [Send(remote.origin, exact(4))]
    assert any(isinstance(step, Remove) for step in planned.plan.steps)
    assert (planned.remote_plan.verb, planned.remote_plan.broker) == (Verb.PUBLISH, remote.kind)
    assert planned.plan.guarantee is not None
    assert planned.plan.guarantee.strength is Strength.AT_LEAST_ONCE
    assert facts(planned)["to"].endswith(f"on {remote.url}")
    with pytest.raises(BadInput):
        await operator.plan(operator.request())


async def test_a_fan_out_is_named() -> None:
    broker = RabbitMQFixture()
    broker.add_dead_letters(range(2))
    operator = Operator(broker)
    planned = await operator.plan(operator.request(to=broker.server.exchange("all", "fanout")))
    assert risks(planned)["fan-out"] is Severity.WARN


async def test_letters_that_came_back_are_told() -> None:
    broker = KafkaFixture()
    broker.add_dead_letters(range(4))
    operator = Operator(broker)
    run = (await operator.run()).run
    for record in broker.server.records(broker.origin)[:3]:
        marks = tuple(header for header in record.headers if header[0].startswith("x-mqtui-"))
        broker.server.store(structs.replace(broker.letter(1), headers=(*broker.headers(1), *marks)))
    (back,) = [risk for risk in (await operator.plan()).plan.risks if risk.name == "came-back"]
    assert back.text == f"3 came back after run {run[:4].upper()}"


async def test_sources_that_cannot_be(broker: MemoryFixture) -> None:
    operator = Operator(broker)
    with pytest.raises(NotFound):
        await operator.plan(replace(operator.request(), source=Ref(broker.source.kind, "nowhere")))
    broker.server.faults.denied = {Verb.REDRIVE}
    with pytest.raises(Unsupported):
        await operator.plan()


@pytest.mark.parametrize(
    ("allowed", "consent", "error"),
    [
        ({"read_only": True}, CONFIRMED, Refused),
        ({"deny": frozenset({"redrive"})}, CONFIRMED, Refused),
        ({"protected": True}, CONFIRMED, NeedsConsent),
        ({"protected": True}, Consent(yes=True, typed="other"), NeedsConsent),
        ({}, Consent(), NeedsConsent),
    ],
)
async def test_profiles_that_forbid_it_change_nothing(
    broker: MemoryFixture, allowed: dict[str, Any], consent: Consent, error: type[Refused]
) -> None:
    """C5: nothing on the server, nothing in the journal; a protected profile takes its name, and then it runs."""
    broker.add_dead_letters(range(3))
    ProfileStore().add(Profile("shop", {broker.kind: BrokerEndpoint(broker.url)}, **allowed))
    before = list(broker.server.events)
    operator = Operator(broker, target="shop")
    for order in (operator.request(), operator.request(Verb.DISCARD)):
        if "deny" in allowed and order.verb is Verb.DISCARD:
            continue
        with pytest.raises(error):
            await operator.run(order, consent)
    assert broker.server.events == before
    assert Journal().list_runs() == []
    if error is NeedsConsent:
        assert assert_complete(await operator.run(consent=Consent(typed="shop"))).moved == 3
        assert (last_run().profile, last_run().target) == ("shop", "shop")


async def test_the_other_broker_is_asked_too() -> None:
    """A read-only profile on the far side: nothing is taken from this one."""
    broker, remote = KafkaFixture(), RedisFixture()
    ProfileStore().add(Profile("far", {BrokerKind.REDIS: BrokerEndpoint(remote.url)}, read_only=True))
    broker.add_dead_letters(range(3))
    operator = Operator(broker, remote, remote_target="far")
    with pytest.raises(Refused):
        await operator.run(operator.request(to=remote.origin))
    assert broker.unhandled() == [0, 2, 1]
    assert remote.returned() == []
    assert Journal().list_runs() == []


async def test_what_only_the_journal_remembers(monkeypatch: pytest.MonkeyPatch) -> None:
    """K2: without the right to keep a state at the broker, this machine's journal says what was handled."""
    broker = KafkaFixture()
    promised = replace(broker.server.guarantee(await snapshot(broker), ()), strength=Strength.AT_LEAST_ONCE)
    monkeypatch.setattr(type(broker.server), "guarantee", lambda *_: promised)
    broker.add_dead_letters(range(6))
    operator = Operator(broker)
    run = (await operator.run(operator.request(limit=4))).run
    broker.server.handled.clear()
    planned = await operator.plan()
    assert planned.plan.count == exact(2)
    assert isinstance(planned.source.bounds, OffsetBounds)
    assert sum(map(len, planned.source.handled.above.values())) == 4
    broker.server.handled[planned.source.identity] = {0: {0, 1, 2}, 1: {0}}
    await operator.put_back(run)
    broker.server.handled.clear()
    assert (await operator.plan()).plan.count == exact(6)


async def snapshot(broker: MemoryFixture) -> Source:
    async with open_session(broker.url, adapters=broker.connect) as session:
        return await session.broker.snapshot(broker.source)


async def test_a_cause_that_was_read_for_its_price_is_counted() -> None:
    """What the last look counted is the plan's figure, as an estimate: the run finds out; another length: at most."""
    broker = RabbitMQFixture()
    broker.add_dead_letters(range(6))
    operator = Operator(broker)
    async with AsyncExitStack() as stack:
        session, _ = await operator.sessions(stack)
        conventions = load_for_profile(session.profile).conventions
        price = await session.broker.reader.peek_cost(broker.source, 6)
        causes = await read_causes(session, broker.source, price, conventions, Consent(spend=True))
    read = sum(cause.count for cause in causes if cause.id == causes[0].id)
    for verb in (Verb.REDRIVE, Verb.DISCARD):
        planned = await operator.plan(operator.request(verb, cause=causes[0].id))
        assert planned.plan.count == about(read, planned.plan.count.why)
    broker.add_dead_letters(range(6, 7))
    planned = await operator.plan(operator.request(cause=causes[0].id))
    assert planned.plan.count == at_most(7, "known when the letters are read")
