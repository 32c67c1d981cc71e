"""Polls one broker for the console: one poll at a time, less often where the broker is slow.

The newest figures are in `Poller.snapshot`; `changed` is called after each change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from math import inf
from time import monotonic, time

from mqtui.brokers.loop_yield import TimeSlices, yield_to_loop
from mqtui.brokers.registry import all_traits
from mqtui.domain.convention import Conventions
from mqtui.domain.errors import MqtuiError
from mqtui.domain.figure import Figure, total, unknown
from mqtui.domain.metrics import Series
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import NOT_ASKED, NOTHING_WAITS, Cluster, Destination, Group, GroupLag, Inventory
from mqtui.services import deadletters, lag
from mqtui.services.browse import sort_destinations
from mqtui.services.header_search import HeaderSearch
from mqtui.services.lag_history import LagHistory
from mqtui.services.session import Session

POLL_SECONDS = {traits.kind: traits.poll_seconds for traits in all_traits()}
"""Seconds between two polls."""

IDLE_FACTOR = 3.0
"""The pause is at least this many times the duration of the last poll: a slow broker is polled less often."""

RETRIES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
SERIES_LENGTHS = {"arrived": 60, "backlog": 60, "lag": 60, "letters": 300}
"""How many samples of each time series are kept."""

NOT_READ = unknown("not read yet")
NAMES_INTERVAL = 0.1
"""Seconds between two looks at names that still come in: each sorts and shows all that are known by then."""

STALLED_POLLS = 3
"""Polls over which a lag has to grow before a group is called stalled."""

SAMPLES_PER_SLICE = 500
"""Samples that are taken before the event loop gets a turn."""


@dataclass(slots=True)
class BrokerSnapshot:
    """What is known of a broker. `as_of` is seconds since the epoch, 0 before the first poll.

    `error` is why the last poll failed; the figures are then those of `as_of`. `retry_at` is when it is tried again.
    """

    cluster: Cluster | None = None
    destinations: list[Destination] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    lags: dict[Ref, GroupLag] = field(default_factory=dict)
    dead_letters: list[deadletters.DeadLetterDestination] = field(default_factory=list)
    retry_stages: dict[Ref, deadletters.RetryStage] = field(default_factory=dict)
    """Retry queues and topics, whose messages are still being retried."""

    unclassified: int = 0
    """How many destinations could not be classified: they may hold dead letters."""

    series: dict[str, dict[Ref, Series]] = field(default_factory=lambda: {what: {} for what in SERIES_LENGTHS})
    backlog: Figure = NOT_READ
    """Messages waiting in all destinations that can have a backlog; `NOTHING_WAITS` where none can."""

    waiting: Series = field(default_factory=lambda: Series(SERIES_LENGTHS["backlog"], 1.0))
    """The backlog over time."""

    lag_history: LagHistory = field(default_factory=LagHistory)
    """How each group goes, and since when."""

    as_of: float = 0.0
    poll_seconds: float = 0.0
    error: MqtuiError | None = None
    unreachable_since: float = 0.0
    retry_number: int = 0
    retry_at: float = 0.0
    partial: tuple[str, ...] = ()
    """What could not be read, such as groups without permission."""

    def trend(self, ref: Ref, what: str) -> Series:
        """The samples of one figure (`arrived`, `backlog`, `lag`, `letters`)."""
        known = self.series[what].get(ref)
        if known is None:
            known = self.series[what][ref] = Series(SERIES_LENGTHS[what], 1.0)
        return known

    def is_stalled(self, group: Ref, polls: int = STALLED_POLLS) -> bool:
        """Whether a group has lag that only grew, over at least so many polls."""
        lag = self.lags.get(group)
        if lag is None or not lag.total.number:
            return False
        return self.trend(group, "lag").is_increasing(10, polls)


class Poller:
    """Polls one session until it is cancelled."""

    def __init__(
        self,
        session: Session,
        conventions: Conventions,
        changed: Callable[[], None],
        shows_members: Callable[[], bool] = lambda: False,
        judge: Callable[[BrokerSnapshot], Awaitable[None]] | None = None,
    ) -> None:
        """`shows_members` tells whether group members are on screen: only then they are asked for.

        `judge` is given the figures after each poll, before `changed` is called.
        """
        self.session = session
        self.snapshot = BrokerSnapshot()
        self.first_poll_done = asyncio.Event()
        """Set after the first poll, however it ended."""

        self._conventions = conventions
        self._on_change = changed
        self._shows_members = shows_members
        self._judge = judge
        self._wake = asyncio.Event()
        self._search = HeaderSearch()

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            pause = await self.poll()
            if self._judge is not None:
                await self._judge(self.snapshot)
            self.first_poll_done.set()
            self._on_change()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            self._wake.clear()

    def poll_now(self) -> None:
        """Do not wait for the next poll."""
        self._wake.set()

    async def poll(self) -> float:
        """Poll once; the seconds until the next poll."""
        snapshot, began = self.snapshot, monotonic()
        try:
            await self._refresh(snapshot)
        except MqtuiError as error:
            pause = RETRIES[min(snapshot.retry_number, len(RETRIES) - 1)]
            snapshot.unreachable_since = snapshot.unreachable_since or time()
            snapshot.error, snapshot.retry_number, snapshot.retry_at = error, snapshot.retry_number + 1, time() + pause
            return pause
        snapshot.error, snapshot.retry_number, snapshot.unreachable_since = None, 0, 0.0
        snapshot.as_of, snapshot.poll_seconds = time(), monotonic() - began
        return max(POLL_SECONDS[self.session.broker.kind], snapshot.poll_seconds * IDLE_FACTOR)

    async def _refresh(self, snapshot: BrokerSnapshot) -> None:
        broker = self.session.broker
        if not snapshot.as_of:
            await self._list_names(snapshot)
        survey = await broker.survey()
        groups = await self._add_members(survey.groups)
        partial = [*survey.destinations.missing, *groups.missing]
        await yield_to_loop()
        rows = sort_destinations(survey.destinations)
        await yield_to_loop()
        gone = _unanswered_groups(snapshot.groups, groups) if groups.missing else []
        snapshot.groups = sorted([*groups, *gone], key=lambda group: group.ref)
        snapshot.lags = {row.group: row for row in survey.lags}
        await yield_to_loop()
        snapshot.destinations = lag.add_backlogs(rows, survey.lags, groups.missing)
        snapshot.partial = tuple(dict.fromkeys(partial))
        await self._find_dead_letters(snapshot)

    async def _add_members(self, groups: Inventory[Group]) -> Inventory[Group]:
        """Add members where they are on screen, else only where entries are pending: their consumers may be gone."""
        told = self.session.broker.groups
        if self._shows_members():
            return await told.with_members(groups)
        if self.session.broker.pending is None:
            return groups
        holding = Inventory(tuple(group for group in groups if group.pending.number))
        filled = {group.ref: group for group in await told.with_members(holding)} if holding else {}
        return Inventory(tuple(filled.get(group.ref, group) for group in groups), groups.missing)

    async def _list_names(self, snapshot: BrokerSnapshot) -> None:
        """List the names first, before any figures are known."""
        names: dict[Ref, Destination] = {}
        shown, shown_at = 0, -inf
        async with aclosing(self.session.broker.catalog.list_destinations()) as pages:
            async for page in pages:
                if names and (not page.items or any(row.ref in names for row in page.items)):
                    break
                names |= {row.ref: row for row in page.items}
                if monotonic() - shown_at < NAMES_INTERVAL:
                    continue
                shown, shown_at = self._show_names(snapshot, names), monotonic()
        if len(names) > shown:
            self._show_names(snapshot, names)

    def _show_names(self, snapshot: BrokerSnapshot, names: Mapping[Ref, Destination]) -> int:
        """Show names that are known so far; how many."""
        snapshot.destinations = sort_destinations(names.values())
        self._on_change()
        return len(names)

    async def _find_dead_letters(self, snapshot: BrokerSnapshot) -> None:
        """By settings, names and earlier findings; then the headers of unclassified destinations are searched."""
        candidates = await deadletters.classify_destinations(
            self.session.broker.kind, self._conventions, snapshot.destinations
        )
        self._set_dead_letters(
            snapshot, await deadletters.count_dead_letters(self.session, candidates, self._search, snapshot.groups)
        )
        await self._add_samples(snapshot)
        if not snapshot.as_of:
            snapshot.as_of = time()
            self._on_change()
        if snapshot.cluster is None:
            snapshot.cluster = await self.session.broker.catalog.describe_cluster()
        if await self._search.search(
            self.session, self._conventions, candidates.without_origin, candidates.unclassified
        ):
            self._set_dead_letters(
                snapshot, await deadletters.count_dead_letters(self.session, candidates, self._search, snapshot.groups)
            )

    @staticmethod
    def _set_dead_letters(snapshot: BrokerSnapshot, found: deadletters.DeadLetterSurvey) -> None:
        snapshot.dead_letters, snapshot.unclassified = list(found.destinations), found.unclassified
        snapshot.retry_stages = {stage.ref: stage for stage in found.retry_stages}

    async def _add_samples(self, snapshot: BrokerSnapshot) -> None:
        now = monotonic()
        holding = [row for row in snapshot.destinations if not row.internal and row.ref.kind is not Kind.EXCHANGE]
        await yield_to_loop()
        waits = [row.backlog for row in holding if row.backlog is not NOTHING_WAITS]
        snapshot.backlog = total(waits) if waits else NOTHING_WAITS
        await yield_to_loop()
        waiting = [row.backlog.number for row in snapshot.destinations if row.backlog.number is not None]
        snapshot.waiting.add(now, sum(waiting) if waiting else None)
        for number, row in enumerate(snapshot.destinations, 1):
            arrived = row.messages if row.arrived is NOT_ASKED else row.arrived
            snapshot.trend(row.ref, "arrived").add(now, arrived.number)
            snapshot.trend(row.ref, "backlog").add(now, row.backlog.number)
            if number % SAMPLES_PER_SLICE == 0:
                await yield_to_loop()
        for number, (ref, figures) in enumerate(snapshot.lags.items()):
            snapshot.trend(ref, "lag").add(now, figures.total.number)
            if number % SAMPLES_PER_SLICE == 0:
                await yield_to_loop()
        slices = TimeSlices()
        for _ in snapshot.lag_history.record(now, time(), snapshot.lags):
            if slices.is_over:
                await slices.yield_to_loop()
        for place in snapshot.dead_letters:
            snapshot.trend(place.ref, "letters").add(now, place.letters.number)
        await yield_to_loop()
        known = {row.ref for row in snapshot.destinations} | set(snapshot.lags)
        for series in snapshot.series.values():
            await yield_to_loop()
            for ref in series.keys() - known:
                del series[ref]


def _unanswered_groups(before: Sequence[Group], found: Inventory[Group]) -> list[Group]:
    """Groups of the previous poll that are missing while some could not be asked about: unknown, not gone."""
    known = {group.ref for group in found}
    return [
        Group(one.ref, one.type, "Unknown", reads=one.reads, pending=unknown(found.missing[0]), why=found.missing[0])
        for one in before
        if one.ref not in known
    ]
