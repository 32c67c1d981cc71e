"""All that Redis says of one stream: ids, counters, memory and lifetime, and its groups with their lag."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from redis.exceptions import RedisError

from mqtui.brokers.redis.connection.resp import (
    Reply,
    ReplyOrError,
    as_dict,
    as_int,
    as_list,
    as_text,
    parse_entries,
    parse_entry_id,
    raise_if_error,
)
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.errors import COMMAND_UNAVAILABLE, is_key_denied, translate
from mqtui.brokers.redis.read.lag import GroupInfo, LagCounter, LagFigures, parse_group_info
from mqtui.brokers.redis.read.stream_info import StreamInfo
from mqtui.domain.figure import pluralize
from mqtui.domain.resource import Ref
from mqtui.domain.times import format_age
from mqtui.domain.topology import Property

MEMORY_SAMPLES = 20
NO_EXPIRY = -1
COUNTERS = ("length", "entries-added", "recorded-first-entry-id", "max-deleted-entry-id", "last-generated-id")
ENTRIES = {"first id": "first-entry", "last id": "last-entry"}
TREE = ("radix-tree-keys", "radix-tree-nodes")


async def list_stream_properties(router: Router, lags: LagCounter, ref: Ref, key: bytes) -> list[Property]:
    """The properties of the stream at a key. A command that this user can't use costs only its lines (D9).

    Raises:
        NotFound: there is no such stream.
        NotAuthorised: this user has no access to the key.
    """
    info, groups, memory, lifetime = await router.execute_pipeline(
        key,
        [
            ("XINFO", "STREAM", key),
            ("XINFO", "GROUPS", key),
            ("MEMORY", "USAGE", key, "SAMPLES", MEMORY_SAMPLES),
            ("PTTL", key),
        ],
    )
    lines: list[Property] = []
    stream: Mapping[str, Reply] = {}
    try:
        stream = as_dict(raise_if_error(info, "XINFO STREAM", ref.name))
        lines += _stream_lines(stream)
    except COMMAND_UNAVAILABLE as error:
        if is_key_denied(error.detail):
            raise
        lines.append(Property("stream", "all", None, error.title))
    lines += [_memory(memory), _lifetime(lifetime)]
    try:
        infos = [parse_group_info(each) for each in as_list(raise_if_error(groups, "XINFO GROUPS", ref.name))]
    except COMMAND_UNAVAILABLE as error:
        return [*lines, Property("group", "all", None, error.title)]
    known = _to_stream_info(stream)
    return [*lines, *[_group_line(each, await lags.lag(key, each, known)) for each in infos]]


def _stream_lines(stream: Mapping[str, Reply]) -> Iterator[Property]:
    for name in COUNTERS:
        if name in stream:
            yield Property("stream", name.replace("-", " "), _text(stream[name]))
    for name, field in ENTRIES.items():
        yield Property("stream", name, _entry_id(stream.get(field)) or "none")
    tree = " · ".join(f"{name.rpartition('-')[2]} {_text(stream[name])}" for name in TREE if name in stream)
    if tree:
        yield Property("stream", "radix tree", tree)


def _text(reply: Reply) -> str:
    return str(reply) if isinstance(reply, int) else as_text(reply)


def _entry_id(entry: Reply | None) -> str | None:
    found = parse_entries([entry]) if isinstance(entry, list) else []
    return as_text(found[0][0]) if found else None


def _memory(reply: ReplyOrError) -> Property:
    if isinstance(reply, RedisError):
        return Property("stream", "memory", None, translate(reply, "MEMORY USAGE").title)
    if reply is None:
        return Property("stream", "memory", None, "the key is gone")
    return Property("stream", "memory", f"≈ {as_int(reply):,} bytes", f"MEMORY USAGE, {MEMORY_SAMPLES} nodes sampled")


def _lifetime(reply: ReplyOrError) -> Property:
    if isinstance(reply, RedisError):
        return Property("stream", "expires", None, translate(reply, "PTTL").title)
    left = as_int(reply)
    return Property("stream", "expires", "never" if left <= NO_EXPIRY else f"in {format_age(left / 1000, units=2)}")


def _to_stream_info(stream: Mapping[str, Reply]) -> StreamInfo:
    if not stream:
        return StreamInfo(0)
    first, added = _entry_id(stream.get("first-entry")), stream.get("entries-added")
    return StreamInfo(
        as_int(stream["length"]),
        parse_entry_id(as_text(stream["last-generated-id"]).encode()),
        parse_entry_id(first.encode()) if first else None,
        added if isinstance(added, int) else None,
    )


def _group_line(group: GroupInfo, lag: LagFigures) -> Property:
    read = "?" if group.read is None else f"{group.read:,}"
    parts = [
        f"lag {lag.waiting}",
        f"{group.pending:,} pending",
        pluralize(group.consumers, "consumer"),
        f"delivered up to {group.delivered}",
        f"{read} read",
    ]
    lost = [f"{lag.lost} trimmed before they were read"] if lag.lost.number else []
    return Property("group", group.name, " · ".join([*parts, *lost]), lag.waiting.why)
