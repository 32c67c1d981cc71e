"""A seeded shop on a real Kafka, read back with the client library, and its billing at work."""

import json
import re
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from mqtui.brokers.address import Address
from mqtui.demo.shop import orders
from mqtui.demo.shop.brokers import open_branch
from mqtui.demo.shop.connections import kafka_settings
from mqtui.demo.shop.kafka_producing import Sent, ShopRecord, received, send_all
from mqtui.demo.shop.kafka_topics import open_consumer, open_producer
from mqtui.demo.shop.kafka_traffic import billing
from mqtui.demo.shop.names import KafkaNames
from mqtui.demo.shop.registry_stand_in import start_stand_in
from mqtui.demo.shop.spec import Spec
from mqtui.demo.shop.workers import Workers
from mqtui.domain.message import Message, Offset
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.services.decode_batch import decode_each
from mqtui.services.decoding import load_decoder
from tests.demo.processes import until

SECONDS = 30.0


@dataclass(frozen=True)
class Shop:
    url: str
    names: KafkaNames
    letters: dict[str, int]
    registry: str
    new_topics: set[str]
    groups_before: set[str]


@pytest.fixture(scope="module")
def shop(kafka_url: str) -> Shop:
    registry = start_stand_in()
    spec = Spec(fernet_key="", kafka=kafka_url, prefix=f"shop-{secrets.token_hex(3)}.", registry=registry)
    admin = AdminClient(kafka_settings(kafka_url))
    before = set(admin.list_topics(timeout=10).topics)
    groups = {group.group_id for group in admin.list_consumer_groups().result(10).valid}
    letters = open_branch("kafka").seed(spec)
    new = set(admin.list_topics(timeout=10).topics) - before
    return Shop(kafka_url, KafkaNames(spec.prefix), letters, registry, new - {"__consumer_offsets"}, groups)


@pytest.fixture
def billed(shop: Shop) -> Iterator[Producer]:
    """Billing at work on the shop's orders, and a producer for more of them."""
    staff = Workers()
    staff.hire(lambda stop: billing(shop.url, shop.names, stop), AssertionError)
    yield open_producer(shop.url)
    staff.send_home(10.0)


def read_all(shop: Shop, topic: str) -> list[Sent]:
    """Read a topic from its first record to the ends it has now."""
    reader = open_consumer(shop.url, f"{shop.names.prefix}reader")
    try:
        parts = [TopicPartition(topic, one, 0) for one in range(shop.names.partitions()[topic])]
        expected = sum(reader.get_watermark_offsets(part, SECONDS)[1] for part in parts)
        reader.assign(parts)
        records: list[Sent] = []

        def complete() -> bool:
            records.extend(fetch(reader))
            return len(records) >= expected

        until(complete, SECONDS, f"{expected} records of {topic}")
        return records
    finally:
        reader.close()


def fetch(reader: Consumer) -> list[Sent]:
    messages = reader.consume(500, timeout=0.5)
    assert [message.error() for message in messages if message.error()] == []
    return [received(message) for message in messages]


def root_cause(letter: Sent) -> str:
    trace = dict(letter.parcel.headers)["kafka_dlt-exception-stacktrace"].decode()
    return str(re.findall(r"^Caused by: (.*)$", trace, re.MULTILINE)[-1])


def values(letter: Sent, name: str) -> list[int]:
    return [int.from_bytes(value, "big", signed=True) for one, value in letter.parcel.headers if one == name]


def test_every_topic_and_group_has_the_prefix(shop: Shop) -> None:
    assert shop.new_topics == set(shop.names.partitions())
    assert all(topic.startswith(shop.names.prefix) for topic in shop.new_topics)
    admin = AdminClient(kafka_settings(shop.url))

    def new_groups() -> set[str]:
        return {group.group_id for group in admin.list_consumer_groups().result(10).valid} - shop.groups_before

    seeded = {shop.names.billing, shop.names.reporting, shop.names.shipping}
    until(lambda: seeded <= new_groups(), SECONDS, "the three groups are listed")
    assert all(group.startswith(shop.names.prefix) for group in new_groups())


def test_dead_orders_have_three_causes(shop: Shop) -> None:
    letters = read_all(shop, shop.names.orders_dlq)
    assert shop.letters[shop.names.orders_dlq] == len(letters) == 31
    causes = Counter(re.sub(r"\d+ ms|\"\d.*\"", "#", root_cause(letter)) for letter in letters)
    assert causes == {
        'shop.billing.SchemaMismatch: field "amount" missing': 8,
        "shop.billing.PaymentTimeout: payments did not answer within #": 19,
        "java.lang.NumberFormatException: For input string: #": 4,
    }


def test_a_letter_tells_the_very_order_it_was(shop: Shop) -> None:
    written = {(order.partition, order.offset): order.parcel for order in read_all(shop, shop.names.orders)}
    letters = read_all(shop, shop.names.orders_dlq)
    for letter in letters:
        places = values(letter, "kafka_dlt-original-partition"), values(letter, "kafka_dlt-original-offset")
        for place in zip(*places, strict=True):
            assert written[place].value == letter.parcel.value
            assert written[place].key == letter.parcel.key
        assert values(letter, "kafka_dlt-original-timestamp")[-1] == written[place].timestamp
        assert values(letter, "kafka_deliveryAttempt")[-1] == 3
        assert dict(letter.parcel.headers)["content-type"] == b"application/json"
    assert Counter(len(values(letter, "kafka_dlt-original-offset")) for letter in letters) == {1: 29, 2: 2}


def test_letters_of_retry_topics_and_of_a_sink(shop: Shop) -> None:
    invoices = read_all(shop, shop.names.invoices_dlt)
    assert shop.letters[shop.names.invoices_dlt] == len(invoices) == 6
    for letter in invoices:
        headers = dict(letter.parcel.headers)
        assert headers["kafka_original-topic"] == shop.names.invoices.encode()
        assert len(headers["retry_topic-original-timestamp"]) == 6
        assert int.from_bytes(headers["retry_topic-attempts"], "big") == 4
    assert sorted(len(dict(letter.parcel.headers)["retry_topic-attempts"]) for letter in invoices) == [1, 4, 4, 4, 4, 4]
    sink = read_all(shop, shop.names.connect_dlq)
    assert shop.letters[shop.names.connect_dlq] == len(sink) == 5
    for letter in sink:
        headers = dict(letter.parcel.headers)
        assert headers["__connect.errors.topic"] == shop.names.payments_events.encode()
        assert headers["__connect.errors.offset"].isdigit()
        assert headers["source"] == b"till-4"


def test_one_group_keeps_up_one_is_slow_one_has_stopped(shop: Shop) -> None:
    lags = {}
    for group in (shop.names.billing, shop.names.reporting, shop.names.shipping):
        reader = open_consumer(shop.url, group)
        parts = [TopicPartition(shop.names.orders, one) for one in range(6)]
        committed = reader.committed(parts, timeout=SECONDS)
        ends = [reader.get_watermark_offsets(part, SECONDS)[1] for part in parts]
        lags[group] = sum(end - place.offset for end, place in zip(ends, committed, strict=True))
        reader.close()
    assert lags[shop.names.billing] == 0
    assert lags[shop.names.reporting] == 6 * 15
    assert lags[shop.names.shipping] == 2_002 - 6 * 40


def test_a_bad_order_dies_comes_back_unrepaired_and_passes_repaired(shop: Shop, billed: Producer) -> None:
    order = {"id": secrets.randbelow(10**9) + 10**9, "user": "u7", "total": 12.5}
    bad = ShopRecord(shop.names.orders, b"u7", orders.body(order), (("app-version", b"1.4.2"),), 1_795_475_111_678)
    (first,) = send_all(billed, [bad])

    def deaths() -> list[Sent]:
        return [one for one in read_all(shop, shop.names.orders_dlq) if one.parcel.value == bad.value]

    until(lambda: len(deaths()) == 1, SECONDS, "the bad order in the DLQ")
    letter = deaths()[0]
    assert values(letter, "kafka_dlt-original-offset") == [first.offset]
    assert values(letter, "kafka_dlt-original-partition") == [first.partition]
    assert values(letter, "kafka_deliveryAttempt") == [3]

    (second,) = send_all(
        billed, [ShopRecord(shop.names.orders, b"u7", bad.value, letter.parcel.headers, bad.timestamp)]
    )
    until(lambda: len(deaths()) == 2, SECONDS, "the unrepaired order in the DLQ again")
    (again,) = [one for one in deaths() if len(values(one, "kafka_dlt-original-offset")) == 2]
    assert values(again, "kafka_dlt-original-offset") == [first.offset, second.offset]
    assert values(again, "kafka_deliveryAttempt") == [3, 3]

    repaired = orders.body({"id": order["id"], "user": "u7", "amount": 12.5})
    send_all(billed, [ShopRecord(shop.names.orders, b"u7", repaired, (), bad.timestamp)])

    def captured() -> bool:
        events = read_all(shop, shop.names.payments_events)
        return any(str(order["id"]).encode() in (event.parcel.value or b"") for event in events)

    until(captured, SECONDS, "a payment event of the repaired order")
    assert len(deaths()) == 2


def test_a_letter_of_a_cause_that_is_gone_passes(shop: Shop, billed: Producer) -> None:
    letters = read_all(shop, shop.names.orders_dlq)
    timeouts = [one for one in letters if "PaymentTimeout" in root_cause(one)]
    home = [ShopRecord(shop.names.orders, one.parcel.key, one.parcel.value, (), 1_795_475_111_678) for one in timeouts]
    send_all(billed, home)
    wanted = {json.loads(one.value or b"")["id"] for one in home}

    def billed_orders() -> set[int]:
        events = [event.parcel.value or b"" for event in read_all(shop, shop.names.payments_events)]
        return {json.loads(event)["order"] for event in events if event.startswith(b"{")}

    until(lambda: wanted <= billed_orders(), SECONDS, "payment events of the redriven letters")
    assert len(read_all(shop, shop.names.orders_dlq)) == len(letters)


async def test_encoded_topics_are_read_by_confluents_client_and_by_ours(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MQTUI_CACHE_DIR", str(tmp_path))
    shipments, tracking = read_all(shop, shop.names.shipments), read_all(shop, shop.names.tracking)
    context = SerializationContext(shop.names.shipments, MessageField.VALUE)
    with SchemaRegistryClient({"url": shop.registry}) as client:
        deserialize = AvroDeserializer(client)
        theirs: list[Any] = [deserialize(each.parcel.value, context) for each in shipments]
    assert len(theirs) == len(tracking) == 120
    address = Address(BrokerKind.KAFKA, (("h", 9092),), options={"schema.registry": shop.registry})
    messages = [
        Message(Ref(Kind.TOPIC, each.parcel.topic), Offset(0, each.offset), each.parcel.value, None)
        for each in (*shipments, *tracking)
    ]
    found = await decode_each(await load_decoder(None, address), messages)
    subjects = f"{shop.names.shipments}-value", f"{shop.names.tracking}-value"
    assert {each.schema for each in found} == {
        f"{subjects[0]} v1",
        f"{subjects[0]} v2",
        f"{subjects[1]} v1 shop.Tracking",
    }
    ours: list[Any] = [each.value() for each in found]
    assert [(each["order"], each["weight"]) for each in ours[:120]] == [
        (each["order"], each["weight"]) for each in theirs
    ]
    assert [each["order"] for each in ours].count(orders.WELL_TRAVELLED) == 2
