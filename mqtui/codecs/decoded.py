"""The result of decoding a body, with every codec that was tried."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

FernetKeys: TypeAlias = Mapping[str, bytes]
"""Fernet keys by name, in the form of `cryptography.fernet.Fernet.generate_key`."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A codec that was tried. `why` says why it did not fit; "" where it did."""

    codec: str
    why: str = ""

    @property
    def fitted(self) -> bool:
        """Whether the codec could decode the bytes."""
        return not self.why


class NotDecoded(Exception):
    """The bytes can't be decoded that way, with the reason."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A value as JSON text on one line, byte for byte as stored where it was JSON, so that no number loses a digit.

    `codec` names the layers, outermost first: `json`, `fernet+json`, `gzip+text`. Text is a JSON string, bytes that no
    codec fits are `{"base64": ...}`, no value is `null`. `schema` names the schema it was written with, or the one that
    would be needed.
    """

    text: bytes
    codec: str
    attempts: tuple[Attempt, ...] = ()
    schema: str = ""

    def value(self) -> object:
        """The value in Python's types; fractions are `Decimal`, so that 1.10 stays 1.10."""
        parsed: object = json.loads(self.text, parse_float=Decimal)
        return parsed
