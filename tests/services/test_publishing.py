"""Publishing: a receipt for each message, an audit line, and keys against doing it twice."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from mqtui.domain.errors import NeedsConsent, Refused
from mqtui.domain.figure import exact, unknown
from mqtui.domain.message import Outgoing
from mqtui.domain.plan import Send
from mqtui.domain.policy import Consent
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.services import publishing
from mqtui.services.session import open_session
from mqtui.state.audit import Audit
from tests.services.memory_fixtures import MemoryFixture, RedisFixture
from tests.services.redrive_operator import CONFIRMED


def messages(broker: MemoryFixture, count: int) -> list[Outgoing]:
    return [structs.replace(broker.letter(number), target=broker.origin, partition=None) for number in range(count)]


async def publish(broker: MemoryFixture, sent: list[Outgoing], consent: Consent = CONFIRMED) -> list[Receipt]:
    async with open_session(broker.url, adapters=broker.connect) as session:
        plan = await publishing.plan_publish(session, [broker.origin], unknown("from a pipe"), [("from", "a pipe")])
        assert (plan.steps, dict(plan.facts)) == ((Send(broker.origin, plan.count),), {"from": "a pipe"})
        receipts: list[Receipt] = []
        async for chunk in publishing.publish(session, plan, consent, iter(sent)):
            assert len(chunk.messages) == len(chunk.receipts)
            receipts += chunk.receipts
        return receipts


async def test_all_are_stored_in_order(broker: MemoryFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "CHUNK_SIZE", 4)
    receipts = await publish(broker, messages(broker, 10))
    assert [receipt.state for receipt in receipts] == [PublishStatus.STORED] * 10
    assert sorted(broker.returned()) == list(range(10))
    assert [entry.result for entry in Audit().entries()] == ["", "10 stored"]


async def test_what_is_refused_or_unknown_is_told(broker: MemoryFixture) -> None:
    large = messages(broker, 1)[0]
    grown = tuple((name, value + b" " * 900) for name, value in large.fields)
    large = structs.replace(large, value=None if grown else b" " * 900, fields=grown)
    broker.server.faults.max_size = 800
    broker.server.faults.lose_replies = 1
    receipts = await publish(broker, [*messages(broker, 2), large])
    assert [receipt.state for receipt in receipts] == [
        PublishStatus.UNKNOWN,
        PublishStatus.STORED,
        PublishStatus.REFUSED,
    ]
    assert Audit().entries()[-1].result == "1 unknown, 1 stored, 1 refused"


async def test_only_where_the_plan_says(broker: MemoryFixture) -> None:
    with pytest.raises(Refused):
        await publish(broker, [broker.letter(1)])
    with pytest.raises(NeedsConsent):
        await publish(broker, messages(broker, 1), Consent())
    assert broker.returned() == [] == broker.unhandled()


async def test_a_missing_right_is_in_the_plan_and_refuses_the_run(broker: MemoryFixture) -> None:
    async with open_session(broker.url, adapters=broker.connect) as session:
        broker.server.closed.add(broker.origin)
        plan = await publishing.plan_publish(session, [broker.origin], exact(1))
        (risk,) = plan.risks
        assert (risk.name, risk.final) == ("rights", True)
        with pytest.raises(Refused):
            await anext(publishing.publish(session, plan, CONFIRMED, messages(broker, 1)))
    assert broker.returned() == []


async def test_a_consumer_that_stops_early_leaves_a_line(
    broker: MemoryFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "CHUNK_SIZE", 2)
    async with open_session(broker.url, adapters=broker.connect) as session:
        plan = await publishing.plan_publish(session, [broker.origin], exact(6))
        sending = publishing.publish(session, plan, CONFIRMED, messages(broker, 6))
        await anext(sending)
        await sending.aclose()
    assert sorted(broker.returned()) == [0, 1]
    assert Audit().entries()[-1].result == "2 stored; interrupted: GeneratorExit"


def test_idempotency_keys() -> None:
    topic = Outgoing(Ref(Kind.TOPIC, "t"), b"v", b"k", (("h", b"1", ""),))
    keyed = publishing.with_idempotency_key(topic, BrokerKind.KAFKA, "mine")
    assert keyed.headers == (("h", b"1", ""), ("idempotency-key", b"mine", ""))
    queue = Outgoing(Ref(Kind.QUEUE, "q"), b"v", properties=(("priority", 3), ("message_id", "old")))
    assert publishing.with_idempotency_key(queue, BrokerKind.RABBITMQ, "mine").properties == (
        ("priority", 3),
        ("message_id", "mine"),
    )
    entry = Outgoing(Ref(Kind.STREAM, "s"), fields=((b"a", b"1"),))
    assert publishing.with_idempotency_key(entry, BrokerKind.REDIS, "mine").fields == (
        (b"a", b"1"),
        (b"idempotency-key", b"mine"),
    )


def test_automatic_keys_tell_messages_apart() -> None:
    ref = Ref(Kind.QUEUE, "q")

    def key(**parts: Any) -> object:
        message = Outgoing(ref, **parts)
        return dict(publishing.with_idempotency_key(message, BrokerKind.RABBITMQ, "auto").properties)["message_id"]

    same = key(value=b"v", key=b"k")
    assert key(value=b"v", key=b"k") == same
    others = [
        key(value=b"v"),
        key(value=b"kv"),
        key(value=b"k", key=b"v"),
        key(fields=((b"a", b"b"),)),
        key(fields=((b"ab", b""),)),
    ]
    assert len({same, *others}) == 6
    assert isinstance(same, str) and len(same) == 32


async def test_a_stream_that_is_not_there_is_not_made() -> None:
    broker = RedisFixture()
    broker.delete(broker.origin)
    (receipt,) = await publish(broker, messages(broker, 1))
    assert receipt.state is PublishStatus.REFUSED
    assert broker.origin.name not in broker.server.streams
