"""The codecs by name. A codec's module, and the library it needs, is imported when it is first used."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import TypeAlias

from mqtui.codecs.compression import DECOMPRESSORS, ENCODINGS, decompress
from mqtui.codecs.decoded import Decoded, FernetKeys, NotDecoded
from mqtui.codecs.hints import CodecInput
from mqtui.codecs.scalars import NUMBERS, open_base64, open_hex

BodyCodec: TypeAlias = Callable[[bytes, CodecInput], Decoded]

BODIES = {
    "json": "json_text:decode",
    "text": "scalars:decode_text",
    "msgpack": "packed:decode_msgpack",
    "cbor": "packed:decode_cbor",
    "avro": "avro:decode",
    "protobuf": "protobuf:decode",
    "number": "scalars:decode_number",
    "uuid": "scalars:decode_uuid",
    "binary": "scalars:decode_binary",
    "pickle": "named:decode_pickle",
    "java": "named:decode_java",
    "kryo": "named:decode_kryo",
    "faststream": "containers:decode_faststream",
    "kafka": "kafka_internal:decode",
}
"""Name of a codec, and the module of this package and its function that decodes."""

LAYERS = (*DECOMPRESSORS, "fernet", "base64", "hex")
"""What a rule may open before the codec: `gzip+json`."""

NUMBER_NAMES = tuple(name + order for name in NUMBERS for order in (("", "-le") if name[-1] != "8" else ("",)))

ENCODED = ("hex", "base64")
WAYS = (
    *("json", "text", "msgpack", "cbor", "pickle", "java", "kryo", "uuid"),
    *(name for name in NUMBER_NAMES if not name.startswith("float")),
    *("float32", "float64", *ENCODED),
)
"""Codecs and layers that need no schema, in the order in which they are offered."""

CONTENT_TYPES = {
    "application/json": "json",
    "text/json": "json",
    "application/msgpack": "msgpack",
    "application/x-msgpack": "msgpack",
    "application/vnd.msgpack": "msgpack",
    "application/cbor": "cbor",
    "application/avro": "avro",
    "avro/binary": "avro",
    "application/protobuf": "protobuf",
    "application/x-protobuf": "protobuf",
    "application/vnd.google.protobuf": "protobuf",
    "application/x-python-serialize": "pickle",
    "application/x-java-serialized-object": "java",
    "application/x-kryo": "kryo",
}
SUFFIXES = {"json": "json", "cbor": "cbor", "msgpack": "msgpack", "avro": "avro", "protobuf": "protobuf"}
"""Structured syntax suffixes (RFC 6839): `application/vnd.orders+json`."""


@cache
def body_codec(name: str) -> BodyCodec:
    """The codec of that name; of a number's type too.

    Raises:
        KeyError: there is none.
    """
    module, _, function = BODIES["number" if name in NUMBER_NAMES else name].partition(":")
    codec: BodyCodec = getattr(importlib.import_module(f"mqtui.codecs.{module}"), function)
    return codec


def is_body(name: str) -> bool:
    """Whether there is a codec of that name."""
    return (name in BODIES and name != "number") or name in NUMBER_NAMES


def open_layer(name: str, value: bytes, keys: FernetKeys) -> bytes:
    """The content of a layer.

    Raises:
        NotDecoded: it can't be opened.
    """
    match name:
        case "fernet":
            from mqtui.codecs import fernet

            return fernet.decrypt(value, keys)[0]
        case "base64":
            return open_base64(value)
        case "hex":
            return open_hex(value)
    return decompress(name, value)


def of_content_type(content_type: str) -> tuple[str, str] | None:
    """The codec of a media type and its argument, the charset; None where it says nothing."""
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    charset = ""
    for parameter in parameters.split(";"):
        name, _, setting = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = setting.strip().strip("\"'").lower()
    codec = CONTENT_TYPES.get(kind) or SUFFIXES.get(kind.rpartition("+")[2] if "+" in kind else "")
    if codec is None:
        return ("text", charset) if kind.startswith("text/") and charset else None
    return codec, charset if codec == "json" else ""


def of_content_encoding(content_encoding: str) -> list[str]:
    """The layers of a content encoding, outermost first."""
    names = [name.strip().lower() for name in content_encoding.split(",")]
    known = [ENCODINGS.get(name, name) for name in names]
    return [name for name in reversed(known) if name in DECOMPRESSORS or name == "base64"]


def parse_rule(rule: str) -> tuple[list[str], str, str]:
    """The layers, the codec and its argument of a rule: `gzip+avro:orders.avsc`, `text:latin-1`, `uint32-le`.

    Raises:
        NotDecoded: it names what there is no codec for.
    """
    head, _, argument = rule.partition(":")
    *layers, codec = [name.strip().lower() for name in head.split("+")]
    for name in layers:
        if name not in LAYERS:
            raise NotDecoded(f"{name[:40] or 'an empty name'} is no layer that can be opened")
    if codec in LAYERS:
        return [*layers, codec], "", ""
    if not is_body(codec):
        raise NotDecoded(f"{codec[:40] or 'an empty name'} is no codec")
    return layers, codec, codec if codec in NUMBER_NAMES else argument.strip()


def schema_file(rule: str) -> str:
    """The schema file that a rule names; "" for none."""
    _, codec, argument = parse_rule(rule)
    return argument.partition("#")[0] if takes_schema(codec, argument) else ""


def takes_schema(codec: str, argument: str) -> bool:
    """Whether the argument of a codec names a schema: of JSON it may be a charset as well."""
    return codec in ("avro", "protobuf") or is_json_schema(codec, argument)


def is_json_schema(codec: str, argument: str) -> bool:
    """Whether it is the file of a JSON Schema."""
    return codec == "json" and argument.lower().endswith(".json")
