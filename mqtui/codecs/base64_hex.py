"""Bytes as text: base64 and hex, parsed strictly."""

from __future__ import annotations

import base64
import binascii


def to_base64(value: bytes) -> str:
    """Standard base64 with padding (RFC 4648, section 4)."""
    return base64.b64encode(value).decode("ascii")


def from_base64(text: str) -> bytes | None:
    """The bytes of standard base64, or None where it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def to_hex(value: bytes) -> str:
    """Two lower-case digits a byte, without separators."""
    return value.hex()


def from_hex(text: str) -> bytes | None:
    """The bytes of hex digits, or None where it is none; blanks between bytes are allowed."""
    try:
        return binascii.unhexlify("".join(text.split()))
    except ValueError:
        return None
