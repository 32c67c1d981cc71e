"""Letters as the journal keeps them: a batch is one blob, a list of letters or a map of stretches and columns."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from mqtui.domain.convoy import Arrivals, Places
from mqtui.domain.redrive import Outcome

Mark: TypeAlias = tuple[str, bytes, int]
"""A letter in hand: position, fingerprint (b"" where the position is enough), deliveries left (-1: no limit)."""

Done: TypeAlias = tuple[str, str, str, str]
"""What became of a letter: position, outcome, position in the target ("" where there is none), reason."""

Marks: TypeAlias = Sequence[Mark] | Places
"""Letters in hand, one by one or by stretches."""

Dones: TypeAlias = Sequence[Done] | Arrivals
"""What became of letters, one by one or by columns."""

_marks = msgspec.msgpack.Decoder(list[Mark] | Places)
_dones = msgspec.msgpack.Decoder(list[Done] | Arrivals)


def pack_marks(marks: Marks) -> bytes:
    """Marks as MessagePack; fingerprints do not compress, so nothing is tried."""
    return msgspec.msgpack.encode(marks)


def unpack_marks(blob: bytes) -> list[Mark]:
    """What `pack_marks` packed, one by one."""
    marks: list[Mark] | Places = _marks.decode(blob)
    if isinstance(marks, Places):
        return [(str(place), b"", -1) for place in marks]
    return marks


def pack_dones(dones: Dones) -> bytes:
    """Outcomes as compressed MessagePack. Bytes of a name in a reason that are not UTF-8 are escaped."""
    try:
        packed = msgspec.msgpack.encode(dones)
    except UnicodeEncodeError:
        assert not isinstance(dones, Arrivals), "names of topics are ASCII"
        packed = msgspec.msgpack.encode([tuple(map(_escaped, done)) for done in dones])
    return zlib.compress(packed, 1)


def unpack_dones(blob: bytes) -> list[Done]:
    """What `pack_dones` packed, one by one."""
    dones: list[Done] | Arrivals = _dones.decode(zlib.decompress(blob))
    if isinstance(dones, Arrivals):
        return [
            (str(place), Outcome.MOVED.value, topic if copy is None else f"{topic} {copy}", "")
            for place, topic, copy in dones
        ]
    return dones


def _escaped(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
