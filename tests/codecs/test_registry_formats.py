"""Bodies written by the serializers of schema registries decode to what their writers put in."""

import io
import json
import struct
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import fastavro
import pytest
from confluent_kafka.schema_registry import Schema as RegistrySchema
from confluent_kafka.schema_registry import SchemaRegistryClient, header_schema_id_serializer
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from mqtui.codecs.decode import decode, sniff
from mqtui.codecs.hints import Hints
from mqtui.domain.schema import IdKind, Schema, SchemaKind, SchemaRef
from tests.codecs.schema_fixtures import MemorySchemas, avro, message_class, proto_schema

ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
        {"name": "big", "type": "long"},
        {"name": "note", "type": ["null", "string"]},
        {"name": "ratio", "type": "double"},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["NEW", "PAID"]}},
        {"name": "tags", "type": {"type": "map", "values": "int"}},
    ],
}
VALUE = {
    "id": "AB-991",
    "total": Decimal("12.50"),
    "big": 9007199254740993,
    "note": None,
    "ratio": 0.1,
    "state": "PAID",
    "tags": {"a": 1},
}
CONTEXT = SerializationContext("orders", MessageField.VALUE)
Serialize = Callable[..., bytes]


def registry() -> SchemaRegistryClient:
    return SchemaRegistryClient.new_client({"url": "mock://orders"})


def known_by(ref_kind: IdKind, number: object, schema: Schema) -> MemorySchemas:
    return MemorySchemas({SchemaRef(ref_kind, str(number)): schema})


def schema_id(framed: bytes) -> int:
    return int.from_bytes(framed[1:5], "big")


def raw_avro(schema: Any, value: object) -> bytes:
    target = io.BytesIO()
    fastavro.schemaless_writer(target, schema, value)
    return target.getvalue()


def test_avro_of_confluents_serializer() -> None:
    framed = AvroSerializer(registry(), json.dumps(ORDER))(VALUE, CONTEXT)
    found = decode(framed, schemas=known_by(IdKind.ID, schema_id(framed), avro(ORDER)))
    assert found.value() == {**VALUE, "ratio": Decimal("0.1")}
    assert (found.codec, found.schema) == ("confluent+avro", "orders-value v1")
    assert b'"total":12.50' in found.text and b'"big":9007199254740993' in found.text
    assert all(attempt.fitted for attempt in found.attempts)


def test_the_header_form_with_a_guid() -> None:
    headers: Any = []
    context = SerializationContext("orders", MessageField.VALUE, headers)
    conf = {"schema.id.serializer": header_schema_id_serializer}
    plain = AvroSerializer(registry(), json.dumps(ORDER), conf=conf)(VALUE, context)
    (name, raw), *_ = headers
    schemas = known_by(IdKind.GUID, uuid.UUID(bytes=raw[1:17]), avro(ORDER))
    found = decode(plain, hints=Hints(headers={name: raw}), schemas=schemas)
    assert found.value() == {**VALUE, "ratio": Decimal("0.1")}
    framed = raw + plain
    assert decode(framed, schemas=schemas).value() == found.value()
    assert decode(plain, hints=Hints(part="key", headers={name: raw}), schemas=schemas).codec != "confluent+avro"


@pytest.mark.parametrize("name", ["shop.First", "shop.Order", "shop.Order.Line"])
def test_protobuf_of_confluents_serializer_with_nested_indexes_and_references(name: str) -> None:
    kind: Any = message_class(name)
    message = {
        "shop.First": lambda: kind(x="one"),
        "shop.Order": lambda: order_message(kind),
        "shop.Order.Line": lambda: kind(sku="A1", count=-3),
    }[name]()
    framed = ProtobufSerializer(kind, registry())(message, CONTEXT)
    found = decode(framed, schemas=known_by(IdKind.ID, schema_id(framed), proto_schema()))
    assert found.codec == "confluent+protobuf"
    assert found.schema == f"orders.desc {name}"
    assert (
        found.value()
        == {
            "shop.First": {"x": "one"},
            "shop.Order": PROTO_ORDER,
            "shop.Order.Line": {"sku": "A1", "count": -3},
        }[name]
    )


PROTO_ORDER = {
    "id": "AB-991",
    "total": {"units": -9007199254740993, "currency": "EUR"},
    "state": "PAID",
    "big": 18446744073709551615,
    "raw": {"base64": "/wA="},
    "ratio": Decimal("0.1"),
    "lines": [{"sku": "A1", "count": 2}, {"sku": "B2", "count": 0}],
    "at": "2026-11-30T02:50:00.123456789Z",
    "limit": 9007199254740993,
}


def order_message(kind: Any) -> Any:
    message = kind(id="AB-991", state=1, big=2**64 - 1, raw=b"\xff\0", ratio=0.1)
    message.total.units, message.total.currency = -9007199254740993, "EUR"
    message.lines.add(sku="A1", count=2)
    message.lines.add(sku="B2")
    message.at.FromJsonString("2026-11-30T02:50:00.123456789Z")
    message.limit.value = 9007199254740993
    return message


def test_json_schema_of_confluents_serializer_with_and_without_the_schema() -> None:
    text = json.dumps({"title": "order", "type": "object"})
    framed = JSONSerializer(text, registry())({"id": "AB-991", "n": 9007199254740993}, CONTEXT)
    schema = Schema(SchemaKind.JSON, text.encode(), "orders-value v3")
    found = decode(framed, schemas=known_by(IdKind.ID, schema_id(framed), schema))
    assert (found.codec, found.schema) == ("confluent+json", "orders-value v3")
    assert found.value() == {"id": "AB-991", "n": 9007199254740993}
    alone = decode(framed)
    assert (alone.codec, alone.text) == ("confluent+json", found.text)
    assert alone.schema == f"schema id {schema_id(framed)}"


def test_apicurios_own_framing_in_front_and_in_headers() -> None:
    body = raw_avro(ORDER, VALUE)
    schemas = known_by(IdKind.GLOBAL_ID, 7, avro(ORDER))
    found = decode(b"\0" + struct.pack(">q", 7) + body, schemas=schemas)
    assert (found.codec, found.value()) == ("apicurio+avro", {**VALUE, "ratio": Decimal("0.1")})
    for raw in (struct.pack(">q", 7), b"7"):
        hints = Hints(headers={"apicurio.value.globalId": raw, "apicurio.value.encoding": b"BINARY"})
        assert decode(body, hints=hints, schemas=schemas).text == found.text
    hints = Hints(headers={"apicurio.value.contentId": struct.pack(">q", 9)})
    assert decode(body, hints=hints, schemas=known_by(IdKind.CONTENT_ID, 9, avro(ORDER))).text == found.text
    kind: Any = message_class("shop.Order")
    hints = Hints(headers={"apicurio.value.globalId": b"7", "apicurio.value.protobuf.type": b"Order"})
    packed = order_message(kind).SerializeToString()
    found = decode(packed, hints=hints, schemas=known_by(IdKind.GLOBAL_ID, 7, proto_schema()))
    assert (found.codec, found.value()) == ("apicurio+protobuf", PROTO_ORDER)


def test_a_missing_schema_costs_the_decoding_only() -> None:
    framed = b"\0" + struct.pack(">I", 7) + raw_avro(ORDER, VALUE)
    found = decode(framed)
    assert (found.codec, found.schema) == ("binary", "schema id 7")
    assert found.attempts[0].why == "schema id 7 is needed, and no registry or file is given"
    assert sniff(framed) == "binary"
    other = decode(framed, schemas=known_by(IdKind.ID, 7, avro({"type": "record", "name": "X", "fields": []})))
    assert other.codec == "binary"
    assert "left over" in other.attempts[0].why


def test_avro_references_and_what_registries_call_a_schema() -> None:
    money = {"type": "record", "name": "shop.Money", "fields": [{"name": "units", "type": "long"}]}
    order = {"type": "record", "name": "shop.Bill", "fields": [{"name": "total", "type": "Money"}]}
    schema = avro(order, references=(avro(money),))
    assert decode(b"\0\0\0\0\x01\x04", schemas=known_by(IdKind.ID, 1, schema)).value() == {"total": {"units": 2}}
    for text in ('"long"', "long", '["null","long"]'):
        schema = Schema(SchemaKind.AVRO, text.encode(), "numbers")
        body = b"\x02\x04" if "null" in text else b"\x04"
        assert decode(b"\0\0\0\0\x01" + body, schemas=known_by(IdKind.ID, 1, schema)).value() == 2


def test_registered_references_of_confluents_serializer() -> None:
    client = registry()
    money = {"type": "record", "name": "shop.Money", "fields": [{"name": "units", "type": "long"}]}
    bill = {"type": "record", "name": "shop.Bill", "fields": [{"name": "total", "type": "shop.Money"}]}
    from confluent_kafka.schema_registry import SchemaReference

    client.register_schema("money", RegistrySchema(json.dumps(money), "AVRO"))
    text = RegistrySchema(json.dumps(bill), "AVRO", [SchemaReference("shop.Money", "money", 1)])
    framed = AvroSerializer(client, text)({"total": {"units": 5}}, CONTEXT)
    schemas = known_by(IdKind.ID, schema_id(framed), avro(bill, references=(avro(money),)))
    assert decode(framed, schemas=schemas).value() == {"total": {"units": 5}}


def test_a_schema_file_named_by_a_rule() -> None:
    schemas = MemorySchemas(
        {
            SchemaRef(IdKind.FILE, "order.avsc"): avro(ORDER, "order.avsc"),
            SchemaRef(IdKind.FILE, "orders.desc"): proto_schema(),
        }
    )
    body = raw_avro(ORDER, VALUE)
    rule = Hints(rule="avro:order.avsc")
    for framed in (body, b"\0\0\0\0\x07" + body, b"\xc3\x01" + fingerprint(ORDER) + body):
        found = decode(framed, hints=rule, schemas=schemas)
        assert found.value() == {**VALUE, "ratio": Decimal("0.1")}
        assert found.schema == "order.avsc"
    kind: Any = message_class("shop.Order")
    packed = order_message(kind).SerializeToString()
    found = decode(packed, hints=Hints(rule="protobuf:orders.desc#shop.Order"), schemas=schemas)
    assert (found.codec, found.value()) == ("protobuf", PROTO_ORDER)
    assert decode(packed, hints=Hints(rule="protobuf:orders.desc#Nothing"), schemas=schemas).codec != "protobuf"
    text = json.dumps({"type": "object", "properties": {"n": {"type": "integer"}}}).encode()
    schemas.by_ref[SchemaRef(IdKind.FILE, "n.json")] = Schema(SchemaKind.JSON, text, "n.json")
    for content, why in ((b'{"n":1}', ""), (b'{"n":"x"}', "at n: 'x' is not of type 'integer'")):
        for framed in (content, b"\0\0\0\0\x07" + content):
            found = decode(framed, hints=Hints(rule="json:n.json"), schemas=schemas)
            assert (found.text, found.schema) == (content, "n.json")
            assert (found.attempts[-1].codec, found.attempts[-1].why) == ("json schema", why)
    missing = decode(b"[1]", hints=Hints(rule="json:order.avsc.json"), schemas=schemas)
    assert missing.text == b"[1]" and missing.attempts[0].why == "order.avsc.json is unknown"
    missing = decode(body, hints=Hints(rule="avro:gone.avsc"), schemas=schemas)
    assert missing.attempts[0].why == "gone.avsc is unknown"
    assert decode(b"[1]", hints=Hints(rule="zip+avro")).attempts[0].why == "zip is no layer that can be opened"


def fingerprint(schema: Any) -> bytes:
    from fastavro.schema import fingerprint as hashed
    from fastavro.schema import to_parsing_canonical_form

    return bytes.fromhex(hashed(to_parsing_canonical_form(schema), "CRC-64-AVRO"))


LIST = {"type": "record", "name": "R", "fields": [{"name": "n", "type": ["null", "R"]}]}


@pytest.mark.parametrize(
    ("schema", "body", "why"),
    [
        ({"type": "record", "name": "R", "fields": [{"name": "r", "type": "R"}]}, b"", "contains itself"),
        (LIST, b"\x02" * 200_000 + b"\0", "nested too deep"),
        ({"type": "array", "items": "null"}, b"\xfe\xff\xff\xff\xff\xff\xff\x7f", "take no bytes"),
        ({"type": "array", "items": "int"}, b"\xfe\xff\xff\xff\xff\xff\xff\x7f\x02", "cut off"),
        ("string", b"\xfe\xff\xff\xff\xff\xff\xff\x7fx", ""),
        ({"type": "nonsense"}, b"", "no valid Avro schema"),
    ],
)
def test_hostile_avro_ends_with_a_reason(schema: object, body: bytes, why: str) -> None:
    found = decode(b"\0\0\0\0\x01" + body + b"\0" * (not body), schemas=known_by(IdKind.ID, 1, avro(schema)))
    assert found.codec == "binary"
    assert why in found.attempts[0].why and found.attempts[0].why


def test_a_schema_that_refers_to_itself_is_read() -> None:
    found = decode(b"\0\0\0\0\x01\x02\x02\0", schemas=known_by(IdKind.ID, 1, avro(LIST)))
    assert found.value() == {"n": {"n": {"n": None}}}


def test_a_deep_schema_is_walked_once() -> None:
    schema: object = "int"
    for _ in range(60):
        schema = {"type": "array", "items": schema}
    assert decode(b"\0\0\0\0\x01\0", schemas=known_by(IdKind.ID, 1, avro(schema))).text == b"[]"


def test_a_time_outside_of_pythons_years_is_its_number() -> None:
    schema = avro({"type": "long", "logicalType": "timestamp-millis"})
    at = decode(b"\0\0\0\0\x01" + raw_avro("long", 1764470000123), schemas=known_by(IdKind.ID, 1, schema))
    assert at.value() == "2025-11-30T02:33:20.123000+00:00"
    late = decode(b"\0\0\0\0\x01" + raw_avro("long", 2**62), schemas=known_by(IdKind.ID, 1, schema))
    assert late.value() == 2**62


def test_what_json_has_no_number_for_is_a_string() -> None:
    schema = avro({"type": "array", "items": "double"})
    body = raw_avro({"type": "array", "items": "double"}, [float("nan"), float("inf"), float("-inf"), 1e300])
    found = decode(b"\0\0\0\0\x01" + body, schemas=known_by(IdKind.ID, 1, schema))
    assert found.text == b'["NaN","Infinity","-Infinity",1e+300]'
