"""How far a group is behind, never made up: the server's own figure, else counted, else a bound.

`lag` of XINFO GROUPS is nil when the group was set to an arbitrary id or entries between were deleted.
"""

from __future__ import annotations

from dataclasses import dataclass

from mqtui.brokers.redis.nodes import Nodes
from mqtui.brokers.redis.paging import REPLY_BYTES, Pace
from mqtui.brokers.redis.replies import Reply, after, entries, entry_id, id_bytes, number, pairs, text
from mqtui.domain.figure import Figure, at_least, exact, unknown
from mqtui.domain.message import EntryId
from mqtui.domain.resource import name_text

COUNTED = 1000
COUNTED_BYTES = 4 * REPLY_BYTES


@dataclass(frozen=True, slots=True)
class Standing:
    """A group as XINFO GROUPS tells it. `lag` is None where the server has none."""

    name: str
    consumers: int
    pending: int
    delivered: EntryId
    lag: int | None


def standing(reply: Reply) -> Standing:
    """One group of XINFO GROUPS."""
    told = pairs(reply)
    lag = told.get("lag")
    return Standing(
        name_text(raw) if isinstance(raw := told["name"], bytes) else text(raw),
        number(told["consumers"]),
        number(told["pending"]),
        entry_id(text(told["last-delivered-id"]).encode()),
        lag if isinstance(lag, int) else None,
    )


async def behind(nodes: Nodes, key: bytes, group: Standing, length: int) -> Figure:
    """Entries the group was not given yet; `length` is the stream's."""
    if group.lag is not None:
        return exact(group.lag)
    if length == 0:
        return exact(0)
    return await counted(nodes, key, group.delivered)


async def counted(nodes: Nodes, key: bytes, delivered: EntryId) -> Figure:
    """Entries after an id: exact up to 1,000 entries or 4 MiB of them, a bound beyond."""
    pace, seen, size, start = Pace(), 0, 0, after(delivered)
    while seen < COUNTED and size < COUNTED_BYTES:
        wanted = min(pace.count, COUNTED + 1 - seen)
        found = entries(await nodes.ask(key, "XRANGE", key, id_bytes(start), "+", "COUNT", wanted, name=name_text(key)))
        seen += len(found)
        size += pace.after(found)
        if len(found) < wanted:
            return exact(seen)
        start = after(entry_id(found[-1][0]))
    return at_least(min(seen, COUNTED), "the server keeps no lag for this group; counting stopped there")


def worst(figures: list[Figure]) -> Figure:
    """The largest of several lags; unknown where one of them is."""
    missing = next((figure for figure in figures if figure.number is None), None)
    if missing is not None:
        return missing
    return max(figures, key=lambda figure: figure.number or 0, default=unknown("no group reads it"))
