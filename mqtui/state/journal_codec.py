"""Blobs of the journal: a batch of letters in flight, or their outcomes, as lists or as offset ranges and columns."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from mqtui.domain.bulk import BulkReceipts, EntryReceipts, OffsetRange, OffsetRanges, RawLetters
from mqtui.domain.raw_entries import RawEntries
from mqtui.domain.redrive import Outcome

InFlight: TypeAlias = tuple[str, bytes, int]
"""A letter in flight: position, fingerprint (b"" where the position suffices), deliveries left (-1: no limit)."""

OutcomeRow: TypeAlias = tuple[str, str, str, str]
"""The outcome of a letter: position, outcome, position in the target ("" without one), reason."""

LettersInFlight: TypeAlias = Sequence[InFlight] | RawLetters
"""Letters in flight, one by one, as offset ranges or as raw entries."""

OutcomeRows: TypeAlias = Sequence[OutcomeRow] | BulkReceipts | EntryReceipts
"""Outcomes of letters, one by one or as columns."""


class _StoredRanges(msgspec.Struct):
    """`OffsetRanges` with the field names of the file format."""

    stretches: tuple[OffsetRange, ...]


class _StoredReceipts(msgspec.Struct):
    """`BulkReceipts` with the field names of the file format."""

    places: _StoredRanges
    topics: tuple[str, ...]
    which: bytes
    partitions: bytes
    offsets: bytes


class _StoredEntryReceipts(msgspec.Struct):
    """`EntryReceipts`. Ids are separated by spaces."""

    sources: bytes
    targets: tuple[str, ...]
    which: bytes
    copies: bytes


_marks = msgspec.msgpack.Decoder(list[InFlight] | _StoredRanges | bytes)
"""Bytes are entry ids, separated by spaces."""

_dones = msgspec.msgpack.Decoder(list[OutcomeRow] | _StoredReceipts | bytes)
"""Bytes are the MessagePack of `_StoredEntryReceipts`: a union holds one struct at most."""

_entry_receipts = msgspec.msgpack.Decoder(_StoredEntryReceipts)


def encode_in_flight(marks: LettersInFlight) -> bytes:
    """MessagePack, not compressed, since fingerprints don't compress."""
    if isinstance(marks, RawEntries):
        return msgspec.msgpack.encode(b" ".join(marks.ids()))
    return msgspec.msgpack.encode(_StoredRanges(marks.ranges) if isinstance(marks, OffsetRanges) else marks)


def decode_in_flight(blob: bytes) -> list[InFlight]:
    """The letters of a blob, one by one."""
    marks: list[InFlight] | _StoredRanges | bytes = _marks.decode(blob)
    if isinstance(marks, bytes):
        return [(name, b"", -1) for name in marks.decode().split()]
    if isinstance(marks, _StoredRanges):
        return [(str(offset), b"", -1) for offset in OffsetRanges(marks.stretches)]
    return marks


def encode_outcomes(dones: OutcomeRows) -> bytes:
    """Compressed MessagePack. Bytes in a reason that are not UTF-8 are escaped."""
    if isinstance(dones, BulkReceipts):
        return zlib.compress(msgspec.msgpack.encode(_to_stored(dones)), 1)
    if isinstance(dones, EntryReceipts):
        return zlib.compress(msgspec.msgpack.encode(_pack_entry_receipts(dones)), 1)
    try:
        packed = msgspec.msgpack.encode(dones)
    except UnicodeEncodeError:
        packed = msgspec.msgpack.encode([tuple(map(_escaped, done)) for done in dones])
    return zlib.compress(packed, 1)


def decode_outcomes(blob: bytes) -> list[OutcomeRow]:
    """The outcomes of a blob, one by one."""
    dones: list[OutcomeRow] | _StoredReceipts | bytes = _dones.decode(zlib.decompress(blob))
    if isinstance(dones, bytes):
        return _unpack_entry_receipts(dones)
    if isinstance(dones, _StoredReceipts):
        return [
            (str(source), Outcome.MOVED.value, topic if copy is None else f"{topic} {copy}", "")
            for source, topic, copy in _from_stored(dones)
        ]
    return dones


def _to_stored(receipts: BulkReceipts) -> _StoredReceipts:
    return _StoredReceipts(
        _StoredRanges(receipts.sources.ranges),
        receipts.topics,
        receipts.topic_indexes,
        receipts.partitions,
        receipts.offsets,
    )


def _from_stored(stored: _StoredReceipts) -> BulkReceipts:
    sources = OffsetRanges(stored.places.stretches)
    return BulkReceipts(sources, stored.topics, stored.which, stored.partitions, stored.offsets)


def _pack_entry_receipts(receipts: EntryReceipts) -> bytes:
    sources, copies = b" ".join(receipts.sources), b" ".join(receipts.copies)
    targets = tuple(map(_escaped, receipts.targets))
    return msgspec.msgpack.encode(_StoredEntryReceipts(sources, targets, receipts.target_indexes, copies))


def _unpack_entry_receipts(packed: bytes) -> list[OutcomeRow]:
    stored = _entry_receipts.decode(packed)
    columns = (stored.sources.decode().split(), array("i", stored.which), stored.copies.decode().split())
    return [
        (source, Outcome.MOVED.value, f"{stored.targets[target]} {copy}", "")
        for source, target, copy in zip(*columns, strict=True)
    ]


def _escaped(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
