"""Receipts of letters, from what the move scripts return for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from redis.exceptions import RedisError

from mqtui.brokers.redis.connection.resp import ReplyOrError
from mqtui.brokers.redis.errors import error_code, translate
from mqtui.domain.errors import MqtuiError
from mqtui.domain.message import EntryId
from mqtui.domain.redrive import PublishStatus, Receipt

GONE = Receipt(PublishStatus.GONE, reason="not in the source any more")
HANDLED = Receipt(PublishStatus.GONE, reason="handled by another run; another group still needs the entry")
KEPT_FOR_OTHER_GROUP = "another group still needs the entry: it stays in the source, marked as handled"
STORED_EARLIER = "stored by an earlier try of this run"


@dataclass(frozen=True, slots=True)
class MovedEntries:
    """What became of some raw entries: the id of the copy of each, empty where it has none, and those receipts."""

    copies: Sequence[bytes]
    others: Mapping[int, Receipt] = field(default_factory=dict)
    """The receipts of entries that are not stored, by their index."""

    @classmethod
    def of(cls, receipts: Sequence[Receipt]) -> MovedEntries:
        """The same from one receipt an entry."""
        copies, others = list[bytes](), dict[int, Receipt]()
        for index, receipt in enumerate(receipts):
            is_stored = receipt.state is PublishStatus.STORED and isinstance(receipt.position, EntryId)
            copies.append(str(receipt.position).encode() if is_stored else b"")
            if not is_stored:
                others[index] = receipt
        return cls(copies, others)


def only_new_ids(replies: Sequence[ReplyOrError]) -> list[bytes]:
    """The new ids in the replies to calls of `MOVE`; empty unless each letter was stored and removed."""
    copies: list[bytes] = []
    for reply in replies:
        if isinstance(reply, RedisError):
            return []
        special, *ids = cast("tuple[int, *tuple[bytes, ...]]", reply)
        if special:
            return []
        copies += ids
    return copies


def stored_receipts(ids: Sequence[bytes]) -> list[Receipt]:
    """Receipts of letters that are stored under these ids."""
    receipts = []
    last_ms, milliseconds = b"", 0
    for raw in ids:
        ms, _, seq = raw.partition(b"-")
        if ms != last_ms:
            last_ms, milliseconds = ms, int(ms)
        receipts.append(Receipt(PublishStatus.STORED, EntryId(milliseconds, int(seq))))
    return receipts


def parse_outcomes(reply: ReplyOrError, count: int, target: str) -> list[Receipt]:
    """The receipts of one call of the scripts `MOVE` and `STORE`, for `count` letters.

    A script that ended with an error has moved nothing: the error is the refusal of each letter.
    """
    if isinstance(reply, RedisError):
        if error_code(reply) == "NOTARGET":
            return [Receipt(PublishStatus.REFUSED, reason=f"there is no stream {target}")] * count
        return [refusal_receipt(translate(reply, "EVAL", target))] * count
    special, *outcomes = cast("tuple[int, *tuple[bytes, ...]]", reply)
    if special:
        return [parse_outcome(outcome) for outcome in outcomes]
    return stored_receipts(outcomes)


def parse_outcome(outcome: bytes) -> Receipt:
    """The receipt of one letter; `lua.py` lists the outcomes."""
    match outcome[:1]:
        case b"":
            return GONE
        case b"=":
            return HANDLED
        case b"!":
            return Receipt(PublishStatus.REFUSED, reason=outcome[1:].decode("utf-8", "replace"))
        case b"+":
            ms, _, seq = outcome[1:].partition(b"-")
            return Receipt(PublishStatus.STORED, EntryId(int(ms), int(seq)), KEPT_FOR_OTHER_GROUP)
        case _:
            ms, _, seq = outcome.partition(b"-")
            return Receipt(PublishStatus.STORED, EntryId(int(ms), int(seq)))


def refusal_receipt(error: MqtuiError) -> Receipt:
    """The receipt of a letter that an error of the server has refused."""
    return Receipt(PublishStatus.REFUSED, reason=f"{error.title}: {error.detail}" if error.detail else error.title)


def mark_unknown(receipt: Receipt, reason: str) -> Receipt:
    """A stored receipt as unknown for a reason, such as too few replicas; other receipts, or no reason: unchanged."""
    if reason and receipt.state is PublishStatus.STORED:
        return Receipt(PublishStatus.UNKNOWN, receipt.position, reason)
    return receipt
