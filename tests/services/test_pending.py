"""Pending entries of Redis: listed, claimed from a consumer that is gone, acknowledged (D6)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mqtui.domain.capability import Verb
from mqtui.domain.errors import NeedsConsent, NotFound, Unsupported
from mqtui.domain.figure import exact
from mqtui.domain.message import EntryId
from mqtui.domain.plan import Acknowledge, Claim
from mqtui.domain.policy import Consent
from mqtui.services import pending
from mqtui.services.session import Session, open_session
from mqtui.state.audit import Audit
from tests.services.memory_fixtures import KafkaFixture, RabbitMQFixture, RedisFixture
from tests.services.redrive_operator import CONFIRMED

MINUTE = 60_000


@pytest.fixture
def redis() -> RedisFixture:
    """Five entries with a consumer that is gone, then two with one that lives."""
    broker = RedisFixture()
    broker.add_dead_letters(range(7))
    broker.server.group(broker.source, "billing")
    broker.server.deliver(broker.source, "billing", "gone", 5)
    broker.world.clock.advance(10 * MINUTE)
    broker.server.deliver(broker.source, "billing", "alive", 2)
    broker.world.clock.advance(1_000)
    return broker


@pytest.fixture
async def session(redis: RedisFixture) -> AsyncIterator[Session]:
    async with open_session(redis.url, adapters=redis.connect) as one:
        yield one


def owners(redis: RedisFixture) -> list[str]:
    rows = redis.server.streams[redis.source.name].groups["billing"].rows
    return [row.consumer for _, row in sorted(rows.items())]


async def test_entries_page_by_page(redis: RedisFixture, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "PAGE_SIZE", 2)
    found = [entry async for entry in pending.read_entries(session, redis.source, "billing")]
    assert [entry.consumer for entry in found] == ["gone"] * 5 + ["alive"] * 2
    assert [entry.id for entry in found] == sorted(entry.id for entry in found)
    idle = [entry async for entry in pending.read_entries(session, redis.source, "billing", min_idle=MINUTE)]
    assert len(idle) == 5
    mine = [entry async for entry in pending.read_entries(session, redis.source, "billing", consumer="alive")]
    assert len(mine) == 2


async def test_chosen_by_id_or_all(redis: RedisFixture, session: Session) -> None:
    every = await pending.select_entries(session, redis.source, "billing", [])
    ids = [every[1].id, every[3].id]
    assert [entry.id for entry in await pending.select_entries(session, redis.source, "billing", ids)] == ids
    with pytest.raises(NotFound, match="9-9"):
        await pending.select_entries(session, redis.source, "billing", [every[0].id, EntryId(9, 9)])
    with pytest.raises(NotFound):
        await pending.select_entries(session, redis.source, "billing", [every[5].id], min_idle=MINUTE)
    with pytest.raises(NotFound, match="Nothing pending"):
        await pending.select_entries(session, redis.source, "billing", [], min_idle=99 * MINUTE)
    with pytest.raises(NotFound):
        await pending.select_entries(session, redis.source, "nobody", [])


async def test_a_claim(redis: RedisFixture, session: Session) -> None:
    found = await pending.select_entries(session, redis.source, "billing", [], min_idle=MINUTE)
    plan = await pending.plan_claim(session, redis.source, "billing", "alive", MINUTE, found)
    (step,) = plan.steps
    assert isinstance(step, Claim)
    assert (step.consumer, step.min_idle, len(step.seen)) == ("alive", MINUTE, 5)
    assert step.seen[0] == (found[0].id, found[0].idle, found[0].read_at)
    assert (plan.verb, plan.count) == (Verb.CLAIM, exact(5))
    assert dict(plan.facts)["from"].startswith("gone in group billing")
    with pytest.raises(NeedsConsent):
        await pending.run_step(session, plan, Consent())
    assert owners(redis) == ["gone"] * 5 + ["alive"] * 2
    result = await pending.run_step(session, plan, CONFIRMED)
    assert (result.asked, result.done, result.notes) == (5, 5, ())
    assert owners(redis) == ["alive"] * 7
    assert [entry.verb for entry in Audit().entries()] == ["claim", "claim"]


async def test_a_second_operator_gets_nothing(redis: RedisFixture, session: Session) -> None:
    """D6: what somebody touched since it was shown stays where it is."""
    found = await pending.select_entries(session, redis.source, "billing", [], consumer="gone")
    one = await pending.plan_claim(session, redis.source, "billing", "one", 0, found)
    two = await pending.plan_claim(session, redis.source, "billing", "two", 0, found)
    assert (await pending.run_step(session, one, CONFIRMED)).done == 5
    redis.world.clock.advance(5 * MINUTE)
    late = await pending.run_step(session, two, CONFIRMED)
    assert (late.done, len(late.notes)) == (0, 5)
    assert owners(redis) == ["one"] * 5 + ["alive"] * 2


async def test_an_acknowledgement(redis: RedisFixture, session: Session) -> None:
    found = await pending.select_entries(session, redis.source, "billing", [], consumer="gone")
    plan = await pending.plan_ack(session, redis.source, "billing", found[:3])
    assert plan.steps == (Acknowledge(redis.source, "billing", tuple(entry.id for entry in found[:3])),)
    assert "the entries stay in the stream" in dict(plan.facts)["effect"]
    result = await pending.run_step(session, plan, CONFIRMED)
    assert (result.asked, result.done) == (3, 3)
    assert owners(redis) == ["gone"] * 2 + ["alive"] * 2
    assert redis.unhandled() == list(range(7))
    assert (await pending.run_step(session, plan, CONFIRMED)).done == 0


async def test_rights_are_asked_for(redis: RedisFixture, session: Session) -> None:
    redis.server.faults.denied = {Verb.PENDING}
    with pytest.raises(Unsupported) as found:
        await pending.select_entries(session, redis.source, "billing", [])
    assert found.value.hint == "Grant it."


@pytest.mark.parametrize("made", [KafkaFixture, RabbitMQFixture])
async def test_others_have_no_such_list(made: type[KafkaFixture | RabbitMQFixture]) -> None:
    broker = made()
    async with open_session(broker.url, adapters=broker.connect) as session:
        for verb in (Verb.PENDING, Verb.CLAIM, Verb.ACK):
            with pytest.raises(Unsupported) as found:
                await pending.require_pending(session, verb)
            assert "list of pending" in found.value.detail
