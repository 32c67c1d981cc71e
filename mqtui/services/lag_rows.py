"""The lag of groups as JSON rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mqtui.domain.figure import Figure
from mqtui.domain.lag_assessment import LagAssessment
from mqtui.domain.lag_movement import Movement
from mqtui.domain.topology import GroupLag, PartitionLag
from mqtui.services.jsonlines import Json, add_figures, figure_json, name_or_base64
from mqtui.services.unread_age import NOTHING_READ, FirstUnread, FirstUnreads


def lag_row(
    lag: GroupLag,
    assessment: LagAssessment,
    movement: Movement | None = None,
    by_partition: Sequence[Movement] = (),
    first_unread: FirstUnreads = NOTHING_READ,
    now: float = 0.0,
    next_messages: Sequence[str] = (),
) -> Json:
    """A group's lag, by partition and in all. `lost` and `uncommitted` are there where they are not 0.

    Rates, time lag and ETA are there where two looks were compared, and when retention deletes the first unread
    message where that was read (`now` is in seconds since the epoch). `next_messages` say of partitions what keeps the
    group there.
    """
    ends = [_deleted_in(first_unread.get((part.resource, part.partition)), now) for part in lag.parts]
    movements: list[Movement | None] = list(by_partition) if by_partition else [None] * len(lag.parts)
    told = list(next_messages) if next_messages else [""] * len(lag.parts)
    parts = [_part(*each) for each in zip(lag.parts, movements, ends, told, strict=True)]
    row: Json = {
        "group": name_or_base64(lag.group.name),
        "state": assessment.state.value,
        "broker_state": lag.state,
        "words": _clean(assessment.words),
        "parts": parts,
    }
    add_figures(row, lag=lag.total, **_movement(movement))
    known = [end for end in ends if end is not None]
    return row | _lag_notes(lag) | ({"deleted_in_seconds": min(known)} if known else {})


def _part(part: PartitionLag, movement: Movement | None, deleted_in: float | None, told: str) -> Json:
    row: Json = {
        "resource": name_or_base64(part.resource.name),
        "partition": part.partition,
        "committed": part.committed or None,
        "end": part.end or None,
    }
    add_figures(row, lag=part.lag, **_movement(movement))
    if told:
        row["next_message"] = _clean(told)
    if part.member:
        row["assigned_to"] = name_or_base64(part.member)
    return row | _lag_notes(part) | ({} if deleted_in is None else {"deleted_in_seconds": deleted_in})


def _movement(movement: Movement | None) -> dict[str, Figure]:
    if movement is None:
        return {}
    figures = {
        "in_per_second": movement.rate_in,
        "out_per_second": movement.rate_out,
        "lag_seconds": movement.time_lag,
        "eta_seconds": movement.eta,
    }
    return {name: _rounded(figure) for name, figure in figures.items()}


def _rounded(figure: Figure) -> Figure:
    """To a thousandth: no look is more exact."""
    return figure if figure.number is None else replace(figure, number=round(figure.number, 3))


def _deleted_in(first: FirstUnread | None, now: float) -> float | None:
    left = None if first is None else first.deleted_in(now)
    return None if left is None else round(left, 3)


def _lag_notes(lag: PartitionLag | GroupLag) -> Json:
    told: Json = {"lost": figure_json(lag.lost)} if lag.lost.number else {}
    return told | ({"uncommitted": lag.uncommitted} if lag.uncommitted else {})


def _clean(text: str) -> str:
    """Text for people: bytes of a name that are not UTF-8 become replacement signs."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
