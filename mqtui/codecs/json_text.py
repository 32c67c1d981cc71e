"""JSON text that is kept byte for byte, except for line breaks between tokens."""

from __future__ import annotations

import orjson

FIRST = frozenset(b'{["-0123456789tfn \t\r\n')
"""Bytes a JSON document can begin with."""


def one_line(value: bytes) -> bytes | None:
    """The same JSON text on one line, or None where the bytes are no JSON document.

    Line ends inside a JSON document stand between its tokens only (RFC 8259, section 7), so a blank is the same.
    """
    if not value or value[0] not in FIRST:
        return None
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    if b"\n" in value or b"\r" in value:
        value = value.replace(b"\r", b" ").replace(b"\n", b" ")
    return value.strip()
