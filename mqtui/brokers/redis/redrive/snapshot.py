"""The source of a redrive as of now: its ids, its length and the groups that read it."""

from __future__ import annotations

from mqtui.brokers.redis.connection.connection import database_number
from mqtui.brokers.redis.connection.resp import (
    Reply,
    as_dict,
    as_int,
    as_list,
    as_text,
    parse_entries,
    parse_entry_id,
    raise_if_error,
)
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.read.catalog import require_stream, stream_key
from mqtui.brokers.redis.read.lag import parse_group_info
from mqtui.domain.figure import exact
from mqtui.domain.message import EntryId
from mqtui.domain.redrive import IdBounds, Source
from mqtui.domain.resource import Ref


async def take_snapshot(router: Router, ref: Ref) -> Source:
    """First and last id, length, and the groups that have consumers.

    Raises:
        NotFound: there is no such stream.
    """
    key = stream_key(ref)
    key_type, info, groups = await router.execute_pipeline(
        key, [("TYPE", key), ("XINFO", "STREAM", key), ("XINFO", "GROUPS", key)]
    )
    require_stream(key_type, ref)
    stream = as_dict(raise_if_error(info, "XINFO STREAM", ref.name))
    read_by = [parse_group_info(group) for group in as_list(raise_if_error(groups, "XINFO GROUPS", ref.name))]
    return Source(
        ref=ref,
        identity=f"{database_number(router.address)}/{ref.name}",
        bounds=IdBounds(
            _entry_id(stream.get("first-entry")),
            _entry_id(stream.get("last-entry")),
            parse_entry_id(as_text(stream.get("last-generated-id")).encode()),
            as_int(stream["entries-added"]) if "entries-added" in stream else None,
        ),
        count=exact(as_int(stream["length"])),
        readers=tuple(group.name for group in read_by if group.consumers),
    )


def _entry_id(entry: Reply | None) -> EntryId | None:
    found = parse_entries([entry]) if isinstance(entry, list) else []
    return parse_entry_id(found[0][0]) if found else None
