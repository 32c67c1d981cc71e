"""What is known about a body beside its bytes, and what a codec may ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from mqtui.codecs.decoded import Decoded
from mqtui.codecs.schema_source import NO_SCHEMAS, SchemaSource

Part: TypeAlias = Literal["key", "value"]


@dataclass(frozen=True, slots=True)
class Hints:
    """What a message says about its key or value.

    `headers` are byte strings by name. `rule` is how the profile says it is encoded (`decode_rule`), "" for none.
    `key` is the message's key where this is its value.
    """

    part: Part = "value"
    resource: str = ""
    headers: Mapping[str, bytes] = field(default_factory=dict)
    content_type: str = ""
    content_encoding: str = ""
    rule: str = ""
    key: bytes | None = None


NO_HINTS = Hints()

DecodeInner: TypeAlias = Callable[[bytes, Hints], Decoded]
"""Decodes a body inside another one."""


@dataclass(frozen=True, slots=True)
class CodecInput:
    """What a codec gets beside the bytes. `argument` is what a rule or a content type says: a charset, a schema."""

    hints: Hints = NO_HINTS
    schemas: SchemaSource = NO_SCHEMAS
    argument: str = ""
    decode_inner: DecodeInner | None = None
