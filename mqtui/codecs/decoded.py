"""What became of bytes that were read as a value, and every attempt on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

FernetKeys: TypeAlias = Mapping[str, bytes]
"""Fernet keys by name, as `cryptography.fernet.Fernet.generate_key` writes them. Whoever calls owns them."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One codec tried. `why` says what stood against it; "" where it fitted."""

    codec: str
    why: str = ""

    @property
    def fitted(self) -> bool:
        """Whether the bytes were read by it."""
        return not self.why


@dataclass(frozen=True, slots=True)
class Decoded:
    """A value as JSON text on one line, byte for byte as stored where it was JSON, so that no number loses a digit.

    `codec` names the layers, outermost first: `json`, `fernet+json`, `gzip+text`. Text is a JSON string, bytes that no
    codec fits are `{"base64": ...}`, no value is `null`.
    """

    text: bytes
    codec: str
    attempts: tuple[Attempt, ...] = ()

    def value(self) -> object:
        """The value in Python's types; fractions are `Decimal`, so that 1.10 stays 1.10."""
        parsed: object = json.loads(self.text, parse_float=Decimal)
        return parsed
