"""XINFO STREAM of many streams by one script, which leaves out the first and last entries that XINFO would send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError

from mqtui.brokers.redis.connection.resp import Command, Reply, ReplyOrError, as_int, as_list, as_text, parse_entry_id
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.errors import COMMAND_UNAVAILABLE, is_key_denied, translate
from mqtui.brokers.redis.read import lua
from mqtui.domain.message import EntryId

STREAMS_PER_SCRIPT_CALL = 50
MAX_BYTES_PER_CALL = 4 << 20
"""Bytes of first and last entries that one script call visits: the server serves nobody else meanwhile (some ms)."""


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """Length, last generated id, first id, and how many entries were ever added (entries-added).

    None: there is no such entry, or this user may not know.
    """

    length: int
    last: EntryId | None = None
    first: EntryId | None = None
    added: int | None = None


def parse_stream_info(length: int, reply: ReplyOrError) -> StreamInfo:
    """One stream in the reply of the script; only its length where the script could not read it."""
    if not isinstance(reply, list):
        return StreamInfo(length)
    last, first, added = reply
    first_id = parse_entry_id(as_text(first).encode()) if first else None
    last_id = parse_entry_id(as_text(last).encode())
    return StreamInfo(length, last_id, first_id, as_int(added) if as_int(added) >= 0 else None)


def stream_info_command(keys: Sequence[bytes]) -> Command:
    """The script call for these streams; `parse_stream_infos` reads the reply."""
    return ("EVAL_RO", lua.STREAM_INFO, len(keys), *keys, MAX_BYTES_PER_CALL)


def parse_stream_infos(keys: Sequence[bytes], reply: ReplyOrError) -> dict[bytes, Reply]:
    """The script's reply by key: None for a stream that it could not read. Keys beyond its byte limit are missing."""
    return {} if isinstance(reply, RedisError) else dict(zip(keys, as_list(reply), strict=False))


async def query_with_stream_info(
    router: Router, keys: Sequence[bytes], commands: Sequence[tuple[bytes, Command]]
) -> tuple[list[ReplyOrError], Mapping[bytes, Reply]]:
    """The replies to commands, each with its key, and the script's reply by stream, in as few round trips as possible.

    A cluster runs a script over the keys of one slot only, so there each stream has a call of its own. So it has
    elsewhere if the call for several was refused, because of one key or because this is one node of a cluster, or if it
    did not come to the last.
    """
    per_call = 1 if router.is_clustered else STREAMS_PER_SCRIPT_CALL
    shares = [keys[start : start + per_call] for start in range(0, len(keys), per_call)]
    replies = await router.scatter([*commands, *((share[0], stream_info_command(share)) for share in shares)])
    script_replies = replies[len(commands) :]
    infos: dict[bytes, Reply] = {}
    for share, reply in zip(shares, script_replies, strict=True):
        infos |= parse_stream_infos(share, reply)
    left = [key for key in keys if key not in infos]
    if left and per_call > 1 and not any(map(_are_scripts_unavailable, script_replies)):
        single = await router.scatter([(key, stream_info_command([key])) for key in left])
        for key, reply in zip(left, single, strict=True):
            infos |= parse_stream_infos([key], reply)
    return replies[: len(commands)], infos


def _are_scripts_unavailable(reply: ReplyOrError) -> bool:
    """Whether this user can't run scripts at all, whatever the key."""
    if not isinstance(reply, RedisError):
        return False
    error = translate(reply, "EVAL_RO")
    return isinstance(error, COMMAND_UNAVAILABLE) and not is_key_denied(error.detail)
