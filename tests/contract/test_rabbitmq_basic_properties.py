"""R1: properties and header tables of RabbitMQ messages, byte for byte through a peek, a move and a publish."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest
from msgspec import structs

from mqtui.brokers.rabbitmq.connection.basic_properties import RawProperties, decode_properties, encode_properties
from mqtui.domain.errors import BadInput
from mqtui.domain.field_table import int64, plain, raw, string
from mqtui.domain.message import Header, Outgoing
from mqtui.domain.redrive import PublishStatus
from tests.contract.rabbitmq_test_client import (
    QUORUM,
    Rabbit,
    adapter,
    lease_options,
    move_all,
    peek_messages,
    queue_ref,
    transfers_to,
    writer,
)

EVERY_TYPE = b"".join(
    (
        b"\x04boolt\x01",
        b"\x04int8b\xfe",
        b"\x05uint8B\xfe",
        b"\x05int16s\x80\x01",
        b"\x06uint16u\x80\x01",
        b"\x05int32I\x80\x00\x00\x01",
        b"\x06uint32i\x80\x00\x00\x01",
        b"\x05int64l\x80\x00\x00\x00\x00\x00\x00\x01",
        b"\x05floatf" + struct.pack(">f", 1.75),
        b"\x06doubled" + struct.pack(">d", 1.1),
        b"\x07decimalD\x02\x00\x00\x01\x3a",
        b"\x06stringS\x00\x00\x00\x03abc",
        b"\x06not-u8S\x00\x00\x00\x02\xff\xfe",
        b"\x05arrayA\x00\x00\x00\x05s\x00\x07t\x00",
        b"\x04timeT\x00\x00\x00\x00\x65\x00\x00\x00",
        b"\x05tableF\x00\x00\x00\x05\x01as\x00\x01",
        b"\x04voidV",
        b"\x06binaryx\x00\x00\x00\x02\x00\xff",
        b"\x03twos\x00\x01",
        b"\x03twos\x00\x02",
        b"\x02\xff\xfet\x00",
    )
)
PROPERTIES = (("content_type", "a/b"), ("delivery_mode", 2), ("priority", 3), ("timestamp", 7), ("app_id", "größe"))


def table() -> bytes:
    """A header table with every type, duplicates and a name that is not UTF-8, as encoded properties."""
    flags = 1 << 15 | 1 << 13 | 1 << 12 | 1 << 11 | 1 << 6 | 1 << 3
    return (
        struct.pack(">H", flags)
        + b"\x03a/b"
        + struct.pack(">I", len(EVERY_TYPE))
        + EVERY_TYPE
        + b"\x02\x03"
        + struct.pack(">Q", 7)
        + b"\x07"
        + "größe".encode()
    )


@pytest.fixture
def rabbit(rabbitmq_url: str) -> Iterator[Rabbit]:
    opened_client = Rabbit(rabbitmq_url)
    yield opened_client
    opened_client.close()


def put(rabbit: Rabbit, queue: str, encoded: bytes, body: bytes = b"\x00\xff") -> None:
    rabbit.channel.basic_publish("", queue, body, RawProperties(encoded))


def taken(rabbit: Rabbit, queue: str) -> tuple[bytes, bytes]:
    """Encoded properties and body of the only message, as the broker sends them."""
    ((_, properties, body),) = rabbit.drain(queue)
    assert isinstance(properties, RawProperties)
    return properties.encoded, body


def test_properties_are_read_and_written_without_a_change() -> None:
    headers, named = decode_properties(table())
    assert len(headers) == 21
    assert named == PROPERTIES
    assert encode_properties(headers, named) == table()


def test_received_properties_look_like_pikas() -> None:
    """Code that reads a received message with pika sees what pika would have decoded."""
    properties = RawProperties().decode(
        encode_properties((("n", int64(5), "int64"),), (("message_id", "m"), ("priority", 1)))
    )
    assert properties.headers == {"n": 5}
    assert (properties.message_id, properties.priority, properties.content_type) == ("m", 1, None)
    assert not hasattr(properties, "nonsense")


def test_a_field_that_is_set_is_sent() -> None:
    """Whoever reads a message with pika, changes a field and publishes it again, publishes the change."""
    properties = RawProperties().decode(
        encode_properties((("n", int64(5), "int64"),), (("message_id", "m"), ("priority", 1)))
    )
    properties.headers = {"why": "late"}
    again = RawProperties().decode(b"".join(properties.encode()))
    assert (again.headers, again.message_id, again.priority) == ({"why": "late"}, "m", 1)


@pytest.mark.parametrize(
    "pair", [("headers", "x"), ("nonsense", "x"), ("priority", 256), ("type", 1), ("type", "x" * 256)]
)
def test_a_property_that_can_not_be_sent_is_bad_input(pair: tuple[str, str | int]) -> None:
    with pytest.raises(BadInput):
        encode_properties((), (pair,))


def as_stored(rabbit: Rabbit, encoded: bytes) -> bytes:
    """What the broker itself makes of properties: 4.0 sorts the table, and keeps no repeated or non-UTF-8 name."""
    beside = rabbit.queue()
    put(rabbit, beside, encoded)
    return taken(rabbit, beside)[0]


def test_an_older_broker_stores_every_byte(rabbit: Rabbit) -> None:
    """So that what the others compare with is all that was sent; a newer broker keeps each name once."""
    stored, sent = as_stored(rabbit, table()), decode_properties(table())[0]
    if rabbit.version_numbers < (4,):
        assert stored == table()
    headers, named = decode_properties(stored)
    assert named == PROPERTIES
    assert {name for name, _, _ in headers} >= {name for name, _, _ in sent} - {"\udcff\udcfe"}
    assert set(headers) <= set(sent)


async def test_a_peek_tells_every_type(rabbit: Rabbit) -> None:
    """R1: peek, classic queue."""
    queue = rabbit.queue()
    put(rabbit, queue, table())
    stored = as_stored(rabbit, table())
    async with adapter(rabbit.address) as broker:
        (message,) = await peek_messages(broker, queue, 5)
    assert message.headers == decode_properties(stored)[0]
    assert message.envelope is not None
    assert message.envelope.properties == PROPERTIES
    assert message.timestamp == 7000
    told = {name: plain(value, kind) for name, value, kind in message.headers}
    assert (told["double"], told["float"], told["int16"]) == (1.1, 1.75, -32767)
    assert taken(rabbit, queue) == (stored, b"\x00\xff")


async def moved(rabbit: Rabbit, source: str, target: str) -> None:
    """Move the only letter; the count that a quorum queue adds stays behind, as in every run."""
    put(rabbit, source, table())
    rabbit.wait_until_ready(source, 1)
    async with adapter(rabbit.address) as broker:
        snapshot = await broker.broker.snapshot(queue_ref(source))
        async with writer(broker).lease(snapshot, lease_options()) as lease:
            async for batch in lease.batches(10):
                counts = frozenset({"x-delivery-count"})
                transfers = [
                    structs.replace(each, stripped=counts) for each in transfers_to(list(batch), queue_ref(target))
                ]
                assert [receipt.state for receipt in await lease.move(transfers)] == [PublishStatus.STORED]


async def test_a_move_changes_no_byte(rabbit: Rabbit) -> None:
    """R1: redrive of an untouched letter."""
    source, target = rabbit.queue(), rabbit.queue()
    await moved(rabbit, source, target)
    assert taken(rabbit, target) == (as_stored(rabbit, table()), b"\x00\xff")


async def test_a_move_from_a_quorum_queue_changes_no_field(rabbit: Rabbit) -> None:
    """R1: 3.10.8 itself sorts the table when it adds its count; each field keeps its bytes and type."""
    source, target = rabbit.queue(QUORUM), rabbit.queue()
    await moved(rabbit, source, target)
    encoded, body = taken(rabbit, target)
    headers, named = decode_properties(encoded)
    assert sorted(headers) == sorted(decode_properties(as_stored(rabbit, table()))[0])
    assert (named, body) == (PROPERTIES, b"\x00\xff")


async def test_a_move_keeps_what_is_neither_stripped_nor_ours(rabbit: Rabbit) -> None:
    """R1: each other field keeps its bytes, type and place; ours stand behind; a dropped property is gone."""
    source, target = rabbit.queue(), rabbit.queue()
    put(rabbit, source, table())
    ours: Header = ("x-mqtui-run", string("run"), "string")
    async with adapter(rabbit.address) as broker:
        snapshot = await broker.broker.snapshot(queue_ref(source))
        async with writer(broker).lease(snapshot, lease_options()) as lease:
            async for batch in lease.batches(10):
                (transfer,) = transfers_to(list(batch), queue_ref(target))
                changed = structs.replace(
                    transfer, stripped=frozenset({"two", "\udcff\udcfe"}), added=(ours,), dropped=frozenset({"app_id"})
                )
                await lease.move([changed])
    headers, named = decode_properties(taken(rabbit, target)[0])
    kept = [header for header in decode_properties(as_stored(rabbit, table()))[0] if header[0] not in changed.stripped]
    assert headers == (*kept, ours)
    assert named == PROPERTIES[:-1]


async def test_export_and_publish_change_no_byte(rabbit: Rabbit) -> None:
    """R1, C1: what a peek tells, as JSON and back, is published as it was."""
    source, target = rabbit.queue(), rabbit.queue()
    put(rabbit, source, table())
    async with adapter(rabbit.address) as broker:
        (message,) = await peek_messages(broker, source, 1)
        assert message.envelope is not None
        again = tuple((name, raw(plain(value, kind), kind), kind) for name, value, kind in message.headers)
        outgoing = Outgoing(queue_ref(target), message.value, headers=again, properties=message.envelope.properties)
        async with writer(broker).publisher() as publisher:
            assert [receipt.state for receipt in await publisher.send([outgoing])] == [PublishStatus.STORED]
    assert taken(rabbit, target) == (as_stored(rabbit, table()), b"\x00\xff")


async def test_a_thousand_headers_and_many_megabytes_move(rabbit: Rabbit) -> None:
    """A record with 1,000 headers and one of 20 MB (4.0 takes 16) come home as they were."""
    source, target = rabbit.queue(), rabbit.queue()
    headers = tuple((f"header-{number:03d}", int64(number), "int64") for number in range(1000))
    big = bytes(range(256)) * ((80 if rabbit.version_numbers < (4,) else 64) * 1024)
    put(rabbit, source, encode_properties(headers, (("delivery_mode", 2),)))
    put(rabbit, source, encode_properties((), (("delivery_mode", 1),)), big)
    async with adapter(rabbit.address) as broker:
        snapshot = await broker.broker.snapshot(queue_ref(source))
        async with writer(broker).lease(snapshot, lease_options()) as lease:
            receipts = await move_all(lease, queue_ref(target))
    assert [receipt.state for receipt in receipts] == [PublishStatus.STORED] * 2
    first, second = rabbit.drain(target)
    assert decode_properties(first[1].encoded) == (headers, (("delivery_mode", 2),))
    assert (decode_properties(second[1].encoded)[1], second[2] == big) == ((("delivery_mode", 1),), True)
