"""A plan: the very steps that run, what it says, what it hashes, and that planning changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput, NeedsConsent, NotFound, Refused, Unsupported
from mqtui.domain.figure import at_most, exact
from mqtui.domain.message import Outgoing
from mqtui.domain.plan import CreateStateTopic, Deliver, Remove, Send, Severity, Take
from mqtui.domain.policy import Consent
from mqtui.domain.redrive import OffsetBounds, Source, Strength
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.store import ProfileStore
from mqtui.services.conventions import load_for_profile
from mqtui.services.redrive.planning import plan as planning
from mqtui.services.redrive.planning.mqtui_headers import HEADER_NAMES
from mqtui.services.session import open_session
from mqtui.state.audit import Audit
from mqtui.state.journal import Journal
from tests.services.grounds import Ground, KafkaGround, RabbitMQGround, RedisGround
from tests.services.operator import YES, Operator, last, whole


def facts(planned: planning.PlannedRedrive) -> dict[str, str]:
    return dict(planned.plan.facts)


def risks(planned: planning.PlannedRedrive) -> dict[str, Severity]:
    return {risk.name: risk.severity for risk in planned.plan.risks}


async def test_the_plan_is_what_runs(ground: Ground) -> None:
    ground.put(range(7))
    planned = await Operator(ground).plan()
    plan = planned.plan
    assert (plan.verb, plan.broker, plan.count) == (Verb.REDRIVE, ground.kind, exact(7))
    assert (planned.source.ref, planned.targets) == (ground.source, (ground.origin,))
    steps = [step for step in plan.steps if not isinstance(step, CreateStateTopic)]
    count = exact(7) if planned.is_scanned else at_most(7, "those that came from elsewhere stay")
    assert steps == [Take(planned.source, planned.request.selection), Deliver(ground.origin, count)]
    assert facts(planned)["from"].startswith(f"{ground.source.name}, 7 letters")
    assert ground.origin.name in facts(planned)["to"]
    assert plan.guarantee is not None
    assert (plan.guarantee.strength is Strength.AT_LEAST_ONCE) is ground.doubles
    result = await Operator(ground).run_planned(planned)
    assert (result.run, last().id, last().plan_hash) == (plan.id, plan.id, plan.hash)


async def test_planning_changes_nothing(ground: Ground) -> None:
    ground.put(range(7))
    before = list(ground.server.events)
    await Operator(ground).plan()
    assert ground.server.events == before
    assert not Audit().path.exists()
    assert Journal().list_runs() == []


async def test_counts_by_target_and_letters_without_origin() -> None:
    ground = KafkaGround()
    ground.source = ground.server.make("parked", 2)
    other = ground.make("invoices")
    ground.put(range(5))
    ground.put(range(5, 8), origin="invoices")
    ground.server.store(Outgoing(ground.source, b"8", partition=0))
    planned = await Operator(ground).plan()
    assert set(planned.targets) == {ground.origin, other}
    delivers = {step.target: step.count.number for step in planned.plan.steps if isinstance(step, Deliver)}
    assert delivers == {ground.origin: 5, other: 3}
    assert facts(planned)["to"] == "orders 5, invoices 3; 1 of 9 stay"
    (lost,) = [risk for risk in planned.plan.risks if risk.name == "no-origin"]
    assert lost.text == "1 stay: original destination unknown: no header names it, use --to"
    assert planned.plan.count == exact(9)
    result = whole(await Operator(ground).run_planned(planned))
    assert (result.moved, result.refused) == (8, 1)
    assert result.reasons == (("original destination unknown: no header names it, use --to", 1),)


async def test_no_letter_says_where_it_came_from() -> None:
    ground = KafkaGround()
    ground.source = ground.server.make("parked")
    ground.server.store(Outgoing(ground.source, b"1"))
    planned = await Operator(ground).plan()
    assert risks(planned)["no-target"] is Severity.REFUSE
    with pytest.raises(Refused, match="no-target"):
        await Operator(ground).run_planned(planned, Consent(yes=True, allowed=frozenset({"no-target"})))
    assert "opened" not in dict(ground.server.events)


async def test_headers_kept_stripped_and_added() -> None:
    ground = KafkaGround()
    ground.put(range(2))
    headers = dict((await Operator(ground).plan()).plan.headers)
    assert headers["keep"] == ("app",)
    assert set(headers["strip"]) == {name for name, _, _ in ground.headers(0)} - {"app"}
    assert headers["add"] == ("x-mqtui-origin", "x-mqtui-run", "x-mqtui-by", "x-mqtui-at", "x-mqtui-count")
    redis = RedisGround()
    redis.put(range(2))
    headers = dict((await Operator(redis).plan()).plan.headers)
    assert headers == {"keep": ("value",), "strip": ("dlq_origin", "dlq_reason"), "add": ()}
    queue = RabbitMQGround()
    queue.put(range(2))
    assert dict((await Operator(queue).plan()).plan.headers) == {"add": HEADER_NAMES}


async def test_what_a_plan_says() -> None:
    ground = KafkaGround()
    ground.put(range(6))
    operator = Operator(ground)
    told = facts(await operator.plan(replace(operator.order(limit=4, partition=1, rate=50), keep_timestamp=True)))
    assert told["selected"] == "partition 1, limit 4"
    assert told["rate"] == "at most 50 a second"
    assert told["timestamps"] == "kept"
    assert told["size"].startswith("largest ")
    plan = (await operator.plan()).plan
    assert (plan.keyless, plan.oldest) == (0, ground.time(0))
    assert plan.largest == max(record.size for record in ground.server.records(ground.source))


async def test_lent_letters_are_not_read_for_a_plan() -> None:
    ground = RabbitMQGround()
    ground.put(range(6))
    operator = Operator(ground)
    planned = await operator.plan(operator.order(cause="abcd"))
    assert planned.plan.count == at_most(6, "known when the letters are read")
    assert "read" in facts(planned)
    assert not planned.is_scanned
    assert all(not item.redelivered for item in ground.server.queues["work.dlq"].items)
    ground.server.declare("other", dead_to="work.dlq")
    both = await operator.plan()
    assert set(both.targets) == {ground.origin, Ref(Kind.QUEUE, "other")}
    assert both.plan.count == exact(6)
    assert [step.count.number for step in both.plan.steps if isinstance(step, Deliver)] == [None, None]


async def test_the_hash_names_what_was_agreed_to(ground: Ground) -> None:
    """C9: source, targets, selection and strip list; not time, counts or ends."""
    ground.put(range(3))
    operator = Operator(ground)
    plan = (await operator.plan()).plan
    ground.put(range(3, 6))
    later = (await operator.plan()).plan
    assert later.id != plan.id
    assert later.hash == plan.hash
    assert (await operator.plan(operator.order(rate=3))).plan.hash == plan.hash
    others = [
        operator.order(limit=2),
        operator.order(where=".x"),
        operator.order(to=ground.make("elsewhere")),
        operator.order(Verb.DISCARD),
    ]
    hashes = {(await operator.plan(order)).plan.hash for order in others}
    assert len(hashes | {plan.hash}) == 5
    name = ground.source
    ground.unmake(name)
    if isinstance(ground, KafkaGround):
        ground.server.make(name.name, 2)
        ground.put(range(3))
        assert (await operator.plan()).plan.hash != plan.hash


async def test_the_hash_changes_with_the_strip_list(ground: Ground) -> None:
    ground.put(range(1))
    shipped = load_for_profile().conventions
    async with open_session(ground.url, adapters=ground.connect) as session:
        order = Operator(ground).order()
        first = await planning.plan_redrive(session, order, shipped)
        more = [replace(one, strip_names=one.strip_names | {"app"}) for one in shipped.known]
        second = await planning.plan_redrive(session, order, type(shipped)(more))
    assert first.plan.hash != second.plan.hash


async def test_a_discard(ground: Ground) -> None:
    ground.put(range(4))
    operator = Operator(ground)
    planned = await operator.plan(operator.order(Verb.DISCARD))
    assert planned.targets == ()
    assert [step for step in planned.plan.steps if isinstance(step, Remove)] == [Remove(exact(4))]
    assert not any(isinstance(step, Deliver) for step in planned.plan.steps)
    assert facts(planned)["to"].startswith("nowhere")
    assert planned.plan.headers == ()
    assert "no-target" not in risks(planned)


async def test_two_plans_where_letters_cross(ground: Ground) -> None:
    remote = KafkaGround() if ground.kind is not BrokerKind.KAFKA else RedisGround()
    ground.put(range(4))
    operator = Operator(ground, remote)
    planned = await operator.plan(operator.order(to=remote.origin))
    assert planned.remote_plan is not None
    assert planned.plan.id == planned.remote_plan.id
    assert [step for step in planned.remote_plan.steps if isinstance(step, Send)] == [Send(remote.origin, exact(4))]
    assert any(isinstance(step, Remove) for step in planned.plan.steps)
    assert (planned.remote_plan.verb, planned.remote_plan.broker) == (Verb.PUBLISH, remote.kind)
    assert planned.plan.guarantee is not None
    assert planned.plan.guarantee.strength is Strength.AT_LEAST_ONCE
    assert facts(planned)["to"].endswith(f"on {remote.url}")
    with pytest.raises(BadInput):
        await operator.plan(operator.order())


async def test_a_fan_out_is_named() -> None:
    ground = RabbitMQGround()
    ground.put(range(2))
    operator = Operator(ground)
    planned = await operator.plan(operator.order(to=ground.server.exchange("all", "fanout")))
    assert risks(planned)["fan-out"] is Severity.WARN


async def test_letters_that_came_back_are_told() -> None:
    ground = KafkaGround()
    ground.put(range(4))
    operator = Operator(ground)
    run = (await operator.run()).run
    for record in ground.server.records(ground.origin)[:3]:
        marks = tuple(header for header in record.headers if header[0].startswith("x-mqtui-"))
        ground.server.store(replace(ground.letter(1), headers=(*ground.headers(1), *marks)))
    (back,) = [risk for risk in (await operator.plan()).plan.risks if risk.name == "came-back"]
    assert back.text == f"3 came back after run {run[:4].upper()}"


async def test_sources_that_cannot_be(ground: Ground) -> None:
    operator = Operator(ground)
    with pytest.raises(NotFound):
        await operator.plan(replace(operator.order(), source=Ref(ground.source.kind, "nowhere")))
    ground.server.faults.denied = {Verb.REDRIVE}
    with pytest.raises(Unsupported):
        await operator.plan()


@pytest.mark.parametrize(
    ("allowed", "consent", "error"),
    [
        ({"read_only": True}, YES, Refused),
        ({"deny": frozenset({"redrive"})}, YES, Refused),
        ({"protected": True}, YES, NeedsConsent),
        ({"protected": True}, Consent(yes=True, typed="other"), NeedsConsent),
        ({}, Consent(), NeedsConsent),
    ],
)
async def test_profiles_that_forbid_it_change_nothing(
    ground: Ground, allowed: dict[str, Any], consent: Consent, error: type[Refused]
) -> None:
    """C5: nothing on the server, nothing in the journal; a protected profile takes its name, and then it runs."""
    ground.put(range(3))
    ProfileStore().add(Profile("shop", {ground.kind: BrokerEndpoint(ground.url)}, **allowed))
    before = list(ground.server.events)
    operator = Operator(ground, target="shop")
    for order in (operator.order(), operator.order(Verb.DISCARD)):
        if "deny" in allowed and order.verb is Verb.DISCARD:
            continue
        with pytest.raises(error):
            await operator.run(order, consent)
    assert ground.server.events == before
    assert Journal().list_runs() == []
    if error is NeedsConsent:
        assert whole(await operator.run(consent=Consent(typed="shop"))).moved == 3
        assert (last().profile, last().target) == ("shop", "shop")


async def test_the_other_broker_is_asked_too() -> None:
    """A read-only profile on the far side: nothing is taken from this one."""
    ground, remote = KafkaGround(), RedisGround()
    ProfileStore().add(Profile("far", {BrokerKind.REDIS: BrokerEndpoint(remote.url)}, read_only=True))
    ground.put(range(3))
    operator = Operator(ground, remote, remote_target="far")
    with pytest.raises(Refused):
        await operator.run(operator.order(to=remote.origin))
    assert ground.left() == [0, 2, 1]
    assert remote.home() == []
    assert Journal().list_runs() == []


async def test_what_only_the_journal_remembers(monkeypatch: pytest.MonkeyPatch) -> None:
    """K2: without the right to keep a state at the broker, this machine's journal says what was handled."""
    ground = KafkaGround()
    promised = replace(ground.server.guarantee(await snapshot(ground), ()), strength=Strength.AT_LEAST_ONCE)
    monkeypatch.setattr(type(ground.server), "guarantee", lambda *_: promised)
    ground.put(range(6))
    operator = Operator(ground)
    run = (await operator.run(operator.order(limit=4))).run
    ground.server.handled.clear()
    planned = await operator.plan()
    assert planned.plan.count == exact(2)
    assert isinstance(planned.source.bounds, OffsetBounds)
    assert sum(map(len, planned.source.handled.above.values())) == 4
    ground.server.handled[planned.source.identity] = {0: {0, 1, 2}, 1: {0}}
    await operator.put_back(run)
    ground.server.handled.clear()
    assert (await operator.plan()).plan.count == exact(6)


async def snapshot(ground: Ground) -> Source:
    async with open_session(ground.url, adapters=ground.connect) as session:
        return await session.broker.snapshot(ground.source)
