"""A schema as its parts by path, and what differs between two."""

from __future__ import annotations

import json
from typing import Any

from mqtui.domain.schema import Schema, SchemaKind
from mqtui.schemas.outline import compare, describe_changes, outline
from tests.codecs.schema_fixtures import avro, proto_schema


def json_schema(**properties: Any) -> Schema:
    text = json.dumps({"type": "object", "properties": properties, "required": ["id"]})
    return Schema(SchemaKind.JSON, text.encode(), "orders")


def test_the_parts_of_an_avro_schema() -> None:
    item = {"type": "record", "name": "Item", "fields": [{"name": "next", "type": ["null", "Item"], "default": None}]}
    fields = [
        {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
        {"name": "items", "type": {"type": "array", "items": item}},
        {"name": "tags", "type": {"type": "map", "values": {"type": "enum", "name": "Tag", "symbols": ["A", "B"]}}},
    ]
    assert outline(avro({"type": "record", "name": "Order", "namespace": "shop", "fields": fields})) == {
        "·": "record shop.Order",
        "total": "bytes (decimal, precision 12, scale 2)",
        "items": "array of record Item",
        "items[]": "record Item",
        "items[].next": "null | Item, default null",
        "tags": "map of enum Tag: A, B",
        "tags{}": "enum Tag: A, B",
    }
    assert outline(Schema(SchemaKind.AVRO, b"long", "n")) == {"·": "long"}
    assert outline(Schema(SchemaKind.AVRO, b"{", "n")) == {"·": "{"}


def test_what_differs_between_json_schemas() -> None:
    before = json_schema(id={"type": "string"}, n={"type": "integer", "minimum": 0}, gone={})
    after = json_schema(id={"type": "string"}, n={"type": ["number", "null"]}, tags={"items": {"type": "string"}})
    changes = compare(before, after)
    assert [str(change) for change in changes] == [
        "~ n  integer, minimum 0 → number | null",
        "- gone  any",
        "+ tags  any",
        "+ tags[]  string",
    ]
    assert describe_changes(changes) == "2 added, 1 removed, 1 changed"
    assert outline(before)["id"] == "string, required"
    assert describe_changes(compare(before, before)) == "nothing"


def test_the_parts_of_a_protobuf_schema() -> None:
    found = outline(proto_schema())
    assert found["package"] == "shop (proto3)"
    assert found["Order.total"] == "shop.Money = 2"
    assert found["Order.lines"] == "repeated shop.Order.Line = 7"
    assert found["Order.Line.count"] == "int32 = 2"
    assert found["State.PAID"] == "= 1"


def test_a_deep_schema_is_cut_off() -> None:
    schema: Any = "int"
    for _ in range(200):
        schema = {"type": "array", "items": schema}
    assert 40 <= len(outline(avro(schema))) <= 50
