"""Publishing: a receipt for each message, and every byte as it was given."""

from __future__ import annotations

from random import Random

import pytest

from mqtui.brokers.port import Adapter
from mqtui.domain.errors import MqtuiError
from mqtui.domain.message import EntryId, Offset
from mqtui.domain.redrive import PublishStatus
from mqtui.domain.resource import BrokerKind
from tests.contract.asking import look, publish
from tests.contract.worlds import Letter, World


async def test_each_message_has_a_receipt_in_order(world: World, adapter: Adapter) -> None:
    ref = world.create()
    letters = [world.letter(number) for number in range(30)]
    receipts = await publish(adapter, [world.sent(letter, ref) for letter in letters])
    assert [receipt.state for receipt in receipts] == [PublishStatus.STORED] * 30
    assert world.contents(ref) == letters
    places = [receipt.position for receipt in receipts]
    match world.kind:
        case BrokerKind.KAFKA:
            assert places == [Offset(0, number) for number in range(30)]
        case BrokerKind.REDIS:
            ids = [place for place in places if isinstance(place, EntryId)]
            assert len(ids) == 30
            assert ids == sorted(ids)
        case BrokerKind.RABBITMQ:
            assert places == [None] * 30


async def test_bytes_are_published_as_they_are(world: World, adapter: Adapter) -> None:
    ref = world.create()
    letters = world.odd_letters()
    receipts = await publish(adapter, [world.sent(letter, ref) for letter in letters])
    assert {receipt.state for receipt in receipts} == {PublishStatus.STORED}
    assert world.contents(ref) == letters


async def test_bytes_are_read_as_they_are(world: World, adapter: Adapter) -> None:
    ref = world.create()
    letters = world.odd_letters()
    world.put(ref, letters)
    assert [world.seen(message) for message in await look(world, adapter, ref, 100)] == letters


async def test_what_is_read_can_be_published_again(world: World, adapter: Adapter) -> None:
    source, target = world.create("from"), world.create("to")
    world.put(source, world.odd_letters())
    messages = await look(world, adapter, source, 100)
    await publish(adapter, [world.sent(world.seen(message), target) for message in messages])
    assert world.contents(target) == world.contents(source)


async def test_a_missing_target_takes_nothing_and_is_not_made(world: World, adapter: Adapter) -> None:
    missing = world.ref(world.name("missing"))
    before = world.fingerprint()
    try:
        (receipt,) = await publish(adapter, [world.sent(world.letter(1), missing)])
    except MqtuiError as error:
        assert error.title
    else:
        assert receipt.state in (PublishStatus.RETURNED, PublishStatus.REFUSED)
        assert receipt.reason
    assert world.fingerprint() == before


async def test_a_refused_message_does_not_hinder_the_others(world: World, adapter: Adapter) -> None:
    ref, other = world.create(), world.create("other")
    good = [world.letter(number) for number in range(6)]
    messages = [world.sent(letter, ref) for letter in good]
    if world.traits.too_large is None:
        messages.insert(3, world.sent(world.letter(99), world.ref(world.name("missing"))))
    else:
        messages.insert(3, world.sent(large(world), ref))
    messages.append(world.sent(world.letter(7), other))
    receipts = await publish(adapter, messages)
    states = [receipt.state for receipt in receipts]
    assert states[3] in (PublishStatus.RETURNED, PublishStatus.REFUSED)
    assert receipts[3].reason
    assert states[:3] + states[4:] == [PublishStatus.STORED] * 7
    assert world.contents(ref) == good
    assert world.contents(other) == [world.letter(7)]


def large(world: World) -> Letter:
    """A letter over the broker's limit, whatever it is compressed with."""
    content = Random(1).randbytes((world.traits.too_large or 0) + 1)
    return Letter(fields=((b"value", content),)) if world.kind is BrokerKind.REDIS else Letter(content, headers=())


async def test_many_messages_keep_their_order(world: World, adapter: Adapter) -> None:
    ref = world.create()
    letters = [world.letter(number) for number in range(3000)]
    receipts = await publish(adapter, [world.sent(letter, ref) for letter in letters])
    assert len(receipts) == 3000
    assert world.contents(ref) == letters


async def test_nothing_is_sent_where_nothing_is_given(world: World, adapter: Adapter) -> None:
    ref = world.create()
    assert list(await publish(adapter, [])) == []
    assert world.contents(ref) == []


@pytest.mark.parametrize("size", [1_000_000, 20_000_000])
async def test_a_large_message_comes_home_or_is_refused_with_its_reason(
    world: World, adapter: Adapter, size: int
) -> None:
    ref = world.create()
    fields = ((b"value", b"x" * size),)
    letter = Letter(fields=fields) if world.kind is BrokerKind.REDIS else Letter(b"x" * size)
    (receipt,) = await publish(adapter, [world.sent(letter, ref)])
    if receipt.state is PublishStatus.STORED:
        assert world.contents(ref) == [letter]
    else:
        assert receipt.state is PublishStatus.REFUSED
        assert receipt.reason
        assert world.contents(ref) == []
