"""What mqtui tells of a whole broker, by the services that both faces ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mqtui.domain.topology import Destination, Group, GroupLag
from mqtui.services import lag as lagging
from mqtui.services.session import open_session


@dataclass(frozen=True, slots=True)
class Ours:
    """Rows by name."""

    rows: Mapping[str, Destination]
    groups: Mapping[str, Group]
    lags: Mapping[str, GroupLag]
    missing: tuple[str, ...]


async def look_at(url: str) -> Ours:
    """As `ls`, `groups` and `lag` look."""
    async with open_session(url) as session:
        rows = await lagging.list_depths(session)
        groups = await lagging.list_groups(session)
        lags = await lagging.read_lag(session)
    return Ours(
        {row.ref.name: row for row in rows},
        {group.ref.name: group for group in groups},
        {row.group.name: row for row in lags},
        tuple(dict.fromkeys((*rows.missing, *lags.missing))),
    )
