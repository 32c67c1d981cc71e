"""Home: all profiles, or the first steps where there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from textual import on
from textual.widget import Widget

from mqtui.domain.errors import MqtuiError
from mqtui.domain.figure import Figure, total, unknown
from mqtui.profiles import secrets
from mqtui.profiles.model import Profile
from mqtui.profiles.store import Store
from mqtui.profiles.vault import NoKeyring
from mqtui.ui.render.rows import Cell, Column
from mqtui.ui.screens.listing import Listing, troubled
from mqtui.ui.screens.place import does
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable
from mqtui.ui.workbench import Desk

CLOSED = unknown("closed")


@dataclass(frozen=True, slots=True)
class Entry:
    """One profile and what is open of it."""

    profile: Profile
    desks: tuple[Desk, ...]

    @property
    def backlog(self) -> Figure:
        """What waits on all its open brokers."""
        rows = [row for desk in self.desks if desk.seen for row in desk.seen.destinations]
        return total(row.backlog for row in rows if row.backlog.known) if rows else CLOSED

    @property
    def letters(self) -> Figure:
        """Dead letters on all its open brokers."""
        seen = [desk.seen for desk in self.desks if desk.seen and desk.seen.as_of]
        return total(place.letters for each in seen for place in each.places) if seen else CLOSED


class Profiles:
    """How profiles stand in a list."""

    columns = (
        Column("name", "NAME", 14, grows=True),
        Column("env", "ENV", 5),
        Column("brokers", "BROKERS", 22, priority=3),
        Column("mode", "MODE", 9, priority=2),
        Column("link", "LINK", 10),
        Column("backlog", "BACKLOG", 10, right=True),
        Column("dead", "DEAD", 8, right=True),
    )

    def id(self, item: Entry) -> Hashable:
        """The profile's name."""
        return item.profile.name

    def cells(self, item: Entry) -> Sequence[Cell]:
        """A cell for each column."""
        profile = item.profile
        env = "" if profile.environment == "none" else profile.environment.upper()
        mode = "read-only" if profile.read_only else "protected" if profile.protected else ""
        return (
            (profile.name, ""),
            (env, "danger" if env == "PROD" else "warn" if env == "STAGE" else "ok"),
            (", ".join(profile.brokers), "muted"),
            (mode, "warn"),
            _link(item),
            (str(item.backlog), "muted"),
            (str(item.letters), "dead" if item.letters.number else "muted"),
        )

    def sign(self, item: Entry) -> Cell:
        """† dead letters, ✗ no link."""
        if any(desk.trouble for desk in item.desks):
            return "✗", "danger"
        return ("†", "dead") if item.letters.number else (" ", "")

    def trouble(self, item: Entry) -> int:
        """Letters first, then lost links."""
        return 2 if item.letters.number else 1 if any(desk.trouble for desk in item.desks) else 0

    def text(self, item: Entry) -> str:
        """Name, environment, brokers."""
        return f"{item.profile.name} {item.profile.environment} {' '.join(item.profile.brokers)}"

    def value(self, item: Entry, key: str) -> Any:
        """What a column is ordered by."""
        known = {"name": item.profile.name, "env": str(item.profile.environment), "link": _link(item)[0]}
        return known.get(key, item.backlog.number if key == "backlog" else item.letters.number)


def _link(item: Entry) -> Cell:
    if not item.desks:
        return "○ closed", "muted"
    if any(desk.trouble for desk in item.desks):
        return "✗ refused", "danger"
    took = [desk.seen.took for desk in item.desks if desk.seen and desk.seen.as_of]
    return (f"● {max(took) * 1000:.0f}ms", "live") if took else ("· opening", "muted")


class HomePlace(Listing[Entry]):
    """All profiles."""

    hinted = ("nav.open", "nav.goto", "read.again", "thing.create", "thing.edit", "thing.delete")
    empty = "No profile yet: + adds one, `mqtui demo` starts a shop to try."
    mistake: MqtuiError | None = None
    """What is wrong with the file of profiles."""

    def body(self) -> Iterable[Widget]:
        """One list."""
        self.table: RowTable[Entry] = RowTable(Profiles(), parted=False)
        yield Pane(self.table, name="Profiles")

    def crumbs(self) -> tuple[str, ...]:
        """Home."""
        return ("home",)

    def items(self) -> list[Entry]:
        """All profiles; while their file has a mistake, none."""
        try:
            profiles, self.mistake = self.console.bench.profiles(), None
        except MqtuiError as error:
            profiles, self.mistake = [], error
        return [Entry(profile, tuple(self.console.bench.of(profile.name))) for profile in profiles]

    def state(self, lost: Sequence[Desk]) -> tuple[Cell, ...]:
        """What is wrong with the file of profiles, else as every list."""
        return super().state(lost) if self.mistake is None else troubled(self.mistake)

    def sentence(self, item: Entry) -> str:
        """Where it points."""
        for desk in item.desks:
            if desk.trouble is not None:
                return f"{desk.kind}: {desk.trouble.title}. {desk.trouble.detail}"
        return " · ".join(endpoint.url for endpoint in item.profile.brokers.values())

    def is_stale(self, item: Entry, lost: Sequence[Desk]) -> bool:
        """Whether a broker of it is lost."""
        return any(desk.target == item.profile.name for desk in lost)

    @does("thing.create")
    async def create(self) -> None:
        """A new profile."""
        await self.console.go.profile()

    @does("thing.edit")
    async def edit(self) -> None:
        """The profile under the cursor."""
        if self.table.current is not None:
            await self.console.go.profile(self.table.current.profile)

    @does("thing.delete")
    def remove_profile(self) -> None:
        """Remove the profile under the cursor; its name is typed."""
        self.run_worker(self._remove(), exclusive=True, group="line", exit_on_error=False)

    async def _remove(self) -> None:
        item = self.table.current
        if item is None:
            return
        name = item.profile.name
        entered = await self.line.ask(f"type {name} to remove the profile and its secrets", pastes=False)
        if entered is None or entered.strip() != name:
            self.line.tell("nothing happened", "text")
            return
        await asyncio.to_thread(forget, name)
        self.refresh_figures()

    @on(RowTable.Opened)
    async def _opened(self, event: RowTable.Opened) -> None:
        await self.console.enter(event.item.profile.name, event.item.profile.brokers)


def forget(name: str) -> None:
    """Remove a profile and, where there is a keyring, its secrets."""
    store = Store()
    kept = store.find(name).secret == "keyring"
    store.remove(name)
    if kept:
        with suppress(NoKeyring):
            secrets.forget(name)
