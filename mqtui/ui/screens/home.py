"""Home: all profiles, or the first steps where there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress

from textual import on
from textual.widget import Widget

from mqtui.domain.errors import MqtuiError
from mqtui.ui.render.profiles import Entry, Profiles
from mqtui.ui.render.rows import Cell
from mqtui.ui.screens.listing import Listing, troubled
from mqtui.ui.screens.place import does
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable
from mqtui.ui.workbench import Desk


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
        bench, used = self.console.bench, self.console.habits.used
        try:
            profiles, self.mistake = bench.profiles(), None
        except MqtuiError as error:
            profiles, self.mistake = [], error
        return [Entry(each, tuple(bench.of(each.name)), used(each.name)) for each in profiles]

    def state(self, lost: Sequence[Desk]) -> tuple[Cell, ...]:
        """What is wrong with the file of profiles, else as every list."""
        return super().state(lost) if self.mistake is None else troubled(self.mistake)

    def on_mount(self) -> None:
        """The cursor starts on the profile that was used last."""
        self.table.show(self.items())
        self.table.go_to(self.console.habits.last)

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
    from mqtui.profiles import secrets
    from mqtui.profiles.store import Store
    from mqtui.profiles.vault import NoKeyring

    store = Store()
    kept = store.find(name).secret == "keyring"
    store.remove(name)
    if kept:
        with suppress(NoKeyring):
            secrets.forget(name)
