"""Letters as the journal keeps them: a batch is one blob, a list of letters or a map of stretches and columns."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from mqtui.domain.bulk import BulkReceipts, OffsetRanges
from mqtui.domain.redrive import Outcome

Mark: TypeAlias = tuple[str, bytes, int]
"""A letter in hand: position, fingerprint (b"" where the position is enough), deliveries left (-1: no limit)."""

Done: TypeAlias = tuple[str, str, str, str]
"""What became of a letter: position, outcome, position in the target ("" where there is none), reason."""

Marks: TypeAlias = Sequence[Mark] | OffsetRanges
"""Letters in hand, one by one or by stretches."""

Dones: TypeAlias = Sequence[Done] | BulkReceipts
"""What became of letters, one by one or by columns."""

_marks = msgspec.msgpack.Decoder(list[Mark] | OffsetRanges)
_dones = msgspec.msgpack.Decoder(list[Done] | BulkReceipts)


def pack_marks(marks: Marks) -> bytes:
    """Marks as MessagePack; fingerprints do not compress, so nothing is tried."""
    return msgspec.msgpack.encode(marks)


def unpack_marks(blob: bytes) -> list[Mark]:
    """What `pack_marks` packed, one by one."""
    marks: list[Mark] | OffsetRanges = _marks.decode(blob)
    if isinstance(marks, OffsetRanges):
        return [(str(place), b"", -1) for place in marks]
    return marks


def pack_dones(dones: Dones) -> bytes:
    """Outcomes as compressed MessagePack. Bytes of a name in a reason that are not UTF-8 are escaped."""
    try:
        packed = msgspec.msgpack.encode(dones)
    except UnicodeEncodeError:
        assert not isinstance(dones, BulkReceipts), "names of topics are ASCII"
        packed = msgspec.msgpack.encode([tuple(map(_escaped, done)) for done in dones])
    return zlib.compress(packed, 1)


def unpack_dones(blob: bytes) -> list[Done]:
    """What `pack_dones` packed, one by one."""
    dones: list[Done] | BulkReceipts = _dones.decode(zlib.decompress(blob))
    if isinstance(dones, BulkReceipts):
        return [
            (str(place), Outcome.MOVED.value, topic if copy is None else f"{topic} {copy}", "")
            for place, topic, copy in dones
        ]
    return dones


def _escaped(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
