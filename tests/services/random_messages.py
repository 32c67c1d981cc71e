"""Random messages of each broker, from a seed."""

from __future__ import annotations

import random
import struct

from mqtui.domain.field_table import OCTETS, join, string
from mqtui.domain.figure import exact
from mqtui.domain.message import Delivery, EntryId, Envelope, Header, Message, Offset
from mqtui.domain.resource import Kind, Ref, name_text

NAMES = ("a", "b", "x-count", "größe", "name with spaces", "🦊", "")


def content(dice: random.Random) -> bytes:
    """Nothing, text, JSON, control characters, binary."""
    return dice.choice(
        [
            b"",
            b"text",
            '{"ü":1.10}'.encode(),
            b'"\\\n\r\t\x00\x1f',
            dice.randbytes(dice.randrange(1, 40)),
            b"\xed\xa0\x80",
        ]
    )


def name(dice: random.Random) -> str:
    return dice.choice(NAMES) if dice.random() < 0.8 else name_text(dice.randbytes(4))


def kafka(dice: random.Random) -> Message:
    headers = [(name(dice), dice.choice([None, content(dice)]), "") for _ in range(dice.randrange(6))]
    return Message(
        Ref(Kind.TOPIC, "orders"),
        Offset(dice.randrange(12), dice.randrange(1 << 40)),
        dice.choice([None, content(dice)]),
        dice.choice([None, content(dice)]),
        tuple(headers),
        dice.choice([None, dice.randrange(1 << 42)]),
    )


def redis(dice: random.Random) -> Message:
    fields = tuple((content(dice), content(dice)) for _ in range(dice.randrange(1, 6)))
    return Message(Ref(Kind.STREAM, "payments"), EntryId(dice.randrange(1 << 42), 0), None, fields=fields)


def rabbitmq(dice: random.Random) -> Message:
    headers = tuple(header(dice, depth=0) for _ in range(dice.randrange(6)))
    properties: tuple[tuple[str, str | int], ...] = (
        ("content_type", name(dice)),
        ("priority", dice.randrange(256)),
        ("correlation_id", name_text(dice.randbytes(3))),
    )
    envelope = Envelope("shop", name(dice), False, properties[: dice.randrange(4)], None, exact(3))
    return Message(Ref(Kind.QUEUE, "work"), Delivery(1), content(dice), None, headers, None, (), envelope)


def header(dice: random.Random, depth: int) -> Header:
    kind = dice.choice([kind for kind in OCTETS if depth < 2 or kind not in ("table", "array")])
    return name(dice), typed(dice, kind, depth), kind


def typed(dice: random.Random, kind: str, depth: int) -> bytes:
    """Any value of an AMQP type, the odd ones included: a true that is not 1, NaN, the largest integers."""
    sizes = {
        "bool": 1,
        "int8": 1,
        "uint8": 1,
        "int16": 2,
        "uint16": 2,
        "int32": 4,
        "uint32": 4,
        "float": 4,
        "decimal": 5,
    }
    sizes |= {"int64": 8, "double": 8, "timestamp": 8, "void": 0}
    if kind in sizes:
        return dice.choice([dice.randbytes(sizes[kind]), b"\xff" * sizes[kind], b"\0" * sizes[kind]])
    if kind == "string":
        return string(name_text(content(dice)))
    if kind == "table":
        inner = join(header(dice, depth + 1) for _ in range(dice.randrange(4)))
    elif kind == "array":
        entries = [header(dice, depth + 1) for _ in range(dice.randrange(4))]
        inner = b"".join(OCTETS[each] + (value or b"") for _, value, each in entries)
    else:
        inner = content(dice)
    return struct.pack(">I", len(inner)) + inner
