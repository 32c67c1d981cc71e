"""Decodes a body, and reports all that was tried. Never raises.

In order: the profile's rule; the layers of the content encoding and those the bytes begin with; the frame of a schema
registry; the content type; what the bytes look like. Bytes that nothing fits stay bytes.
"""

from __future__ import annotations

import re

import orjson

from mqtui.codecs import compression, fernet, kafka_internal
from mqtui.codecs.base64_hex import to_base64
from mqtui.codecs.codec_table import (
    body_codec,
    is_json_schema,
    of_content_encoding,
    of_content_type,
    open_layer,
    parse_rule,
    takes_schema,
)
from mqtui.codecs.containers import FASTSTREAM, HOLDS_BODY, is_cloud_event, open_json
from mqtui.codecs.decoded import Attempt, Decoded, FernetKeys, NotDecoded
from mqtui.codecs.framing import Frame, find_frame
from mqtui.codecs.hints import NO_HINTS, CodecInput, Hints
from mqtui.codecs.json_text import FIRST, one_line
from mqtui.codecs.misfit import NotEncoded
from mqtui.codecs.named import JAVA, KRYO, PICKLE
from mqtui.codecs.schema_source import NO_SCHEMAS, SchemaSource
from mqtui.domain.schema import IdKind, Schema, SchemaKind, SchemaNotFound, SchemaRef

NO_KEYS: FernetKeys = {}
JSON_FITTED = (Attempt("json"),)
MAX_LAYERS = 4
MAX_SNIFFED_BYTES = 64 * 1024
"""The size up to which `sniff` parses a whole document; above it the first and the last byte decide."""

BEGINNINGS = (
    (re.compile(re.escape(FASTSTREAM)), "faststream"),
    (re.compile(re.escape(JAVA)), "java"),
    (PICKLE, "pickle"),
    (KRYO, "kryo"),
)
"""How bodies of binary formats begin, and their codec."""

UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def decode(
    value: bytes | None, keys: FernetKeys = NO_KEYS, hints: Hints = NO_HINTS, schemas: SchemaSource = NO_SCHEMAS
) -> Decoded:
    """The decoded value, its codecs, and all that was tried."""
    if value is None:
        return Decoded(b"null", "null", (Attempt("null"),))
    if hints is NO_HINTS and value[:1] in (b"{", b"["):
        found = _plain_json(value)
        if found is not None:
            return found
    return _Decoding(keys, hints, schemas).decode(value)


def _plain_json(value: bytes) -> Decoded | None:
    """JSON that holds no other body: most messages of which nothing else is known."""
    if any(mark in value for mark in HOLDS_BODY):
        return None
    try:
        return Decoded(one_line(value), "json", JSON_FITTED)
    except NotDecoded:
        return None


def sniff(value: bytes | None) -> str:
    """The codec of the outermost layer, without opening it: null, json, text, fernet, binary, or a compression."""
    if value is None:
        return "null"
    if not value:
        return "text"
    if value[0] in FIRST and _is_json(value):
        return "json"
    if compressed := compression.detect(value):
        return compressed
    if fernet.is_token(value):
        return "fernet"
    if b"\0" in value:
        return "binary"
    if value.isascii():
        return "text"
    try:
        value.decode()
    except UnicodeDecodeError:
        return "binary"
    return "text"


def _is_json(value: bytes) -> bool:
    if len(value) > MAX_SNIFFED_BYTES:
        return value.strip()[:1] + value.strip()[-1:] in (b"{}", b"[]")
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return False
    return True


class _Decoding:
    """One body being decoded. `_attempts` is the report, `_layers` are those that were opened, outermost first."""

    def __init__(self, keys: FernetKeys, hints: Hints, schemas: SchemaSource, depth: int = 0) -> None:
        self._keys = keys
        self._hints = hints
        self._schemas = schemas
        self._depth = depth
        self._attempts: list[Attempt] = []
        self._layers: list[str] = []
        self._wanted = ""

    def decode(self, value: bytes) -> Decoded:
        """The value by the first way that fits."""
        found = self._by_rule(value) if self._hints.rule else None
        if found is None:
            value = self._open_layers(value)
            found = self._without_rule(value)
        codec = "+".join([*self._layers, found.codec])
        return Decoded(found.text, codec, tuple(self._attempts), found.schema or self._wanted)

    def _without_rule(self, value: bytes) -> Decoded:
        if self._hints.resource in kafka_internal.TOPICS and (found := self._try("kafka", value)):
            return found
        if self._hints.headers and is_cloud_event(self._hints.headers):
            self._attempts.append(Attempt("cloudevents"))
            self._layers.append("cloudevents")
        return self._framed(value) or self._by_content_type(value) or self._by_looks(value)

    # -- layers

    def _open_layers(self, value: bytes) -> bytes:
        for name in of_content_encoding(self._hints.content_encoding) if self._hints.content_encoding else ():
            inner = self._open(name, value)
            if inner is None:
                break
            value = inner
        while len(self._layers) < MAX_LAYERS and (name := outer_layer(value)):
            inner = self._open(name, value)
            if inner is None:
                break
            value = inner
        return value

    def _open(self, name: str, value: bytes) -> bytes | None:
        try:
            content = open_layer(name, value, self._keys)
        except (NotDecoded, ImportError, OSError, MemoryError) as error:
            self._attempts.append(Attempt(name, _reason(error)))
            return None
        self._attempts.append(Attempt(name))
        self._layers.append(name)
        return content

    # -- the profile's rule

    def _by_rule(self, value: bytes) -> Decoded | None:
        try:
            layers, codec, argument = parse_rule(self._hints.rule)
        except NotDecoded as error:
            self._attempts.append(Attempt(self._hints.rule, str(error)))
            return None
        for name in layers:
            inner = self._open(name, value)
            if inner is None:
                self._layers.clear()
                return None
            value = inner
        if not codec:
            return self._without_rule(value)
        found = self._by_schema_file(codec, value, argument) if takes_schema(codec, argument) else None
        if found is None and is_json_schema(codec, argument):
            found = self._by_json_schema(value, argument)
        found = found or self._try(codec, value, argument)
        if found is None:
            self._layers.clear()
        return found

    def _by_schema_file(self, codec: str, value: bytes, argument: str) -> Decoded | None:
        """By the frame of the body: with the schema of the rule's file, or with that of the frame."""
        frame = find_frame(value, self._hints.headers, self._hints.part)
        if frame is None or not argument:
            return self._framed(value)
        file, _, message = argument.partition("#")
        frame = Frame(frame.style, SchemaRef(IdKind.FILE, file), frame.content, frame.indexes, message)
        return self._by_frame(frame)

    def _by_json_schema(self, value: bytes, file: str) -> Decoded | None:
        """JSON without a frame, and in the report whether it is valid."""
        try:
            schema = self._schemas.find(SchemaRef(IdKind.FILE, file))
            if schema.kind is not SchemaKind.JSON:
                raise NotDecoded(f"{schema.name} is no JSON Schema")
            found = _validated(schema, one_line(value))
        except (NotDecoded, SchemaNotFound, ImportError, MemoryError) as error:
            self._attempts.append(Attempt("json schema", _reason(error)))
            return None
        self._attempts += found.attempts
        return found

    def _try(self, codec: str, value: bytes, argument: str = "") -> Decoded | None:
        given = CodecInput(self._hints, self._schemas, argument, self._decode_inner)
        try:
            found = body_codec(codec)(value, given)
        except (NotDecoded, ImportError, OSError, MemoryError) as error:
            self._attempts.append(Attempt(codec, _reason(error)))
            return None
        self._attempts += found.attempts or (Attempt(found.codec),)
        return found

    def _decode_inner(self, value: bytes, hints: Hints) -> Decoded:
        if self._depth >= MAX_LAYERS:
            raise NotDecoded("it holds too many bodies inside each other")
        return _Decoding(self._keys, hints, self._schemas, self._depth + 1).decode(value)

    # -- frames

    def _framed(self, value: bytes) -> Decoded | None:
        frame = find_frame(value, self._hints.headers, self._hints.part)
        return None if frame is None else self._by_frame(frame)

    def _by_frame(self, frame: Frame) -> Decoded | None:
        try:
            schema = self._schemas.find(frame.schema)
            found = _decode_framed(schema, frame)
        except (NotDecoded, SchemaNotFound, ImportError, OSError, MemoryError) as error:
            if frame.schema.kind is not IdKind.GUID or frame.indexes is not None:
                self._wanted = str(frame.schema)
                self._attempts.append(Attempt(frame.style, _reason(error)))
            return self._json_in_frame(frame)
        self._attempts += [Attempt(frame.style), *(found.attempts or (Attempt(found.codec),))]
        return Decoded(found.text, f"{frame.style}+{found.codec}", (), found.schema)

    def _json_in_frame(self, frame: Frame) -> Decoded | None:
        """JSON can be read without its schema."""
        if frame.content[:1] not in (b"{", b"["):
            return None
        found = self._try("json", frame.content)
        return found and Decoded(found.text, f"{frame.style}+json")

    # -- what the message says, and what the bytes look like

    def _by_content_type(self, value: bytes) -> Decoded | None:
        named = of_content_type(self._hints.content_type) if self._hints.content_type else None
        found = None if named is None else self._try(named[0], value, named[1])
        return found and self._opened(found)

    def _by_looks(self, value: bytes) -> Decoded:
        found = self._try("json", value)
        if found is not None:
            return self._opened(found)
        for first, codec in BEGINNINGS:
            if found is None and first.match(value):
                found = self._try(codec, value)
        if found is None and _is_utf16(value):
            found = self._try("text", value, "utf-16")
        found = found or self._try("text", value)
        found = found or self._try_container("msgpack", value) or self._try_container("cbor", value)
        if found is None:
            self._attempts.append(Attempt("binary"))
            found = Decoded(orjson.dumps({"base64": to_base64(value)}), "binary")
        return found

    def _opened(self, found: Decoded) -> Decoded:
        """JSON that holds another body, with that body decoded."""
        if found.codec != "json":
            return found
        try:
            inner = open_json(found.text, CodecInput(self._hints, self._schemas, "", self._decode_inner))
        except NotDecoded as error:
            self._attempts.append(Attempt("envelope", str(error)))
            return found
        if inner is None:
            return found
        self._attempts += inner.attempts
        return inner

    def _try_container(self, codec: str, value: bytes) -> Decoded | None:
        """Only maps and arrays: nearly any bytes begin with some scalar."""
        found = self._try(codec, value)
        if found is not None and found.text[:1] not in (b"{", b"["):
            self._attempts[-1] = Attempt(codec, "it is no map or array")
            return None
        return found


def outer_layer(value: bytes) -> str:
    """The layer that the bytes begin with; "" for none."""
    return compression.detect(value) or ("fernet" if fernet.is_token(value) else "")


def _is_utf16(value: bytes) -> bool:
    """Whether it begins with a byte order mark and is mostly of characters whose other byte is zero."""
    return value[:2] in UTF16_MARKS and value.count(0) * 3 >= len(value)


def _decode_framed(schema: Schema, frame: Frame) -> Decoded:
    match schema.kind:
        case SchemaKind.AVRO:
            from mqtui.codecs import avro

            return avro.decode_with(schema, frame.content)
        case SchemaKind.PROTOBUF:
            from mqtui.codecs import protobuf

            return protobuf.decode_framed(schema, frame.content, frame.indexes, frame.message)
    return _validated(schema, one_line(frame.content))


def _validated(schema: Schema, text: bytes) -> Decoded:
    """A JSON document, which is shown whether it is valid or not: the report says what is not."""
    from mqtui.codecs.json_schema import require_valid

    why = ""
    try:
        require_valid(schema, text)
    except (NotEncoded, NotDecoded) as error:
        why = str(error)
    return Decoded(text, "json", (Attempt("json"), Attempt("json schema", why)), schema.name)


def _reason(error: Exception) -> str:
    match error:
        case ImportError():
            return f"the library {error.name or ''} is not installed".replace("  ", " ")
        case MemoryError():
            return "there is not enough memory"
    return str(error) or type(error).__name__
