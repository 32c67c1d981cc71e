"""JSON encoded by a schema: Confluent's own deserializers read it, and what does not fit is named by its path."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from typing import Any

import pytest
from confluent_kafka.schema_registry import Schema as RegistrySchema
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from mqtui.codecs.decode import decode
from mqtui.codecs.encode import encode_framed
from mqtui.codecs.misfit import NotEncoded
from mqtui.domain.schema import IdKind, Schema, SchemaKind, SchemaRef
from tests.codecs.schema_fixtures import MemorySchemas, avro, message_class, proto_schema
from tests.codecs.test_registry_formats import ORDER, PROTO_ORDER, VALUE, order_message

CONTEXT = SerializationContext("orders", MessageField.VALUE)
TEXT = b'{"id":"AB-991","total":12.50,"big":9007199254740993,"note":null,"ratio":0.1,"state":"PAID","tags":{"a":1}}'


def registered(text: str, kind: str) -> tuple[Any, int]:
    client = SchemaRegistryClient.new_client({"url": f"mock://{kind}"})
    return client, client.register_schema("orders-value", RegistrySchema(text, kind))


def decoded(schema: Schema, number: int, framed: bytes) -> Any:
    return decode(framed, schemas=MemorySchemas({SchemaRef(IdKind.ID, str(number)): schema})).value()


def test_avro_is_read_by_confluents_deserializer() -> None:
    client, number = registered(json.dumps(ORDER), "AVRO")
    framed = encode_framed(avro(ORDER), number, TEXT)
    assert AvroDeserializer(client)(framed, CONTEXT) == VALUE
    assert decoded(avro(ORDER), number, framed) == json.loads(TEXT, parse_float=Decimal)


def test_json_is_read_by_confluents_deserializer_byte_for_byte() -> None:
    text = json.dumps({"title": "order", "type": "object", "properties": {"n": {"type": "integer"}}})
    client, number = registered(text, "JSON")
    framed = encode_framed(
        Schema(SchemaKind.JSON, text.encode(), "orders"), number, b'{"n": 9007199254740993, "x":1.10}'
    )
    assert JSONDeserializer(text, schema_registry_client=client)(framed, CONTEXT)["n"] == 9007199254740993
    assert framed[5:] == b'{"n": 9007199254740993, "x":1.10}'


@pytest.mark.parametrize("name", ["shop.First", "shop.Order", "shop.Order.Line"])
def test_protobuf_is_read_by_confluents_deserializer(name: str) -> None:
    kind: Any = message_class(name)
    value = {"shop.First": {"x": "one"}, "shop.Order": PROTO_ORDER, "shop.Order.Line": {"sku": "A1", "count": -3}}[name]
    framed = encode_framed(
        proto_schema(), 7, json.dumps(value, default=float).encode(), "" if name == "shop.First" else name
    )
    found: Any = ProtobufDeserializer(kind, {"use.deprecated.format": False})(framed, CONTEXT)
    expected = {
        "shop.First": lambda: kind(x="one"),
        "shop.Order": lambda: order_message(kind),
        "shop.Order.Line": lambda: kind(sku="A1", count=-3),
    }[name]()
    assert found == expected
    assert decoded(proto_schema(), 7, framed) == value


TIMES = {
    "type": "record",
    "name": "T",
    "fields": [
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "clock", "type": {"type": "long", "logicalType": "time-micros"}},
        {"name": "who", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "raw", "type": {"type": "fixed", "name": "Two", "size": 2}},
        {"name": "either", "type": ["null", "string", {"type": "array", "items": "int"}], "default": None},
        {"name": "next", "type": ["null", "T"], "default": None},
    ],
}
AT: dict[str, Any] = {
    "at": "2026-11-30T02:50:00.123000+00:00",
    "day": "2026-11-30",
    "clock": "02:50:00.000001",
    "who": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "raw": {"base64": "/wA="},
}


def test_what_decode_shows_can_be_encoded_again() -> None:
    for more in ({}, {"either": "x"}, {"either": [1, -2]}, {"either": {"array": [3]}}, {"next": AT}):
        framed = encode_framed(avro(TIMES), 1, json.dumps({**AT, **more}).encode())
        shown = decoded(avro(TIMES), 1, framed)
        assert encode_framed(avro(TIMES), 1, json.dumps(shown).encode()) == framed
        assert shown["at"] == AT["at"] and shown["raw"] == AT["raw"]
    stored = encode_framed(avro(TIMES), 1, json.dumps({**AT, "day": 20787, "at": 1796007000123}).encode())
    assert decoded(avro(TIMES), 1, stored)["day"] == str(datetime.date(1970, 1, 1) + datetime.timedelta(20787))


def json_schema(schema: object) -> Schema:
    return Schema(SchemaKind.JSON, json.dumps(schema).encode(), "orders-value v1")


def order(**parts: Any) -> bytes:
    return json.dumps({**json.loads(TEXT), **parts}).encode()


JSON_SCHEMA = {
    "type": "object",
    "properties": {
        "lines": {"type": "array", "items": {"required": ["sku"], "properties": {"sku": {"pattern": "^[A-Z]"}}}}
    },
    "additionalProperties": False,
}


DRAFTS = ("https://json-schema.org/draft/2019-09/schema", "https://json-schema.org/draft/2020-12/schema")


@pytest.mark.parametrize(
    ("schema", "text", "words"),
    [
        (avro(ORDER), order(total=12.555), "at total: 12.555 has 3 digits after the point, and 2 are kept"),
        (avro(ORDER), order(big=2**63), "at big: 9223372036854775808 is not a whole number of 64 bits"),
        (avro(ORDER), order(big=1.5), "at big: 1.5 is not a whole number"),
        (avro(ORDER), order(big=True), "at big: true is not a whole number"),
        (avro(ORDER), order(state="LOST"), 'at state: "LOST" is not one of NEW, PAID'),
        (avro(ORDER), order(tags={"a": "x"}), 'at tags.a: "x" is not a whole number'),
        (avro(ORDER), order(more=1), "at more: shop.Order has no such field"),
        (avro(ORDER), order(note=5), "at note: 5 is not a string"),
        (avro(ORDER), b'{"id":"x"}', "at total: it is missing and has no default"),
        (avro(ORDER), b'{"id":1,"id":2}', "at id: it stands twice"),
        (avro(ORDER), b"<xml/>", "it is no JSON document"),
        (avro(ORDER), b"[" * 900 + b"]" * 900, "is not an object"),
        (avro(TIMES), json.dumps({**AT, "at": "2026-11-30T02:50:00"}).encode(), "at at: "),
        (avro(TIMES), json.dumps({**AT, "at": "2026-11-30T02:50:00.000001Z"}).encode(), "finer than timestamp-millis"),
        (avro(TIMES), json.dumps({**AT, "raw": {"base64": "/w=="}}).encode(), "at raw: it has 1 bytes"),
        (avro(TIMES), json.dumps({**AT, "next": {**AT, "day": "x"}}).encode(), 'at next.day: "x" is not a date'),
        (avro(TIMES), json.dumps({**AT, "either": 5}).encode(), "at either: 5 is none of null, string, array"),
        (proto_schema(), b'{"x":5}', "at x: 5 does not fit"),
        (proto_schema(), b'{"y":5}', "at y: shop.First has no such field"),
        (
            json_schema(JSON_SCHEMA),
            b'{"lines":[{"sku":"a"}]}',
            'at lines[0].sku: "a" does not match',
        ),
        (
            json_schema(JSON_SCHEMA),
            b'{"lines":[{}]}',
            "at lines[0]: 'sku' is a req",
        ),
        (json_schema(JSON_SCHEMA), b'{"more":1}', "more: no such properties"),
        (json_schema({"$ref": "#"}), b"1", "refers to itself without end"),
        (json_schema({"$ref": "http://127.0.0.1:1/x.json"}), b"1", "what is not registered"),
        (
            json_schema({"pattern": "(a+)+$"}),
            json.dumps("a" * 5_000 + "!").encode(),
            "does not match",
        ),
        (
            json_schema({"$schema": DRAFTS[1], "pattern": "(a+)+$", "items": {"$ref": "#"}}),
            json.dumps(["a" * 40 + "!"]).encode(),
            "does not match",
        ),
        *(
            (
                json_schema(
                    {"$schema": draft, "allOf": [{"$ref": "#/$defs/names"}], "unevaluatedProperties": False}
                    | {"$defs": {"names": {"patternProperties": {"(a+)+$": True, "^b": {"type": "integer"}}}}}
                ),
                json.dumps({"a" * 40: 1, "b": 1, "a" * 40 + "!": 1}).encode(),
                "aaa!: no such properties",
            )
            for draft in DRAFTS
        ),
    ],
)
def test_what_does_not_fit_is_named_by_its_path(schema: Schema, text: bytes, words: str) -> None:
    with pytest.raises(NotEncoded) as misfit:
        encode_framed(schema, 1, text)
    assert words in str(misfit.value)


@pytest.mark.parametrize(
    "schema",
    [
        {"if": {"required": ["b"]}, "then": {"properties": {"b": True}}, "else": False, "properties": {"a": True}},
        {"oneOf": [{"required": ["c"]}, {"properties": {"a": True, "b": True}}]},
        {"dependentSchemas": {"a": {"additionalProperties": {"type": "integer"}}, "x": False}},
        {"patternProperties": {"^(?=a)": {"type": "string"}, "^b": {"type": "integer"}}},
    ],
)
def test_properties_that_another_keyword_looked_at_are_no_unevaluated_ones(schema: dict[str, object]) -> None:
    """A pattern that looks ahead is not checked, and refuses nothing."""
    schema |= {"$schema": DRAFTS[1], "unevaluatedProperties": False}
    text = b'{"a":1,"b":2}'
    assert encode_framed(json_schema(schema), 1, text).endswith(text)


def test_a_protobuf_order_that_does_not_fit() -> None:
    for more, words in (
        ({"lines": [{"sku": "A"}, {"sku": 5}]}, "at lines[1].sku: 5"),
        ({"state": "LOST"}, 'at state: "LOST" is not one of NEW, PAID'),
        ({"raw": "x"}, "at raw:"),
        ({"big": -1}, "at big: -1"),
        ({"at": "yesterday"}, "at at:"),
    ):
        with pytest.raises(NotEncoded) as misfit:
            encode_framed(proto_schema(), 1, json.dumps(more).encode(), "Order")
        assert words in str(misfit.value)


def test_a_json_body_that_does_not_fit_is_shown_and_the_report_says_where() -> None:
    schema = json_schema(JSON_SCHEMA)
    schemas = MemorySchemas({SchemaRef(IdKind.ID, "1"): schema})
    found = decode(b"\0\0\0\0\1" + b'{"lines":[{"sku":"a"}],"n":1.10}', schemas=schemas)
    assert (found.codec, found.schema) == ("confluent+json", "orders-value v1")
    assert found.text.endswith(b'"n":1.10}')
    assert [each.codec for each in found.attempts] == ["confluent", "json", "json schema"]
    assert not found.attempts[-1].fitted
    assert all(each.fitted for each in decode(b'\0\0\0\0\1{"lines":[{"sku":"A"}]}', schemas=schemas).attempts)
