"""Messages and receipts in bulk.

The constructor of a frozen dataclass sets each field through `object.__setattr__`; for an entry of four fields that is
40 % of the time from reply to message [2.8 µs, 1.7 without]. Here the slots are filled directly. Every slot must be:
a test compares with what the constructors make.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from mqtui.domain.message import EntryId, Message
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import Ref

Entry: TypeAlias = tuple[bytes, list[bytes]]
"""Id and flat list of names and values, as XRANGE and XCLAIM give it."""

Put: TypeAlias = Callable[[object, object], None]


def _puts(kind: type, *names: str) -> tuple[Put, ...]:
    slots: tuple[Any, ...] = tuple(getattr(kind, name) for name in names)
    return tuple(slot.__set__ for slot in slots)


_new = object.__new__
_put_ms, _put_seq = _puts(EntryId, "ms", "seq")
_put_state, _put_place, _put_reason = _puts(Receipt, "state", "position", "reason")
_put_resource, _put_position, _put_timestamp, _put_fields = _puts(
    Message, "resource", "position", "timestamp", "fields"
)
_put_value, _put_key, _put_headers, _put_envelope = _puts(Message, "value", "key", "headers", "envelope")


def messages(ref: Ref, found: Iterable[Entry]) -> list[Message]:
    """Entries as messages; the time of each is its id's milliseconds."""
    made = []
    for raw, flat in found:
        ms, _, seq = raw.partition(b"-")
        stamp = int(ms)
        position = _new(EntryId)
        _put_ms(position, stamp)
        _put_seq(position, int(seq))
        walk = iter(flat)
        message = _new(Message)
        _put_resource(message, ref)
        _put_position(message, position)
        _put_value(message, None)
        _put_key(message, None)
        _put_headers(message, ())
        _put_timestamp(message, stamp)
        _put_fields(message, tuple(zip(walk, walk, strict=True)))
        _put_envelope(message, None)
        made.append(message)
    return made


def stored(places: Sequence[bytes]) -> list[Receipt]:
    """Receipts of letters that are stored under these ids."""
    made = []
    last, stamp, state = b"", 0, PublishStatus.STORED
    for raw in places:
        ms, _, seq = raw.partition(b"-")
        if ms != last:
            last, stamp = ms, int(ms)
        position = _new(EntryId)
        _put_ms(position, stamp)
        _put_seq(position, int(seq))
        receipt = _new(Receipt)
        _put_state(receipt, state)
        _put_place(receipt, position)
        _put_reason(receipt, "")
        made.append(receipt)
    return made
