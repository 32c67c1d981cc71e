"""Publishing to RabbitMQ: mandatory, confirmed, one receipt a message (R6, R7, C8)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from mqtui.brokers.rabbitmq import publish
from mqtui.domain.errors import BadInput, BrokerTrouble, NotAuthorised, NotFound
from mqtui.domain.field_table import int64
from mqtui.domain.message import Outgoing
from mqtui.domain.plan import Severity
from mqtui.domain.redrive import PublishStatus
from mqtui.domain.resource import Kind, Ref
from tests.contract.rabbitmq_test_client import (
    STREAM,
    Rabbit,
    adapter,
    queue_ref,
    states,
    until,
    without_management,
    writer,
)


@pytest.fixture
def rabbit(rabbitmq_url: str) -> Iterator[Rabbit]:
    opened = Rabbit(rabbitmq_url)
    yield opened
    opened.close()


async def sent(rabbit: Rabbit, *messages: Outgoing) -> list[tuple[PublishStatus, str]]:
    async with adapter(rabbit.address) as broker, writer(broker).publisher() as publisher:
        return [(receipt.state, receipt.reason) for receipt in await publisher.send(messages)]


async def test_messages_are_persistent_and_typed(rabbit: Rabbit) -> None:
    """delivery_mode 2 unless said otherwise; a header without a type is a string, without a value void."""
    queue = rabbit.queue()
    ref = queue_ref(queue)
    outcome = await sent(
        rabbit,
        Outgoing(ref, b"a", headers=(("plain", b"text", ""), ("none", None, ""), ("n", int64(7), "int64"))),
        Outgoing(ref, None, properties=(("delivery_mode", 1), ("message_id", "m"), ("priority", 2))),
    )
    assert outcome == [(PublishStatus.STORED, "")] * 2
    (_, first, _), (_, second, body) = rabbit.drain(queue)
    assert (first.delivery_mode, first.headers) == (2, {"plain": "text", "none": None, "n": 7})
    assert (second.delivery_mode, second.message_id, second.priority, body) == (1, "m", 2, b"")


async def test_a_stream_and_an_exchange_are_targets_too(rabbit: Rabbit) -> None:
    stream, queue, exchange = rabbit.queue(STREAM), rabbit.queue(), rabbit.exchange("topic")
    rabbit.channel.queue_bind(queue, exchange, "a.#")
    outcome = await sent(
        rabbit,
        Outgoing(Ref(Kind.STREAM, stream), b"record"),
        Outgoing(Ref(Kind.EXCHANGE, exchange), b"routed", routing_key="a.b.c"),
        Outgoing(Ref(Kind.EXCHANGE, exchange), b"lost", routing_key="b"),
    )
    assert outcome == [
        (PublishStatus.STORED, ""),
        (PublishStatus.STORED, ""),
        (PublishStatus.RETURNED, "unroutable: 312 NO_ROUTE"),
    ]
    rabbit.wait_until_ready(stream, 1)
    assert rabbit.bodies(queue) == [b"routed"]


async def test_each_return_is_paired_with_its_message(rabbit: Rabbit) -> None:
    """R6: equal bodies, other headers, other queues in between; every third message has nowhere to go."""
    queue = rabbit.queue()
    nowhere = queue_ref(rabbit.name())
    messages = [
        Outgoing(
            nowhere if number % 3 == 0 else queue_ref(queue), b"same", headers=(("n", int64(number % 5), "int64"),)
        )
        for number in range(2000)
    ]
    outcome = [state for state, _ in await sent(rabbit, *messages)]
    assert outcome == [PublishStatus.RETURNED if number % 3 == 0 else PublishStatus.STORED for number in range(2000)]
    rabbit.wait_until_ready(queue, outcome.count(PublishStatus.STORED))


async def test_a_full_queue_refuses(rabbit: Rabbit) -> None:
    """A nack is a refusal with its reason, not an error."""
    queue = rabbit.queue({"x-max-length": 1, "x-overflow": "reject-publish"})
    rabbit.fill(queue, [b"in the way"])
    ((state, reason),) = await sent(rabbit, Outgoing(queue_ref(queue), b"x"))
    assert state is PublishStatus.REFUSED
    assert "nack" in reason


async def test_what_can_not_be_sent_is_refused_alone(rabbit: Rabbit) -> None:
    """R12: one bad message takes no other with it; where it is the only one, the error says what is wrong."""
    queue = rabbit.queue()
    good = Outgoing(queue_ref(queue), b"good")
    for bad in (
        Outgoing(queue_ref(queue), b"", properties=(("nonsense", "x"),)),
        Outgoing(queue_ref("q" * 256), b""),
        Outgoing(queue_ref(queue), b"", headers=(("n" * 256, b"", "void"),)),
    ):
        assert [state for state, _ in await sent(rabbit, good, bad)] == [PublishStatus.STORED, PublishStatus.REFUSED]
        with pytest.raises(BadInput):
            await sent(rabbit, bad)
    with pytest.raises(NotFound):
        await sent(rabbit, Outgoing(Ref(Kind.EXCHANGE, rabbit.name()), b""))
    assert rabbit.bodies(queue) == [b"good"] * 3


async def test_a_missing_right_is_named(rabbit: Rabbit) -> None:
    """NotAuthorised says which right on what; nothing was sent, nothing was routed to find out."""
    queue, exchange = rabbit.queue(), rabbit.exchange("fanout")
    rabbit.channel.queue_bind(queue, exchange)
    with rabbit.user(write=r"^amq\.default$") as address:
        async with adapter(address) as broker, writer(broker).publisher() as publisher:
            assert states(await publisher.send([Outgoing(queue_ref(queue), b"allowed")])) == [PublishStatus.STORED]
            with pytest.raises(NotAuthorised) as told:
                await publisher.send([Outgoing(Ref(Kind.EXCHANGE, exchange), b"x")])
    assert told.value.hint == f"It needs the right to write on exchange {exchange}."
    assert rabbit.bodies(queue) == [b"allowed"]


async def test_big_messages_go_on_a_channel_of_their_own(rabbit: Rabbit, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that the broker refuses takes no other with it; order is kept."""
    monkeypatch.setattr(publish, "LARGE", 1000)
    queue = rabbit.queue()
    ref = queue_ref(queue)
    outcome = await sent(
        rabbit,
        Outgoing(ref, b"small"),
        Outgoing(ref, b"b" * 300_000),
        Outgoing(ref, b"b" * 2000, properties=(("user_id", "somebody else"),)),
        Outgoing(queue_ref(rabbit.name()), b"b" * 2000),
        Outgoing(ref, b"last"),
    )
    assert [state for state, _ in outcome] == [
        PublishStatus.STORED,
        PublishStatus.STORED,
        PublishStatus.REFUSED,
        PublishStatus.RETURNED,
        PublishStatus.STORED,
    ]
    assert "user_id" in outcome[2][1]
    assert [len(body) for body in rabbit.bodies(queue)] == [5, 300_000, 4]


async def test_a_lost_connection_makes_the_outcome_unknown(rabbit: Rabbit) -> None:
    """C8: sent and not confirmed is unknown; what follows is refused as not sent."""
    queue = rabbit.queue()
    messages = [Outgoing(queue_ref(queue), b"x" * 500) for _ in range(500)]
    outcome: list[PublishStatus] = []
    async with adapter(rabbit.address) as broker, writer(broker).publisher() as publisher:
        cut = asyncio.create_task(asyncio.to_thread(rabbit.close_mqtui_connections))
        while set(outcome) <= {PublishStatus.STORED}:
            outcome += states(await publisher.send(messages))
        await cut
        assert states(await publisher.send(messages[:1])) == [PublishStatus.REFUSED]
    assert set(outcome) <= {PublishStatus.STORED, PublishStatus.UNKNOWN, PublishStatus.REFUSED}
    until(lambda: rabbit.ready(queue) >= outcome.count(PublishStatus.STORED), "what was confirmed is there")


async def test_a_publisher_outlives_nothing(rabbit: Rabbit) -> None:
    """After the adapter is closed nothing can be sent any more."""
    queue = rabbit.queue()
    async with adapter(rabbit.address) as broker, writer(broker).publisher() as publisher:
        pass
    with pytest.raises(BrokerTrouble):
        await publisher.send([Outgoing(queue_ref(queue), b"late")])


async def test_a_missing_permission_is_known_before_anything_is_sent(rabbit: Rabbit) -> None:
    queue, exchange = rabbit.queue(), rabbit.exchange("topic")
    targets = [queue_ref(queue), Ref(Kind.EXCHANGE, exchange)]
    with rabbit.user(write=r"^amq\.default$") as address:
        for known in (address, without_management(address)):
            async with adapter(known) as broker:
                (risk,) = await broker.broker.check_publish(targets)
                assert (risk.name, risk.severity, risk.final) == ("rights", Severity.REFUSE, True)
                assert f"write on exchange {exchange}" in risk.text
                assert await broker.broker.check_publish(targets[:1]) == []
    assert rabbit.ready(queue) == 0
