"""Text in a charset, and bodies that are one number, UUID, or bytes in another notation."""

from __future__ import annotations

import re
import struct
import uuid

import orjson

from mqtui.codecs.base64_hex import from_base64, from_hex, to_base64
from mqtui.codecs.decoded import Decoded, NotDecoded
from mqtui.codecs.hints import CodecInput
from mqtui.codecs.json_writer import to_json_text

CHARSETS = re.compile(
    r"(utf-?(7|8|8-sig|16|16le|16be|16-le|16-be|32|32le|32be|32-le|32-be)|us-ascii|ascii|iso-?8859-?\d{1,2}|latin-?\d{1,2}"
    r"|windows-?\d{3,4}|cp\d{2,4}|koi8-[rut]|shift_?-?jis|sjis|euc-?(jp|kr)|gb2312|gbk|gb18030|big5|mac-?roman)"
)
"""Charsets that are decoded; Python's registry also holds what is none (zip, idna, unicode_escape)."""

NUMBERS = {
    "int8": ">b",
    "uint8": ">B",
    "int16": ">h",
    "uint16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "int64": ">q",
    "uint64": ">Q",
    "float32": ">f",
    "float64": ">d",
}
"""Numbers by their struct format in network byte order; with `-le` after the name the other way round."""

UUID_BYTES = 16


def decode_text(value: bytes, given: CodecInput) -> Decoded:
    """Text in the charset of the argument; UTF-8 without one."""
    charset = given.argument.lower()
    if not charset or charset in ("utf-8", "utf8"):
        try:
            text = value.decode()
        except UnicodeDecodeError as error:
            raise NotDecoded(f"byte {error.start} is not UTF-8") from error
        if "\0" in text and not charset:
            raise NotDecoded("it has NUL bytes")
        return Decoded(orjson.dumps(text), "text")
    if CHARSETS.fullmatch(charset) is None:
        raise NotDecoded(f"the charset {charset[:40]} is unknown")
    try:
        return Decoded(to_json_text(value.decode(charset)), f"text:{charset}")
    except LookupError as error:
        raise NotDecoded(f"the charset {charset} is unknown") from error
    except UnicodeError as error:
        raise NotDecoded(f"it is not {charset}: {error}") from error


def decode_number(value: bytes, given: CodecInput) -> Decoded:
    """A number of exactly the bytes of its type, which the argument names."""
    name = given.argument
    order = NUMBERS[name.removesuffix("-le")]
    order = order.replace(">", "<") if name.endswith("-le") else order
    if len(value) != (size := struct.calcsize(order)):
        raise NotDecoded(f"it has {len(value):,} bytes, {name} has {size}")
    return Decoded(to_json_text(struct.unpack(order, value)[0]), name)


def decode_uuid(value: bytes, _given: CodecInput) -> Decoded:
    """A UUID in 16 bytes."""
    if len(value) != UUID_BYTES:
        raise NotDecoded(f"it has {len(value):,} bytes, a UUID has {UUID_BYTES}")
    return Decoded(orjson.dumps(str(uuid.UUID(bytes=value))), "uuid")


def decode_binary(value: bytes, _given: CodecInput) -> Decoded:
    """Bytes as they are."""
    return Decoded(orjson.dumps({"base64": to_base64(value)}), "binary")


def open_base64(value: bytes) -> bytes:
    """The bytes of standard or URL-safe base64."""
    try:
        text = value.decode("ascii").strip().replace("-", "+").replace("_", "/")
    except UnicodeDecodeError as error:
        raise NotDecoded("it is no base64") from error
    found = from_base64(text + "=" * (-len(text) % 4) if "=" not in text else text)
    if found is None or not text:
        raise NotDecoded("it is no base64")
    return found


def open_hex(value: bytes) -> bytes:
    """The bytes of hex digits."""
    found = from_hex(value.decode("ascii", "replace"))
    if not found:
        raise NotDecoded("they are no hex digits")
    return found
