"""All streams and their groups for one poll: one SCAN, and each stream is asked about once."""

from __future__ import annotations

from mqtui.brokers.redis.read.catalog import (
    STREAMS_PER_ROUND_TRIP,
    RedisCatalog,
    StreamWithGroups,
    missing_groups_reason,
    missing_streams_reason,
)
from mqtui.brokers.redis.read.groups import group_lag, group_of, group_ref
from mqtui.domain.resource import Ref
from mqtui.domain.topology import Group, GroupLag, Inventory, Survey


async def survey(catalog: RedisCatalog) -> Survey:
    """The streams by name, their groups without consumers, and the lag of each group.

    Raises:
        CannotConnect, BrokerTrouble, NotAuthorised: the streams can't be listed.
    """
    refs: list[Ref] = []
    missing = await catalog.cluster_warning()
    async for found, cursor in catalog.scan_names():
        refs += found
        missing += (catalog.scan_budget_warning,) if cursor else ()
    streams: list[StreamWithGroups] = []
    for start in range(0, len(refs), STREAMS_PER_ROUND_TRIP):
        streams += await catalog.describe_streams(refs[start : start + STREAMS_PER_ROUND_TRIP])
    groups: list[Group] = []
    lags: list[GroupLag] = []
    for stream in streams:
        ref = stream.row.ref
        groups += [group_of(ref, group) for group, _ in stream.list_groups]
        lags += [
            group_lag(group_ref(ref, group.name), ref, group, lag, stream.last, stream.added)
            for group, lag in stream.list_groups
        ]
    errors = [stream.error for stream in streams if stream.error]
    rows = Inventory(tuple(stream.row for stream in streams), missing + missing_streams_reason(errors))
    return Survey(rows, Inventory(tuple(groups), missing_groups_reason(errors)), tuple(lags))
