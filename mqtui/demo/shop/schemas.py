"""The schemas of the shop's encoded topics, how they are registered, and the frame their bodies have."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any, Final
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

_SECONDS: Final = 10.0
_PLACE: Final = {"name": "to", "type": "string"}
_PARTS: Final = [
    {"name": "order", "type": "long"},
    {"name": "parcels", "type": "int"},
    {"name": "weight", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 3}},
    {"name": "shipped", "type": {"type": "long", "logicalType": "timestamp-millis"}},
]
_CARRIER: Final = {"name": "carrier", "type": ["null", "string"], "default": None}
_RECORD: Final = {"type": "record", "name": "Shipment", "namespace": "shop"}
SHIPMENTS: Final[tuple[dict[str, Any], ...]] = (
    _RECORD | {"fields": [*_PARTS, _PLACE]},
    _RECORD | {"fields": [*_PARTS, _PLACE, _CARRIER]},
)
"""Both versions of a shipment: the second one has a carrier."""

TRACKING: Final = """syntax = "proto3";
package shop;

message Tracking {
  int64 order = 1;
  string carrier = 2;
  string state = 3;
}
"""
INT64, STRING = 3, 9
"""Types of fields in descriptor.proto."""


def register(registry: str, subject: str, text: str, kind: str = "AVRO") -> int:
    """Register a schema as Confluent's serializers do; its id.

    Raises:
        OSError: the registry refused or did not answer.
    """
    url = f"{registry}/subjects/{quote(subject, safe='')}/versions"
    body = json.dumps({"schema": text, "schemaType": kind}).encode()
    headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
    without_proxy = build_opener(ProxyHandler({}))
    with without_proxy.open(Request(url, body, headers), timeout=_SECONDS) as answer:
        return int(json.loads(answer.read())["id"])


def framed(number: int, body: bytes, indexes: bytes = b"") -> bytes:
    """A body as Confluent's serializers frame it: a zero byte, the schema's id, Protobuf's message indexes."""
    return b"\0" + number.to_bytes(4, "big") + indexes + body


@cache
def tracking_class() -> Any:
    """The class of tracking messages, built as a compiler of the source would."""
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message_factory import GetMessageClass

    pool = DescriptorPool()
    pool.Add(_tracking_file())
    return GetMessageClass(pool.FindMessageTypeByName("shop.Tracking"))


@cache
def descriptors() -> dict[str, str]:
    """The descriptors of Protobuf sources, in base64."""
    return {TRACKING: base64.b64encode(_tracking_file().SerializeToString()).decode()}


def _tracking_file() -> Any:
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    file = FileDescriptorProto(name="shop/tracking.proto", package="shop", syntax="proto3")
    message = file.message_type.add(name="Tracking")
    for number, (name, kind) in enumerate((("order", INT64), ("carrier", STRING), ("state", STRING)), 1):
        message.field.add(name=name, number=number, type=kind, label=1)
    return file
