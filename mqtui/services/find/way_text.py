"""The way of a message as text: a row for each hit, and a line for each station."""

from __future__ import annotations

from collections.abc import Sequence

from mqtui.domain.message import Delivery
from mqtui.domain.times import format_age, format_time
from mqtui.services.find.way import Station

NO_TIME = "?"


def hit_cells(station: Station) -> tuple[str, str, str, str, str, str, str]:
    """Sign, time, broker, place, position, the parts it is in, and who has read it."""
    hit = station.hit
    return (
        station.sign,
        clock_of(station),
        station.broker,
        hit.message.resource.name,
        position_of(station),
        ", ".join(hit.found_in),
        hit.read_by,
    )


def clock_of(station: Station) -> str:
    """The local time of a station, with its day where it is not today's."""
    return NO_TIME if station.time is None else format_time(station.time, "%Y-%m-%d %H:%M:%S")


def position_of(station: Station) -> str:
    """The position of a hit; of a queue its place in the order in which the queue lent its messages."""
    position = station.hit.message.position
    return f"{position.tag}." if isinstance(position, Delivery) else str(position)


def way_lines(way: Sequence[Station]) -> list[str]:
    """A line for each station: when, how long after the one before, where, what it is, and who has read it."""
    lines: list[str] = []
    before: int | None = None
    for station in way:
        after = ""
        if before is not None and station.time is not None:
            after = f"+{format_age((station.time - before) / 1000)}"
        hit = station.hit
        where = f"{station.broker} {hit.message.resource.name} {position_of(station)}"
        lines.append(f"{clock_of(station)} {after:>5}  {where}: {station.what} · read by: {hit.read_by}")
        before = station.time if station.time is not None else before
    return lines
