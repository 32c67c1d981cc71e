"""RESP2 replies as Python values: flat lists of bytes. The fields of an entry stay in order and may repeat."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias, cast

from redis.exceptions import RedisError

from mqtui.brokers.redis.errors import translate
from mqtui.domain.message import EntryId, Field
from mqtui.domain.raw_entries import RawEntry

Command: TypeAlias = Sequence[bytes | str | int]
"""A command name and its arguments."""

Reply: TypeAlias = "int | bytes | list[Reply] | None"
ReplyOrError: TypeAlias = "Reply | RedisError"

Entry: TypeAlias = RawEntry
"""A stream entry as XRANGE and XCLAIM reply it."""

MAX_SEQ = 2**64 - 1


def raise_if_error(reply: ReplyOrError, command: str, name: str = "") -> Reply:
    """The reply, or the domain error of an error reply. `name` is the stream or group that the error names."""
    if isinstance(reply, RedisError):
        raise translate(reply, command, name)
    return reply


def as_list(reply: Reply) -> list[Reply]:
    """A list reply; nil is the empty list."""
    return reply if isinstance(reply, list) else []


def as_int(reply: Reply) -> int:
    """An integer reply; nil is 0."""
    return int(reply) if isinstance(reply, int | bytes) else 0


def as_text(reply: Reply) -> str:
    """A reply that is text of the server, such as INFO."""
    return reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply or "")


def as_dict(reply: Reply) -> dict[str, Reply]:
    """A flat list of names and values, as XINFO and CONFIG GET reply it."""
    flat = as_list(reply)
    return {as_text(name): value for name, value in zip(flat[::2], flat[1::2], strict=False)}


def parse_entries(reply: Reply) -> list[Entry]:
    """The entries of XRANGE, XREVRANGE or of one stream of XREAD, without deleted ones (nil)."""
    entries = cast("list[Entry | None]", as_list(reply))
    return [entry for entry in entries if entry is not None and entry[1] is not None]


def parse_entry_id(raw: bytes) -> EntryId:
    return EntryId.parse(raw)


def encode_entry_id(position: EntryId) -> bytes:
    return b"%d-%d" % (position.ms, position.seq)


def next_id(position: EntryId) -> EntryId:
    """The next possible id: the start of an exclusive range, on every version of Redis."""
    return EntryId(position.ms, position.seq + 1) if position.seq < MAX_SEQ else EntryId(position.ms + 1, 0)


def previous_id(position: EntryId) -> EntryId:
    """The previous possible id, at least 0-0."""
    if position.seq:
        return EntryId(position.ms, position.seq - 1)
    return EntryId(position.ms - 1, MAX_SEQ) if position.ms else position


def entry_sizes(entries: Iterable[Entry]) -> list[int]:
    """The size of each entry: the bytes of its field names and values."""
    return [len(b"".join(flat)) for _, flat in entries]


def flatten_fields(fields: Iterable[Field]) -> list[bytes]:
    """Fields as the flat list that XADD takes."""
    return [part for pair in fields for part in pair]


def eval_command(script: str, keys: tuple[bytes, ...], *arguments: bytes | str | int) -> Command:
    """EVAL of a Lua script. Its text is always sent, so that a restarted server needs nothing loaded."""
    return ("EVAL", script, len(keys), *keys, *arguments)
