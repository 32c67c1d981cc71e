"""Values of headers without their type: RabbitMQ's are typed, everybody else's are bytes."""

from __future__ import annotations

import struct

import orjson

from mqtui.domain.errors import BadInput
from mqtui.domain.field_table import plain, python
from mqtui.domain.resource import name_bytes


def untyped_value(value: bytes | None, kind: str) -> bytes | None:
    """The bytes of a string or of an untyped value, else JSON; the bytes as they came where they can't be read."""
    if not kind:
        return value
    try:
        read = python(value, kind)
        if read is None or isinstance(read, bytes):
            return read
        return name_bytes(read) if isinstance(read, str) else orjson.dumps(plain(value, kind))
    except (BadInput, struct.error):
        return value
