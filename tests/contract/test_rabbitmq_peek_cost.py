"""R3, R4, R5: what a peek of a queue costs, when it is refused, and how one with no delivery left is republished."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mqtui.brokers.rabbitmq.connection.session import InMemoryPeekBudget, RabbitSession, parse_version
from mqtui.brokers.rabbitmq.read import last_delivery
from mqtui.brokers.rabbitmq.read.delivery_limit import NO_LIMIT, DeliveryLimit, LimitKind, resolve_delivery_limit
from mqtui.domain.errors import BrokerTrouble, NotAuthorised, NotFound, Refused, Unsupported
from mqtui.domain.figure import Exactness as FigureSort
from mqtui.domain.resource import Kind, Ref
from tests.contract.rabbitmq_test_client import (
    QUORUM,
    STREAM,
    Rabbit,
    adapter,
    peek_messages,
    queue_ref,
    until,
    without_management,
)

LIMITED = {**QUORUM, "x-delivery-limit": 3}
TEN = [b"%d" % number for number in range(10)]


@pytest.fixture
def rabbit(rabbitmq_url: str) -> Iterator[Rabbit]:
    opened = Rabbit(rabbitmq_url)
    yield opened
    opened.close()


def spend(rabbit: Rabbit, queue: str, times: int, count: int = 1) -> None:
    """Deliver and return the first messages, as a failing consumer does."""
    for _ in range(times):
        for _ in range(count):
            assert rabbit.channel.basic_get(queue)[0] is not None
        rabbit.channel.basic_nack(0, multiple=True, requeue=True)
        until(lambda: rabbit.ready(queue) >= count, "returned")


async def test_six_peeks_at_a_limit_of_three_lose_nothing(rabbit: Rabbit) -> None:
    """R3: the first peek reads all, the one that meets 1 left stops there, later ones are refused; all 10 stay."""
    dead = rabbit.queue()
    queue = rabbit.queue({**LIMITED, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
    rabbit.fill(queue, TEN)
    seen: list[int] = []
    refused = 0
    async with adapter(rabbit.address) as broker:
        for _ in range(6):
            try:
                seen.append(len(await peek_messages(broker, queue, 10)))
            except Refused as refusal:
                assert "no delivery left" in refusal.detail
                refused += 1
    assert (seen, refused) == ([10, 10, 1], 3)
    rabbit.wait_until_ready(queue, 10)
    assert rabbit.ready(dead) == 0
    assert sorted(rabbit.bodies(queue)) == TEN


async def test_messages_returned_before_change_places_among_themselves(rabbit: Rabbit) -> None:
    """R5, proved otherwise by 3.10.8: a quorum queue keeps returned messages apart, the latest last.

    The price says so.
    """
    queue = rabbit.queue(LIMITED)
    rabbit.fill(queue, TEN)
    async with adapter(rabbit.address) as broker:
        await peek_messages(broker, queue, 4)
        assert "change places" in (await broker.broker.reader.peek_cost(queue_ref(queue), 2)).text
        await peek_messages(broker, queue, 2)
    rabbit.wait_until_ready(queue, 10)
    assert rabbit.bodies(queue) == TEN[2:4] + TEN[:2] + TEN[4:]


async def test_the_price_is_reported_first(rabbit: Rabbit) -> None:
    """R3: limit known, what is left unknown until read, then known from the last peek."""
    queue = rabbit.queue(LIMITED)
    rabbit.fill(queue, TEN)
    async with adapter(rabbit.address) as broker:
        before = await broker.broker.reader.peek_cost(queue_ref(queue), 10)
        assert (before.lends, before.spends, before.limit.number, before.left.number) == (True, True, 3, None)
        assert "1 of at most 3" in before.text
        (first, *_) = await peek_messages(broker, queue, 10)
        assert first.envelope is not None
        assert (first.envelope.deliveries, first.envelope.left.number) == (0, 3)
        after = await broker.broker.reader.peek_cost(queue_ref(queue), 10)
        assert (after.left.number, after.left.sort) == (2, FigureSort.ABOUT)


async def test_the_memory_of_counts_outlives_a_process_and_ends_with_an_empty_queue(rabbit: Rabbit) -> None:
    """R3: later peeks are refused until the queue was seen empty; `PeekBudget` is what remembers."""
    queue = rabbit.queue(LIMITED)
    rabbit.fill(queue, TEN[:2])
    spend(rabbit, queue, 2, 2)
    counts = InMemoryPeekBudget()
    async with adapter(rabbit.address) as broker:
        broker.peek_budget = counts
        assert len(await peek_messages(broker, queue, 10)) == 1
    async with adapter(rabbit.address) as broker:
        broker.peek_budget = counts
        assert (await broker.broker.reader.peek_cost(queue_ref(queue), 1)).refusal
        with pytest.raises(Refused):
            await peek_messages(broker, queue, 1)
        rabbit.channel.queue_purge(queue)
        until(lambda: rabbit.management_row(queue).get("messages", 0) == 0, "seen empty by the management API")
        assert not (await broker.broker.reader.peek_cost(queue_ref(queue), 1)).refusal
        rabbit.fill(queue, TEN[:1])
        assert len(await peek_messages(broker, queue, 1)) == 1


async def test_a_message_with_no_delivery_left_is_republished_at_the_tail(rabbit: Rabbit) -> None:
    """R3: found with 0 left it is copied to its own queue, confirmed, then acknowledged; it counts anew."""
    dead = rabbit.queue()
    queue = rabbit.queue({**LIMITED, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead})
    rabbit.publish("", queue, b"poison", message_id="m", headers={"k": "v", "CC": [dead]}, user_id="guest")
    rabbit.publish("", queue, b"sound")
    rabbit.bodies(dead)
    rabbit.wait_until_ready(queue, 2)
    spend(rabbit, queue, 3)
    async with adapter(rabbit.address) as broker:
        found = await peek_messages(broker, queue, 10)
    lefts = [message.envelope.left.number for message in found if message.envelope]
    assert [(message.value, left) for message, left in zip(found, lefts, strict=True)] == [
        (b"poison", 0),
        (b"sound", 3),
    ]
    rabbit.wait_until_ready(queue, 2)
    assert rabbit.ready(dead) == 0
    (_, _, first), (method, copy, second) = rabbit.drain(queue)
    assert (first, second, method.redelivered) == (b"sound", b"poison", False)
    assert copy.headers.pop("x-delivery-count", 0) == 0
    assert copy.headers == {"k": "v", "x-mqtui-cc": [dead], "x-mqtui-user-id": "guest"}
    assert (copy.message_id, copy.user_id, copy.delivery_mode) == ("m", None, 2)


async def test_a_full_queue_that_refuses_a_message_leaves_it_parked(
    rabbit: Rabbit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R3: where its own queue refuses the copy, the message waits in a queue of ours, and the error names it."""
    holding, full = rabbit.queue(), rabbit.queue({"x-max-length": 1, "x-overflow": "reject-publish"})
    rabbit.fill(holding, [b"poison"])
    rabbit.fill(full, [b"in the way"])
    monkeypatch.setattr(last_delivery, "FULL_QUEUE_TIMEOUT", 0.3)
    session = RabbitSession(rabbit.address)

    async def republish() -> None:
        async with session.connection() as connection:
            channel = await connection.channel()
            got = await channel.get(holding)
            assert got is not None
            republisher = last_delivery.LastDeliveryRepublisher(session, full)
            try:
                await republisher.republish(channel, got[0].delivery_tag, got[1], got[2])
            finally:
                await republisher.close()

    with pytest.raises(BrokerTrouble) as told:
        await session.io.call(republish())
    await session.close()
    parking_queue = f"mqtui.rescue.{full}"
    assert parking_queue in told.value.detail
    assert rabbit.bodies(rabbit.queue(name=parking_queue)) == [b"poison"]
    assert (rabbit.ready(holding), rabbit.bodies(full)) == (0, [b"in the way"])


async def test_classic_queues_are_peeked_in_order_at_no_cost(rabbit: Rabbit) -> None:
    """R5: ten peeks leave a classic queue as it was; only `redelivered` tells."""
    queue = rabbit.queue()
    rabbit.fill(queue, TEN)
    async with adapter(rabbit.address) as broker:
        price = await broker.broker.reader.peek_cost(queue_ref(queue), 5)
        assert (price.lends, price.spends, price.refusal) == (True, False, "")
        for _ in range(10):
            assert [message.value for message in await peek_messages(broker, queue, 5)] == TEN[:5]
        half = await peek_messages(broker, queue, 10)
    assert [message.envelope.redelivered for message in half if message.envelope] == [True] * 5 + [False] * 5
    assert rabbit.bodies(queue) == TEN


async def test_a_quorum_queue_keeps_its_order_where_it_has_a_limit(rabbit: Rabbit) -> None:
    """R5: `nack multiple` for 32 at a time keeps the place of what was peeked; for more at once it does not."""
    queue = rabbit.queue({**QUORUM, "x-delivery-limit": 20})
    bodies = [b"%03d" % number for number in range(150)]
    rabbit.fill(queue, bodies)
    async with adapter(rabbit.address) as broker:
        assert [message.value for message in await peek_messages(broker, queue, 100)] == bodies[:100]
    rabbit.wait_until_ready(queue, 150)
    assert rabbit.bodies(queue) == bodies


async def test_without_a_limit_a_quorum_queue_sends_them_to_the_tail(rabbit: Rabbit) -> None:
    """R5: the price says so."""
    queue = rabbit.queue(rabbit.quorum_without_limit)
    rabbit.fill(queue, TEN)
    async with adapter(rabbit.address) as broker:
        price = await broker.broker.reader.peek_cost(queue_ref(queue), 4)
        assert "the peeked messages go to the tail" in price.text
        assert price.spends
        await peek_messages(broker, queue, 4)
    rabbit.wait_until_ready(queue, 10)
    assert rabbit.bodies(queue) == TEN[4:] + TEN[:4]


async def test_a_policy_lowers_the_limit_at_once(rabbit: Rabbit) -> None:
    """R4: the least of argument, policy and operator policy, also before the management API reports them."""
    queue = rabbit.name()
    rabbit.policy(f"^{queue}$", {"delivery-limit": 7})
    rabbit.queue({**QUORUM, "x-delivery-limit": 9}, name=queue)
    async with adapter(rabbit.address) as broker:
        assert (await broker.broker.reader.peek_cost(queue_ref(queue), 1)).limit.number == 7
        rabbit.policy(f"^{queue}$", {"delivery-limit": 5}, operator=True)
        assert (await broker.broker.reader.peek_cost(queue_ref(queue), 1)).limit.number in (5, 7)


async def test_without_the_management_api_one_delivery_is_taken_as_left(rabbit: Rabbit) -> None:
    """R4: arguments and policy unreadable; one message is shown, then peeks are refused."""
    queue = rabbit.queue(LIMITED)
    rabbit.fill(queue, TEN)
    async with adapter(without_management(rabbit.address)) as broker:
        price = await broker.broker.reader.peek_cost(queue_ref(queue), 5)
        assert (price.spends, price.limit.known) == (True, False)
        assert "1 is assumed to be left" in price.text
        assert [message.value for message in await peek_messages(broker, queue, 5)] == TEN[:1]
        with pytest.raises(Refused):
            await peek_messages(broker, queue, 5)
    rabbit.wait_until_ready(queue, 10)
    assert rabbit.bodies(queue) == TEN


def test_the_limit_by_version_and_sign() -> None:
    """R4: reported, else the least of argument and policy, else by version; a negative one."""
    old, new = parse_version("3.10.8"), parse_version("4.0.5-rc.1")
    quorum = {"type": "quorum", "arguments": {}}
    negative = {"type": "quorum", "arguments": {"x-delivery-limit": -1}}
    assert resolve_delivery_limit({"type": "classic"}, {}, old) is NO_LIMIT
    assert resolve_delivery_limit(quorum, {}, old) == DeliveryLimit(LimitKind.NONE, keeps_order=False)
    assert resolve_delivery_limit(quorum, {}, new) == DeliveryLimit(LimitKind.KNOWN, 20)
    reported = {**quorum, "delivery_limit": 8}
    assert resolve_delivery_limit(reported, {"delivery-limit": 2}, new) == DeliveryLimit(LimitKind.KNOWN, 8)
    assert resolve_delivery_limit(quorum, {"delivery-limit": 2}, new) == DeliveryLimit(LimitKind.KNOWN, 2)
    assert resolve_delivery_limit(quorum, None, new).kind is LimitKind.UNREADABLE
    assert resolve_delivery_limit(negative, {}, new) == DeliveryLimit(LimitKind.NONE, keeps_order=False)
    assert resolve_delivery_limit(negative, {}, old).deliveries_left(0) == 0
    assert [DeliveryLimit(LimitKind.KNOWN, 3).left_figure(count).number for count in (None, 0, 2, 3, 9)] == [
        3,
        3,
        1,
        0,
        0,
    ]


async def test_a_missing_right_is_named_before_anything_is_taken(rabbit: Rabbit) -> None:
    """Without the right to write to the default exchange nothing could be republished, so nothing is taken."""
    queue = rabbit.queue(LIMITED)
    rabbit.fill(queue, TEN)
    with rabbit.user(read=".*", write="^$") as reader, pytest.raises(NotAuthorised, match="right to publish"):
        async with adapter(reader) as broker:
            await peek_messages(broker, queue, 1)
    with rabbit.user(read="^$", write=".*") as blind, pytest.raises(NotAuthorised) as told:
        async with adapter(blind) as broker:
            await peek_messages(broker, queue, 1)
    assert f"read on queue {queue}" in told.value.hint
    assert [
        (headers or {}).get("x-delivery-count", 0)
        for _, properties, _ in rabbit.drain(queue)
        for headers in [properties.headers]
    ] == [0] * 10


async def test_what_can_not_be_peeked_says_so(rabbit: Rabbit) -> None:
    """A stream is read at no cost, an exchange holds nothing, a missing queue is never created."""
    stream, exchange, missing = rabbit.queue(STREAM), rabbit.exchange(), rabbit.name()
    async with adapter(rabbit.address) as broker:
        with pytest.raises(Unsupported):
            await peek_messages(broker, stream, 1)
        with pytest.raises(NotFound):
            await broker.broker.reader.peek_cost(Ref(Kind.EXCHANGE, exchange), 1)
        with pytest.raises(NotFound):
            await peek_messages(broker, missing, 1)
        with pytest.raises(NotFound):
            await broker.broker.reader.peek_cost(queue_ref(missing), 1)
    rabbit.fill(stream, [b"x"])
    async with adapter(without_management(rabbit.address)) as broker:
        with pytest.raises(Unsupported):
            await peek_messages(broker, stream, 1)
