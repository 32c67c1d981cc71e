"""All streams and their groups at one look: one SCAN, and each stream is asked about once."""

from __future__ import annotations

from mqtui.brokers.redis.catalog import ROWS, StreamCatalog, StreamLook, untold_groups, untold_streams
from mqtui.brokers.redis.groups import group_lag, group_of, group_ref
from mqtui.domain.resource import Ref
from mqtui.domain.topology import Group, GroupLag, Inventory, Survey


async def survey(catalog: StreamCatalog) -> Survey:
    """Streams by name, their groups without consumers, and the lag of each.

    Raises:
        CannotConnect, BrokerTrouble, NotAuthorised: there is no list of streams.
    """
    refs: list[Ref] = []
    missing = await catalog.other_nodes()
    async for found, cursor in catalog.names():
        refs += found
        missing += (catalog.cut,) if cursor else ()
    looks: list[StreamLook] = []
    for start in range(0, len(refs), ROWS):
        looks += await catalog.look(refs[start : start + ROWS])
    groups: list[Group] = []
    lags: list[GroupLag] = []
    for one in looks:
        stream = one.row.ref
        groups += [group_of(stream, standing) for standing, _ in one.groups]
        lags += [
            group_lag(group_ref(stream, standing.name), stream, standing, lag, one.last) for standing, lag in one.groups
        ]
    refusals = [one.refusal for one in looks if one.refusal]
    rows = Inventory(tuple(one.row for one in looks), missing + untold_streams(refusals))
    return Survey(rows, Inventory(tuple(groups), untold_groups(refusals)), tuple(lags))
