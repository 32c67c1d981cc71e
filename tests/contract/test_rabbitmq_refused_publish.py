"""R12: a message that the broker answers by closing the channel is refused alone, with the broker's own words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from mqtui.brokers.rabbitmq import confirms
from mqtui.domain.message import Message, Outgoing, Property
from mqtui.domain.redrive import PublishStatus, Receipt, Transfer
from mqtui.domain.resource import Kind, Ref
from tests.contract.rabbitmq_test_client import (
    QUORUM,
    Rabbit,
    adapter,
    lease_options,
    move_all,
    numbered,
    open_lease,
    queue_ref,
    states,
    writer,
)

DIRECT_REPLY_TO = "amq.rabbitmq.reply-to"
SAID = "406 PRECONDITION_FAILED - fast reply consumer does not exist"
LIMITED = {**QUORUM, "x-delivery-limit": 20}


@pytest.fixture
def rabbit(rabbitmq_url: str) -> Iterator[Rabbit]:
    opened = Rabbit(rabbitmq_url)
    yield opened
    opened.close()


@pytest.fixture
def unforeseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """No message is known beforehand as one that the broker may refuse."""
    monkeypatch.setattr(confirms, "may_close_channel", lambda *_: False)


async def sent(rabbit: Rabbit, messages: list[Outgoing]) -> list[Receipt]:
    async with adapter(rabbit.address) as broker, writer(broker).publisher() as publisher:
        return list(await publisher.send(messages))


def outgoing(queue: str, count: int, bad: dict[int, Property]) -> list[Outgoing]:
    ref = queue_ref(queue)
    return [
        Outgoing(ref, body, properties=(bad[place],) if place in bad else ())
        for place, body in enumerate(numbered(count))
    ]


async def test_the_smallest_form(rabbit: Rabbit) -> None:
    """One message, refused: not an unknown fate, and not a lost connection."""
    queue = rabbit.queue()
    (receipt,) = await sent(rabbit, outgoing(queue, 1, {0: ("reply_to", DIRECT_REPLY_TO)}))
    assert (receipt.state, receipt.reason) == (PublishStatus.REFUSED, SAID)
    assert rabbit.ready(queue) == 0


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (("reply_to", DIRECT_REPLY_TO), "fast reply consumer"),
        (("user_id", "somebody"), "user_id property set to 'somebody'"),
        (("expiration", "soon"), "invalid expiration 'soon'"),
    ],
)
@pytest.mark.parametrize("arguments", [{}, LIMITED])
async def test_the_others_are_stored_once_and_in_order(
    rabbit: Rabbit, arguments: dict[str, Any], bad: Property, words: str
) -> None:
    queue = rabbit.queue(arguments)
    places = {0: bad, 250: bad, 251: bad, 499: bad}
    receipts = await sent(rabbit, outgoing(queue, 500, places))
    assert [place for place, state in enumerate(states(receipts)) if state is not PublishStatus.STORED] == [*places]
    assert all(receipts[place].state is PublishStatus.REFUSED for place in places)
    assert all(receipts[place].reason.startswith("406 ") and words in receipts[place].reason for place in places)
    rabbit.wait_until_ready(queue, 496)
    assert rabbit.bodies(queue) == [body for place, body in enumerate(numbered(500)) if place not in places]


@pytest.mark.parametrize("arguments", [{}, LIMITED])
@pytest.mark.usefixtures("unforeseen")
async def test_one_that_nobody_foresaw_is_found_without_doubling(rabbit: Rabbit, arguments: dict[str, Any]) -> None:
    """The broker handles a channel's messages in order: those before were routed, those after it never saw.

    Those before that were not confirmed are unknown, not stored: a routed message may still be lost with its node.
    """
    queue = rabbit.queue(arguments)
    receipts = await sent(rabbit, outgoing(queue, 500, {77: ("reply_to", DIRECT_REPLY_TO), 300: ("user_id", "x")}))
    assert (receipts[77].state, receipts[77].reason) == (PublishStatus.REFUSED, SAID)
    assert receipts[300].state is PublishStatus.REFUSED
    assert set(states(receipts[:77])) <= {PublishStatus.STORED, PublishStatus.UNKNOWN}
    assert all(SAID in receipt.reason for receipt in receipts[:77] if receipt.state is PublishStatus.UNKNOWN)
    assert states(receipts[78:300]) == [PublishStatus.STORED] * 222
    assert states(receipts[301:]) == [PublishStatus.STORED] * 199
    rabbit.wait_until_ready(queue, 498)
    assert rabbit.bodies(queue) == [body for place, body in enumerate(numbered(500)) if place not in (77, 300)]


@pytest.mark.usefixtures("unforeseen")
async def test_a_resumed_run_asks_before_it_sends(rabbit: Rabbit) -> None:
    """So the letters before one that nobody foresaw are not in doubt again and again."""
    source, target = rabbit.queue(LIMITED), rabbit.queue()
    rabbit.fill(source, numbered(20))
    rabbit.publish("", source, b"bad", reply_to=DIRECT_REPLY_TO + ".x")
    rabbit.fill(source, numbered(30)[20:])
    async with open_lease(rabbit, source, replace(lease_options(), resumed=True)) as lease:
        receipts: list[Receipt] = []
        async for batch in lease.batches(100):
            receipts += await lease.move([fast_reply(letter, queue_ref(target)) for letter in batch])
    assert states(receipts).count(PublishStatus.STORED) == 30
    assert [receipt.reason for receipt in receipts if receipt.state is not PublishStatus.STORED] == [SAID]
    assert rabbit.bodies(target) == numbered(30)
    assert rabbit.bodies(source) == [b"bad"]


def fast_reply(letter: Message, target: Ref) -> Transfer:
    """The letter that asked for it gets a reply address that the broker refuses; a 0-9-1 publisher can't store one."""
    assert letter.envelope is not None
    named = tuple(
        (name, DIRECT_REPLY_TO) if name == "reply_to" else (name, value) for name, value in letter.envelope.properties
    )
    return Transfer(structs.replace(letter, envelope=structs.replace(letter.envelope, properties=named)), target)


@pytest.mark.parametrize("arguments", [{}, LIMITED])
async def test_one_letter_of_five_is_refused_and_four_are_moved(rabbit: Rabbit, arguments: dict[str, Any]) -> None:
    """The channel that holds the letters stays open: none is requeued by the broker, which would spend a delivery."""
    source, target = rabbit.queue(arguments), rabbit.queue(arguments)
    for place, body in enumerate(numbered(5)):
        rabbit.publish("", source, body, **({"reply_to": "somebody"} if place == 2 else {}))
    rabbit.wait_until_ready(source, 5)
    async with open_lease(rabbit, source, lease_options()) as lease:
        receipts: list[Receipt] = []
        async for batch in lease.batches(5):
            receipts += await lease.move([fast_reply(letter, queue_ref(target)) for letter in batch])
    assert states(receipts) == [PublishStatus.STORED] * 2 + [PublishStatus.REFUSED] + [PublishStatus.STORED] * 2
    assert receipts[2].reason == SAID
    rabbit.wait_until_ready(target, 4)
    assert rabbit.bodies(target) == [body for place, body in enumerate(numbered(5)) if place != 2]
    ((_, properties, body),) = rabbit.drain(source)
    assert body == numbered(5)[2]
    assert (properties.headers or {}).get("x-delivery-count", 1) == 1


async def test_an_exchange_that_vanished_or_may_not_be_written_refuses_its_own_messages(rabbit: Rabbit) -> None:
    """404 and 403, each for the messages it concerns, the others go on: also in one batch."""
    queue, closed = rabbit.queue(), rabbit.exchange("fanout")
    gone = Ref(Kind.EXCHANGE, rabbit.name())
    with rabbit.user(write=rf"^(amq\.default|{gone.name})$") as address:
        async with adapter(address) as broker, writer(broker).publisher() as publisher:
            receipts = await publisher.send(
                [
                    Outgoing(queue_ref(queue), b"a"),
                    Outgoing(gone, b"b"),
                    Outgoing(Ref(Kind.EXCHANGE, closed), b"c"),
                    Outgoing(queue_ref(queue), b"d"),
                ]
            )
    assert states(receipts) == [
        PublishStatus.STORED,
        PublishStatus.REFUSED,
        PublishStatus.REFUSED,
        PublishStatus.STORED,
    ]
    assert "NOT_FOUND" in receipts[1].reason
    assert "ACCESS_REFUSED" in receipts[2].reason
    assert rabbit.bodies(queue) == [b"a", b"d"]


async def test_an_exchange_deleted_in_the_middle_leaves_no_letter_unsaid(rabbit: Rabbit) -> None:
    """What was on its way to it is unknown or stored, what comes later is refused; other targets go on."""
    queue, exchange = rabbit.queue(), rabbit.exchange("fanout")
    rabbit.channel.queue_bind(queue, exchange)
    there = Ref(Kind.EXCHANGE, exchange)
    async with adapter(rabbit.address) as broker, writer(broker).publisher() as publisher:
        first = await publisher.send([Outgoing(there, b"a")])
        rabbit.channel.exchange_delete(exchange)
        second = await publisher.send([Outgoing(there, b"b"), Outgoing(queue_ref(queue), b"c")])
        third = await publisher.send([Outgoing(there, b"d"), Outgoing(queue_ref(queue), b"e")])
    assert states(first) == [PublishStatus.STORED]
    assert second[0].state in (PublishStatus.UNKNOWN, PublishStatus.REFUSED)
    assert "404 NOT_FOUND" in second[0].reason
    assert states(third) == [PublishStatus.REFUSED, PublishStatus.STORED]
    bodies = rabbit.bodies(queue)
    assert bodies.count(b"a") == bodies.count(b"e") == 1
    assert b"b" not in bodies
    assert b"d" not in bodies
    assert (b"c" in bodies) is (second[1].state is PublishStatus.STORED)


async def test_a_message_that_can_not_be_written_fails_alone(rabbit: Rabbit) -> None:
    """A header name that AMQP can't hold, in one of three."""
    queue = rabbit.queue()
    ref = queue_ref(queue)
    receipts = await sent(
        rabbit, [Outgoing(ref, b"a"), Outgoing(ref, b"b", headers=(("n" * 256, b"", "void"),)), Outgoing(ref, b"c")]
    )
    assert states(receipts) == [PublishStatus.STORED, PublishStatus.REFUSED, PublishStatus.STORED]
    assert rabbit.bodies(queue) == [b"a", b"c"]


async def test_a_letter_with_none_left_and_a_refused_reply_address_is_republished(rabbit: Rabbit) -> None:
    """R3: the copy at the tail must not be refused; its reply address is kept under another name."""
    source, target = rabbit.queue({**QUORUM, "x-delivery-limit": 1}), rabbit.queue({"x-max-length": 0})
    rabbit.publish("", source, b"frail", reply_to="somebody")
    rabbit.wait_until_ready(source, 1)
    assert rabbit.channel.basic_get(source)[0] is not None
    rabbit.channel.basic_nack(0, multiple=True, requeue=True)
    rabbit.wait_until_ready(source, 1)
    async with open_lease(rabbit, source, lease_options()) as lease:
        async for batch in lease.batches(1):
            await lease.release(batch)
    rabbit.wait_until_ready(source, 1)
    assert rabbit.ready(target) == 0


async def test_homeward_letters_of_a_foreign_user_are_refused_one_by_one(rabbit: Rabbit) -> None:
    """`user_id` has to be our own: 406 for each of the others."""
    source, target = rabbit.queue(), rabbit.queue()
    for place, body in enumerate(numbered(6)):
        rabbit.publish("", source, body, **({"user_id": "guest"} if place % 2 else {}))
    rabbit.wait_until_ready(source, 6)
    with rabbit.user() as address:
        async with adapter(address) as broker:
            snapshot = await broker.broker.snapshot(queue_ref(source))
            async with writer(broker).lease(snapshot, lease_options()) as lease:
                receipts = await move_all(lease, queue_ref(target))
    assert states(receipts) == [PublishStatus.STORED, PublishStatus.REFUSED] * 3
    assert all("user_id property set to 'guest'" in receipt.reason for receipt in receipts[1::2])
    assert rabbit.bodies(source) == numbered(6)[1::2]
    assert rabbit.bodies(target) == numbered(6)[::2]
