"""How far a group is behind, never made up: the server's own figure where it can be true, else counted, else a bound.

`lag` of XINFO GROUPS is nil when the group was set to an arbitrary id or entries between were deleted. It is wrong when
the group was given a wrong ENTRIESREAD [100 on a stream of 1 entry, then 60 entries: -39 on 7.0, 8.0 and Valkey 8.1],
and it counts entries that were trimmed before the group read them (D7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mqtui.brokers.redis import scripts
from mqtui.brokers.redis.errors import UNAVAILABLE
from mqtui.brokers.redis.nodes import Nodes
from mqtui.brokers.redis.replies import Reply, entry_id, id_bytes, items, number, pairs, text
from mqtui.brokers.redis.stream_ends import Ends
from mqtui.brokers.redis.wire import Command
from mqtui.domain.figure import Exactness, Figure, at_least, at_most, exact, unknown
from mqtui.domain.message import EntryId
from mqtui.domain.resource import name_text
from mqtui.domain.topology import NOTHING_LOST

LOOKED = 10_000
"""Entries counted from each side for one look at a figure; what stands still is not counted again."""

CHECKED = 1_000_000
"""Entries counted where a limit lies between the bounds."""

SLICE = 1_000
"""Entries counted in one call: the server serves nobody else meanwhile (some ms)."""

SLICE_BYTES = 4 << 20

COUNTED_TOGETHER = 4
"""Groups whose entries are counted side by side, each on a connection that is kept."""

REMEMBERED = 10_000
"""Groups whose count is remembered."""

NOT_TOLD = unknown("the server does not tell how many entries the group has read")
WRONG = "the server keeps no lag for this group, or one that cannot be"


@dataclass(frozen=True, slots=True)
class Standing:
    """A group as XINFO GROUPS tells it. `lag` is None where the server has none, `read` where it counts no entries."""

    name: str
    consumers: int
    pending: int
    delivered: EntryId
    lag: int | None
    read: int | None = None


@dataclass(frozen=True, slots=True)
class Lag:
    """What a group can still read, and what was trimmed or deleted before it was read."""

    waiting: Figure
    lost: Figure = NOTHING_LOST


def standing(reply: Reply) -> Standing:
    """One group of XINFO GROUPS."""
    told = pairs(reply)
    lag, read = told.get("lag"), told.get("entries-read")
    return Standing(
        name_text(raw) if isinstance(raw := told["name"], bytes) else text(raw),
        number(told["consumers"]),
        number(told["pending"]),
        entry_id(text(told["last-delivered-id"]).encode()),
        lag if isinstance(lag, int) else None,
        read if isinstance(read, int) else None,
    )


def judged(group: Standing, ends: Ends) -> Lag | None:
    """The lag as far as the server's own figures prove it; None where it must be counted."""
    told, delivered = group.lag, group.delivered
    if ends.last is not None and delivered >= ends.last:
        return Lag(exact(0))
    if ends.length == 0:
        return Lag(exact(0), _lost(group, ends, 0))
    if ends.first is not None and delivered < ends.first:
        return Lag(exact(ends.length), _lost(group, ends, ends.length))
    if told is None or told < 0 or told > ends.length:
        return None
    if ends.first is not None and (told == 0 or told == ends.length):
        return None
    return Lag(exact(told))


def _lost(group: Standing, ends: Ends, readable: int) -> Figure:
    """Entries that came after those a group has read and are no longer there.

    By the counts of both: what the server tells as lag holds them on 7.0, and not on 8.0.
    """
    if ends.added is not None and ends.added == readable:
        return NOTHING_LOST
    if ends.added is None or group.read is None:
        return NOT_TOLD
    lost = ends.added - group.read - readable
    return exact(lost) if lost >= 0 else NOT_TOLD


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted for a group at that place in a stream with those ends, within a budget of entries."""

    delivered: EntryId
    ends: Ends
    budget: int
    found: Figure

    def holds(self, group: Standing, ends: Ends) -> bool:
        """Whether group and stream stand where they stood."""
        return ends.last is not None and (self.delivered, self.ends) == (group.delivered, ends)


class LagCounter:
    """Lag of groups. What was counted is remembered while group and stream stand still."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self._known: dict[tuple[bytes, str], Counted] = {}

    async def lag(self, key: bytes, group: Standing, ends: Ends, budget: int = LOOKED) -> Lag:
        """Entries of a stream that a group was not given yet: exact, or a bound where the budget was used up."""
        found = judged(group, ends)
        if found is not None:
            return found
        known = self._known.get((key, group.name))
        if (
            known is not None
            and known.holds(group, ends)
            and (known.found.sort is Exactness.EXACT or budget <= known.budget)
        ):
            return Lag(known.found, NOT_TOLD)
        counted = await self._counted(key, group.delivered, ends, budget)
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        self._known[key, group.name] = Counted(group.delivered, ends, budget, counted)
        return Lag(counted, NOT_TOLD)

    async def _counted(self, key: bytes, delivered: EntryId, ends: Ends, budget: int) -> Figure:
        """From the group's place on, and where that is too far, what lies before it."""
        place = id_bytes(delivered)
        try:
            behind, whole = await self._count(key, b"(" + place, b"+", budget)
            if whole:
                return exact(behind)
            before, whole = await self._count(key, b"-", place, budget)
        except UNAVAILABLE as error:
            return at_most(ends.length, f"{WRONG}, and none can be counted: {error.title}")
        if whole and before <= ends.length:
            return exact(ends.length - before)
        return at_least(behind, f"{WRONG}; counting stopped there")

    async def _count(self, key: bytes, first: bytes, last: bytes, budget: int) -> tuple[int, bool]:
        """How many entries lie in a range, and whether these are all."""
        seen = 0
        while seen < budget:
            asked = scripts.COUNT, 1, key, first, last, min(SLICE, budget - seen), SLICE_BYTES
            count, end = items(await self._evaluated(key, asked))
            seen += number(count)
            if not end:
                return seen, True
            first = b"(" + text(end).encode()
        return seen, False

    async def _evaluated(self, key: bytes, asked: Command) -> Reply:
        """By EVAL_RO, or EVAL where that is denied or unknown (before Redis 7)."""
        try:
            return await self._nodes.ask(key, "EVAL_RO", *asked, name=name_text(key))
        except UNAVAILABLE:
            return await self._nodes.ask(key, "EVAL", *asked, name=name_text(key))


def worst(figures: Sequence[Figure]) -> Figure:
    """The largest of several lags; unknown where one of them is."""
    missing = next((figure for figure in figures if figure.number is None), None)
    if missing is not None:
        return missing
    return max(figures, key=lambda figure: figure.number or 0, default=unknown("no group reads it"))
