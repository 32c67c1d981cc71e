"""Kafka's wire format, for the requests that are written here: primitive types of flexible versions (KIP-482).

Field names and orders are those of the message definitions in Kafka's sources (`clients/src/main/resources`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

NO_TAGS = b"\0"
"""An empty list of tagged fields; it ends each structure."""

NULL_ARRAY = b"\0"

INT8, INT16, INT32 = struct.Struct(">b"), struct.Struct(">h"), struct.Struct(">i")
"""Integers of a fixed size; the error code of an answer is an INT16."""


def encode_varint(number: int) -> bytes:
    """An unsigned varint, seven bits a byte."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def encode_string(text: str) -> bytes:
    """A compact string: its length plus one, then UTF-8."""
    encoded = text.encode()
    return encode_varint(len(encoded) + 1) + encoded


def encode_array(items: Iterable[bytes]) -> bytes:
    """A compact array of encoded items."""
    encoded = list(items)
    return encode_varint(len(encoded) + 1) + b"".join(encoded)


class ResponseDecoder:
    """Takes one field after the other off a response body.

    Every method raises IndexError, struct.error or UnicodeDecodeError on a body that is too short or has another form.
    """

    __slots__ = ("_at", "_body")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def skip(self, size: int) -> None:
        """Skip fields of a fixed size in bytes."""
        self._at += size

    def fields(self, layout: struct.Struct) -> tuple[int, ...]:
        """Integers of fixed sizes."""
        values = layout.unpack_from(self._body, self._at)
        self._at += layout.size
        return values

    def varint(self) -> int:
        """An unsigned varint."""
        body, at = self._body, self._at
        number = byte = body[at]
        shift = 7
        while byte > 0x7F:
            at += 1
            byte = body[at]
            number = number & ((1 << shift) - 1) | byte << shift
            shift += 7
        self._at = at + 1
        return number

    def length(self) -> int:
        """The length of a compact array; 0 for null."""
        return max(0, self.varint() - 1)

    def string(self) -> str:
        """A compact string; "" for null."""
        size = self.length()
        start, self._at = self._at, self._at + size
        if self._at > len(self._body):
            raise IndexError("the response ends within a string")
        return self._body[start : self._at].decode()

    def skip_string(self) -> None:
        """Skip a compact string or compact bytes."""
        size = self.length()
        self._at += size

    def skip_tags(self) -> None:
        """Skip tagged fields."""
        for _ in range(self.varint()):
            self.varint()
            size = self.varint()
            self._at += size
