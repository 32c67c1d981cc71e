"""JSON text that is kept byte for byte, except for line breaks between tokens."""

from __future__ import annotations

import orjson

from mqtui.codecs.decoded import Decoded, NotDecoded
from mqtui.codecs.hints import CodecInput
from mqtui.codecs.scalars import CHARSETS

FIRST = frozenset(b'{["-0123456789tfn \t\r\n')
"""Bytes a JSON document can begin with."""

NO_JSON = "it is no JSON document"
TOO_DEEP = "it is nested deeper than 1,024 levels"
UTF8 = ("", "utf-8", "utf8", "us-ascii", "ascii")


def decode(value: bytes, given: CodecInput) -> Decoded:
    """JSON, in UTF-8 or in the charset of the argument."""
    charset = given.argument.lower()
    if charset not in UTF8 and CHARSETS.fullmatch(charset):
        try:
            value = value.decode(charset).encode()
        except (UnicodeError, LookupError) as error:
            raise NotDecoded(f"it is not {charset}: {error}") from error
    return Decoded(one_line(value), "json")


def one_line(value: bytes) -> bytes:
    """The same JSON text on one line.

    Line ends inside a JSON document stand between its tokens only (RFC 8259, section 7), so a blank is the same.

    Raises:
        NotDecoded: the bytes are no JSON document.
    """
    if not value or value[0] not in FIRST:
        raise NotDecoded(NO_JSON)
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise NotDecoded(TOO_DEEP if "depth" in str(error) else NO_JSON) from error
    if b"\n" in value or b"\r" in value:
        value = value.replace(b"\r", b" ").replace(b"\n", b" ")
    return value.strip()
