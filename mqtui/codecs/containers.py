"""Bodies that hold another body: CloudEvents, messages of Kombu (Celery), and envelopes of FastStream."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from mqtui.codecs.base64_hex import from_base64
from mqtui.codecs.decoded import Attempt, Decoded, NotDecoded
from mqtui.codecs.hints import CodecInput, Hints

FASTSTREAM = b"\x89BIN\x0d\x0a\x1a\x0a"
"""First bytes of FastStream's binary envelope for Redis; a version and two offsets follow."""

FASTSTREAM_HEADER = struct.Struct(">8sHII")
CLOUD_EVENT = ("specversion", "id", "source", "type")
"""Attributes that every CloudEvent 1.0 has."""

HOLDS_BODY = (b'"specversion"', b'"body"', b'"headers"')
"""What a JSON document has that may hold another body."""

CLOUD_EVENT_HEADERS = ("ce_specversion", "ce-specversion", "cloudEvents:specversion", "cloudEvents_specversion")
"""The header of a CloudEvent in binary mode on Kafka, over HTTP and on AMQP."""


def open_json(text: bytes, given: CodecInput) -> Decoded | None:
    """A JSON document that holds a body, with that body decoded; None where it is none of those known."""
    if not text.startswith(b"{") or not any(mark in text for mark in HOLDS_BODY):
        return None
    try:
        members = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError:
        return None
    if all(name in members for name in CLOUD_EVENT):
        return _cloud_event(members, text, given)
    if "body" in members and "properties" in members and "content-type" in members:
        return _kombu(members, given)
    if members.keys() == {"data", "headers"}:
        return _faststream_json(members, given)
    return None


def is_cloud_event(headers: Mapping[str, bytes]) -> bool:
    """Whether headers say that the body is the data of a CloudEvent (binary mode)."""
    return any(name in headers for name in CLOUD_EVENT_HEADERS)


def decode_faststream(value: bytes, given: CodecInput) -> Decoded:
    """FastStream's binary envelope: `{"headers", "data"}`."""
    if not value.startswith(FASTSTREAM) or len(value) < FASTSTREAM_HEADER.size:
        raise NotDecoded("it does not begin with 89 BIN")
    _, version, headers_at, data_at = FASTSTREAM_HEADER.unpack_from(value)
    if version != 1:
        raise NotDecoded(f"its version is {version}; 1 is known")
    try:
        (count,) = struct.unpack_from(">H", value, headers_at)
        at, headers = headers_at + 2, {}
        for _ in range(count):
            name, at = _short_text(value, at)
            headers[name], at = _short_text(value, at)
    except struct.error as error:
        raise NotDecoded("its headers are cut off") from error
    if data_at > len(value):
        raise NotDecoded("it is cut off")
    inner = _decode_inner(value[data_at:], headers.get("content-type", ""), "", given)
    text = orjson.dumps({"headers": headers, "data": orjson.Fragment(inner.text)})
    return Decoded(text, f"faststream+{inner.codec}", (Attempt("faststream"), *inner.attempts))


def _short_text(value: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from(">H", value, at)
    end = at + 2 + length
    return value[at + 2 : end].decode("utf-8", "replace"), end


def _faststream_json(members: dict[str, msgspec.Raw], given: CodecInput) -> Decoded | None:
    """The JSON envelope of FastStream's older versions: the body is a string."""
    headers, data = _value(members["headers"]), _value(members["data"])
    if not isinstance(headers, dict) or "correlation_id" not in headers or not isinstance(data, str):
        return None
    inner = _decode_inner(data.encode(), str(headers.get("content-type", "")), "", given)
    return _replaced(members, {"data": inner.text}, "faststream", inner)


def _cloud_event(members: dict[str, msgspec.Raw], text: bytes, given: CodecInput) -> Decoded | None:
    """A CloudEvent in structured mode: `data_base64` becomes `data`."""
    encoded = _value(members.get("data_base64", msgspec.Raw(b"null")))
    if not isinstance(encoded, str):
        return Decoded(text, "cloudevents+json", (Attempt("cloudevents"),))
    content = from_base64(encoded)
    if content is None:
        return Decoded(text, "cloudevents+json", (Attempt("cloudevents", "its data_base64 is no base64"),))
    kind = _value(members.get("datacontenttype", msgspec.Raw(b'""')))
    inner = _decode_inner(content, str(kind), "", given)
    renamed = {"data" if name == "data_base64" else name: raw for name, raw in members.items()}
    return _replaced(renamed, {"data": inner.text}, "cloudevents", inner)


def _kombu(members: dict[str, msgspec.Raw], given: CodecInput) -> Decoded | None:
    """A message of Kombu's virtual transports (Celery on Redis): its body is in base64, or is text."""
    body, properties = _value(members["body"]), _value(members["properties"])
    if not isinstance(body, str) or not isinstance(properties, dict):
        return None
    content = from_base64(body) if properties.get("body_encoding") == "base64" else body.encode()
    if content is None:
        return Decoded(_object(members), "kombu+json", (Attempt("kombu", "its body is no base64"),))
    kind = str(_value(members["content-type"]))
    encoding = str(_value(members.get("content-encoding", msgspec.Raw(b'""'))))
    charset = f"; charset={encoding}" if encoding.lower() not in ("", "binary") and "charset" not in kind else ""
    return _replaced(
        members, {"body": (inner := _decode_inner(content, kind + charset, encoding, given)).text}, "kombu", inner
    )


def _decode_inner(content: bytes, content_type: str, content_encoding: str, given: CodecInput) -> Decoded:
    if given.decode_inner is None:
        raise NotDecoded("bodies inside others are not decoded here")
    return given.decode_inner(content, Hints(content_type=content_type, content_encoding=content_encoding))


def _value(raw: msgspec.Raw) -> Any:
    return orjson.loads(bytes(raw))


def _replaced(members: dict[str, msgspec.Raw], by: dict[str, bytes], name: str, inner: Decoded) -> Decoded:
    text = _object({**members, **{member: msgspec.Raw(each) for member, each in by.items()}})
    return Decoded(text, f"{name}+{inner.codec}", (Attempt(name), *inner.attempts), inner.schema)


def _object(members: Mapping[str, msgspec.Raw]) -> bytes:
    return orjson.dumps({name: orjson.Fragment(bytes(raw)) for name, raw in members.items()})
