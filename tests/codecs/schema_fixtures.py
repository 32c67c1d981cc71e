"""Schemas in memory, and Protobuf files built without a compiler."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from google.protobuf import timestamp_pb2, wrappers_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from mqtui.domain.schema import Schema, SchemaKind, SchemaNotFound, SchemaRef


@dataclass
class MemorySchemas:
    """A source of schemas by what a message names them."""

    by_ref: dict[SchemaRef, Schema] = field(default_factory=dict)

    def find(self, ref: SchemaRef) -> Schema:
        try:
            return self.by_ref[ref]
        except KeyError:
            raise SchemaNotFound(f"{ref} is unknown") from None


def avro(schema: object, name: str = "orders-value v1", references: tuple[Schema, ...] = ()) -> Schema:
    return Schema(SchemaKind.AVRO, json.dumps(schema).encode(), name, references)


F = FieldDescriptorProto


def add_field(message: DescriptorProto, name: str, kind: int, type_name: str = "", label: int = 1) -> None:
    number = len(message.field) + 1
    added = message.field.add(name=name, number=number, type=kind, label=label)
    if type_name:
        added.type_name = type_name


def order_files() -> FileDescriptorSet:
    """shop/money.proto, and shop/order.proto that imports it and has nested messages."""
    files = FileDescriptorSet()
    for known in (timestamp_pb2, wrappers_pb2):
        files.file.add().ParseFromString(known.DESCRIPTOR.serialized_pb)
    money = files.file.add(name="shop/money.proto", package="shop", syntax="proto3")
    add_field(amount := money.message_type.add(name="Money"), "units", F.TYPE_INT64)
    add_field(amount, "currency", F.TYPE_STRING)
    order: FileDescriptorProto = files.file.add(name="shop/order.proto", package="shop", syntax="proto3")
    order.dependency.extend(["shop/money.proto", "google/protobuf/timestamp.proto", "google/protobuf/wrappers.proto"])
    state = order.enum_type.add(name="State")
    state.value.add(name="NEW", number=0)
    state.value.add(name="PAID", number=1)
    order.message_type.add(name="First").field.add(name="x", number=1, type=F.TYPE_STRING, label=1)
    outer = order.message_type.add(name="Order")
    add_field(outer, "id", F.TYPE_STRING)
    add_field(outer, "total", F.TYPE_MESSAGE, ".shop.Money")
    add_field(outer, "state", F.TYPE_ENUM, ".shop.State")
    add_field(outer, "big", F.TYPE_UINT64)
    add_field(outer, "raw", F.TYPE_BYTES)
    add_field(outer, "ratio", F.TYPE_DOUBLE)
    add_field(outer, "lines", F.TYPE_MESSAGE, ".shop.Order.Line", 3)
    add_field(outer, "at", F.TYPE_MESSAGE, ".google.protobuf.Timestamp")
    add_field(outer, "limit", F.TYPE_MESSAGE, ".google.protobuf.Int64Value")
    line = outer.nested_type.add(name="Line")
    add_field(line, "sku", F.TYPE_STRING)
    add_field(line, "count", F.TYPE_INT32)
    return files


def proto_schema(name: str = "orders.desc") -> Schema:
    return Schema(SchemaKind.PROTOBUF, order_files().SerializeToString(), name)


def message_class(name: str) -> type[Message]:
    pool = DescriptorPool()
    for file in order_files().file:
        pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(name))
