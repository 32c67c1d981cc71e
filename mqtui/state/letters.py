"""Letters as the journal keeps them: a batch is one blob."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

Mark: TypeAlias = tuple[str, bytes, int]
"""A letter in hand: position, fingerprint (b"" where the position is enough), deliveries left (-1: no limit)."""

Done: TypeAlias = tuple[str, str, str, str]
"""What became of a letter: position, outcome, position in the target ("" where there is none), reason."""

_marks = msgspec.msgpack.Decoder(list[Mark])
_dones = msgspec.msgpack.Decoder(list[Done])


def pack_marks(marks: Sequence[Mark]) -> bytes:
    """Marks as MessagePack; fingerprints do not compress, so nothing is tried."""
    return msgspec.msgpack.encode(marks)


def unpack_marks(blob: bytes) -> list[Mark]:
    """What `pack_marks` packed."""
    return _marks.decode(blob)


def pack_dones(dones: Sequence[Done]) -> bytes:
    """Outcomes as compressed MessagePack. Bytes of a name in a reason that are not UTF-8 are escaped."""
    try:
        packed = msgspec.msgpack.encode(dones)
    except UnicodeEncodeError:
        packed = msgspec.msgpack.encode([tuple(map(_escaped, done)) for done in dones])
    return zlib.compress(packed, 1)


def unpack_dones(blob: bytes) -> list[Done]:
    """What `pack_dones` packed."""
    return _dones.decode(zlib.decompress(blob))


def _escaped(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
