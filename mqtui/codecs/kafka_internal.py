"""Records of Kafka's own topics `__consumer_offsets` and `__transaction_state`.

Their formats are the message definitions of Kafka's group and transaction coordinators. Groups of the protocol of
KIP-848 and later have keys that name the group and the member; their values are shown as bytes.
"""

from __future__ import annotations

import struct
import uuid
from typing import Any

from mqtui.codecs.decoded import Decoded, NotDecoded
from mqtui.codecs.hints import CodecInput
from mqtui.codecs.json_writer import to_json_text

CONSUMER_OFFSETS, TRANSACTION_STATE = "__consumer_offsets", "__transaction_state"
TOPICS = frozenset({CONSUMER_OFFSETS, TRANSACTION_STATE})

KEY_NAMES = {
    0: "offset",
    1: "offset",
    2: "group",
    3: "consumer group",
    4: "consumer group partitions",
    5: "consumer group member",
    6: "consumer group target assignment",
    7: "consumer group member target assignment",
    8: "consumer group member assignment",
    9: "share group partitions",
    10: "share group member",
    11: "share group",
    12: "share group target assignment",
    13: "share group member target assignment",
    14: "share group member assignment",
    15: "share group state partitions",
    16: "consumer group regular expression",
    17: "streams group",
    18: "streams group partitions",
    19: "streams group member",
    20: "streams group target assignment",
    21: "streams group member target assignment",
    22: "streams group member assignment",
    23: "streams group topology",
}
"""What a record of `__consumer_offsets` is about, by the version in its key."""

OF_MEMBER = frozenset({5, 7, 8, 10, 13, 14, 19, 21, 22})
WITH_EXPRESSION = 16
STATES = (
    *("Empty", "Ongoing", "PrepareCommit", "PrepareAbort"),
    *("CompleteCommit", "CompleteAbort", "Dead", "PrepareEpochFence"),
)
"""The states of a transaction by their number."""


def decode(value: bytes, given: CodecInput) -> Decoded:
    """A key or a value of the topic that the hints name."""
    hints = given.hints
    if hints.resource not in TOPICS:
        raise NotDecoded("it is in no topic of Kafka's own")
    try:
        if hints.part == "key":
            row = _offsets_key(value) if hints.resource == CONSUMER_OFFSETS else _transaction_key(value)
        elif hints.resource == TRANSACTION_STATE:
            row = _transaction(value)
        else:
            row = _offsets_value(value, _Reader(hints.key or b"").number(">h"))
    except (struct.error, UnicodeDecodeError, ValueError) as error:
        raise NotDecoded(f"it is no record of {hints.resource} that is known: {error}") from error
    return Decoded(to_json_text(row), hints.resource.strip("_"))


class _Reader:
    """Reads Kafka's primitive types; `compact` are those of flexible versions (KIP-482)."""

    def __init__(self, value: bytes) -> None:
        self.value = value
        self.at = 0
        self.compact = False

    def number(self, form: str) -> int:
        (found,) = struct.unpack_from(form, self.value, self.at)
        self.at += struct.calcsize(form)
        return int(found)

    def varint(self) -> int:
        found = shift = 0
        while shift < 35:
            byte = self.number(">B")
            found |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return found
        raise ValueError("a length has too many bytes")

    def take(self, size: int) -> bytes:
        if size < 0 or self.at + size > len(self.value):
            raise ValueError("it is cut off")
        self.at += size
        return self.value[self.at - size : self.at]

    def text(self) -> str | None:
        size = self.varint() - 1 if self.compact else self.number(">h")
        return None if size < 0 else self.take(size).decode()

    def octets(self) -> bytes | None:
        size = self.varint() - 1 if self.compact else self.number(">i")
        return None if size < 0 else self.take(size)

    def count(self) -> int:
        """Items of an array; an item has at least one byte."""
        found = self.varint() - 1 if self.compact else self.number(">i")
        if found > len(self.value):
            raise ValueError("it is cut off")
        return max(found, 0)

    def tags(self) -> dict[int, bytes]:
        """Tagged fields, by number."""
        return {self.varint(): self.take(self.varint()) for _ in range(self.varint())} if self.compact else {}

    def end(self) -> None:
        if self.at != len(self.value):
            raise ValueError(f"{len(self.value) - self.at} bytes are left over")


def _offsets_key(value: bytes) -> dict[str, Any]:
    reader = _Reader(value)
    version = reader.number(">h")
    if version not in KEY_NAMES:
        raise ValueError(f"version {version}")
    row: dict[str, Any] = {"about": KEY_NAMES[version], "group": reader.text()}
    if version < 2:
        row |= {"topic": reader.text(), "partition": reader.number(">i")}
    elif version in OF_MEMBER:
        row["member"] = reader.text()
    elif version == WITH_EXPRESSION:
        row["expression"] = reader.text()
    reader.end()
    return row


def _offsets_value(value: bytes, about: int) -> dict[str, Any]:
    if about in (0, 1):
        return _offset(value)
    if about == 2:
        return _group(value)
    if about not in KEY_NAMES:
        raise ValueError(f"version {about} in its key")
    return {"about": KEY_NAMES[about], "value": value}


def _offset(value: bytes) -> dict[str, Any]:
    reader = _Reader(value)
    version = reader.number(">h")
    if not 0 <= version <= 4:
        raise ValueError(f"version {version}")
    reader.compact = version >= 4
    row: dict[str, Any] = {"offset": reader.number(">q")}
    if version >= 3:
        row["leader_epoch"] = reader.number(">i")
    row |= {"metadata": reader.text(), "committed_at": reader.number(">q")}
    if version == 1:
        row["expires_at"] = reader.number(">q")
    tags = reader.tags()
    if 0 in tags:
        row["topic_id"] = str(uuid.UUID(bytes=tags[0]))
    reader.end()
    return row


def _group(value: bytes) -> dict[str, Any]:
    reader = _Reader(value)
    version = reader.number(">h")
    if not 0 <= version <= 4:
        raise ValueError(f"version {version}")
    reader.compact = version >= 4
    row: dict[str, Any] = {"protocol_type": reader.text(), "generation": reader.number(">i")}
    row |= {"protocol": reader.text(), "leader": reader.text()}
    if version >= 2:
        row["state_since"] = reader.number(">q")
    row["members"] = [_member(reader, version) for _ in range(reader.count())]
    reader.tags()
    reader.end()
    return row


def _member(reader: _Reader, version: int) -> dict[str, Any]:
    row: dict[str, Any] = {"member": reader.text()}
    if version >= 3:
        row["instance"] = reader.text()
    row |= {"client": reader.text(), "host": reader.text()}
    if version >= 1:
        row["rebalance_timeout_ms"] = reader.number(">i")
    row |= {"session_timeout_ms": reader.number(">i")}
    row |= {"subscription": reader.octets(), "assignment": reader.octets()}
    reader.tags()
    return row


def _transaction_key(value: bytes) -> dict[str, Any]:
    reader = _Reader(value)
    if version := reader.number(">h"):
        raise ValueError(f"version {version}")
    row = {"transactional_id": reader.text()}
    reader.end()
    return row


def _transaction(value: bytes) -> dict[str, Any]:
    reader = _Reader(value)
    version = reader.number(">h")
    if version not in (0, 1):
        raise ValueError(f"version {version}")
    reader.compact = version == 1
    row: dict[str, Any] = {"producer_id": reader.number(">q"), "producer_epoch": reader.number(">h")}
    row["timeout_ms"] = reader.number(">i")
    state = reader.number(">b")
    row["state"] = STATES[state] if 0 <= state < len(STATES) else state
    partitions: dict[str, list[int]] = {}
    for _ in range(reader.count()):
        topic = reader.text() or ""
        partitions[topic] = [reader.number(">i") for _ in range(reader.count())]
        reader.tags()
    row |= {"partitions": partitions, "updated_at": reader.number(">q"), "started_at": reader.number(">q")}
    reader.tags()
    reader.end()
    return row
