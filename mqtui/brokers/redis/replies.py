"""Replies as the server sends them (RESP2): flat lists of bytes. Fields stay ordered and may repeat."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias, cast

from redis.exceptions import RedisError

from mqtui.brokers.redis.building import Entry
from mqtui.brokers.redis.errors import answered
from mqtui.domain.message import EntryId, Field

Reply: TypeAlias = "int | bytes | list[Reply] | None"
Answer: TypeAlias = "Reply | RedisError"

LAST_SEQ = 2**64 - 1


def sure(answer: Answer, doing: str, name: str = "") -> Reply:
    """The reply, or the server's refusal raised in the domain's words."""
    if isinstance(answer, RedisError):
        raise answered(answer, doing, name)
    return answer


def items(reply: Reply) -> list[Reply]:
    """A list reply; nil counts as empty."""
    return reply if isinstance(reply, list) else []


def number(reply: Reply) -> int:
    """An integer reply; nil counts as 0."""
    return int(reply) if isinstance(reply, int | bytes) else 0


def text(reply: Reply) -> str:
    """A text reply of the server's own words."""
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply or "")


def pairs(reply: Reply) -> dict[str, Reply]:
    """The flat list of XINFO and CONFIG GET as names and values."""
    flat = items(reply)
    return {text(name): value for name, value in zip(flat[::2], flat[1::2], strict=False)}


def entries(reply: Reply) -> list[Entry]:
    """The entries of XRANGE, XREVRANGE, or of one stream of XREAD; deleted ones (nil) are left out."""
    return [cast("Entry", entry) for entry in items(reply) if isinstance(entry, list) and entry[1] is not None]


def entry_id(raw: bytes) -> EntryId:
    """An id from the server's text."""
    ms, _, seq = raw.partition(b"-")
    return EntryId(int(ms), int(seq or 0))


def id_bytes(position: EntryId) -> bytes:
    """An id as the server takes it."""
    return b"%d-%d" % (position.ms, position.seq)


def after(position: EntryId) -> EntryId:
    """The next possible id: what an exclusive range starts with, on every version."""
    return EntryId(position.ms, position.seq + 1) if position.seq < LAST_SEQ else EntryId(position.ms + 1, 0)


def before(position: EntryId) -> EntryId:
    """The id just below, or 0-0."""
    if position.seq:
        return EntryId(position.ms, position.seq - 1)
    return EntryId(position.ms - 1, LAST_SEQ) if position.ms else position


def weights(found: Iterable[Entry]) -> list[int]:
    """Bytes of names and values of each entry."""
    return [sum(map(len, flat)) for _, flat in found]


def flat_fields(fields: Iterable[Field]) -> list[bytes]:
    """Fields as XADD takes them."""
    return [part for pair in fields for part in pair]
