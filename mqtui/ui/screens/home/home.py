"""Home: all profiles, with what is open of each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial

from textual import on, work
from textual.widget import Widget

from mqtui.brokers.blocking import run_in_thread
from mqtui.domain.errors import MqtuiError
from mqtui.domain.name_quoting import join
from mqtui.profiles.model import Profile
from mqtui.ui.actions import Action
from mqtui.ui.profile_draft import ProfileDraft
from mqtui.ui.render.broker_status import error_lines, error_of, on_one_line
from mqtui.ui.render.home.profiles import WAYS, OpenTarget, ProfileRenderer, ProfileRow
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.render.table_model import Cell
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.list_screen import ListScreen
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable


class HomeScreen(ListScreen[ProfileRow]):
    """Profiles as rows; enter opens one."""

    screen_name = "Home"

    hint_actions = ("nav.open", "nav.goto", "read.again", "thing.create", "thing.edit", "thing.delete")
    empty_text = "No profile yet: + adds one, `mqtui demo` starts a shop to try."
    uncounted_rows = 1
    profiles: Sequence[Profile] | None = None
    """The profiles as read last; None before: the frame is shown first."""

    mistake: MqtuiError | None = None
    """The mistake in their file."""

    def body(self) -> Iterable[Widget]:
        self.read = asyncio.Event()
        self.table: RowTable[ProfileRow] = RowTable(ProfileRenderer(), with_divider=False)
        yield Pane(self.table, name="Profiles")

    def crumbs(self) -> tuple[str, ...]:
        return ("home",)

    def items(self) -> list[ProfileRow]:
        """All profiles, what else is open, and other ways to begin; none while the profiles' file has a mistake."""
        if self.profiles is None or self.mistake is not None:
            return []
        sessions, used = self.console.sessions, self.console.ui_state.used
        known = {each.name for each in self.profiles}
        others = dict.fromkeys(target for target, _ in sessions.broker_sessions if target not in known)
        opened = [OpenTarget(name, {each.kind: each.address for each in sessions.for_target(name)}) for name in others]
        return [
            *(ProfileRow(each, tuple(sessions.for_target(each.name)), used(each.name)) for each in self.profiles),
            *(ProfileRow(each, tuple(sessions.for_target(each.name))) for each in opened),
            ProfileRow(None, ()),
        ]

    @property
    def is_unread(self) -> bool:
        """Whether the profiles, or a broker of theirs, were not read yet."""
        return self.profiles is None or super().is_unread

    def status_lines(self, lost: Sequence[BrokerSession]) -> tuple[Cell, ...]:
        """The mistake in the profiles' file, else the usual status."""
        return super().status_lines(lost) if self.mistake is None else error_lines(self.mistake)

    def on_screen_resume(self) -> None:
        """Shown, or shown again: profiles may be others."""
        self.call_after_refresh(self._read)

    @handles("read.again")
    def refresh_all(self) -> None:
        """Read the profiles again, and poll every open broker now."""
        super().refresh_all()
        self._read()

    @work(exclusive=True, group="profiles", exit_on_error=False)
    async def _read(self) -> None:
        first = self.profiles is None
        try:
            self.profiles, self.mistake = await asyncio.to_thread(self.console.sessions.profiles), None
        except MqtuiError as error:
            self.profiles, self.mistake = (), error
        finally:
            self.refresh_figures()
            if first:
                self.table.go_to(self.console.ui_state.last)
            self.read.set()

    def broker_errors(self) -> list[StyledLine]:
        """None: the row of a profile tells of its brokers."""
        return []

    def describe_row(self, item: ProfileRow) -> str:
        for broker_session in item.broker_sessions:
            if (error := error_of(broker_session)) is not None:
                return on_one_line(f"{broker_session.kind}: {error.title}. {error.detail}")
        return " · ".join(item.urls.values()) or f"{WAYS}: enter shows them"

    def copy_choices(self, item: ProfileRow) -> dict[str, tuple[str, str]]:
        """Its name, where it points, and the command that opens it."""
        name, urls = item.name, " ".join(item.urls.values())
        if item.about is None:
            return {}
        return {"p": ("name", name), "r": ("address", urls), "c": ("command", join(["mqtui", name]))}

    def is_stale(self, item: ProfileRow, lost: Sequence[BrokerSession]) -> bool:
        """Whether a broker of it is lost."""
        return any(broker_session.target == item.name for broker_session in lost)

    @handles("thing.create")
    async def create(self) -> None:
        """Open the form for a new profile."""
        await self.console.go.profile()

    @handles("thing.edit")
    async def edit(self) -> None:
        """Open the form of the profile under the cursor; what is open without one is offered as a new profile."""
        item = self.table.current
        if item is None or item.about is None:
            return
        if isinstance(item.about, OpenTarget):
            await self.console.go.profile(draft=ProfileDraft("", tuple(item.urls.values())))
        else:
            await self.console.go.profile(item.about)

    def disabled_reason(self, action: Action) -> str | None:
        """Only a profile can be removed."""
        item = self.table.current
        if item is not None and action.id == "thing.delete" and not isinstance(item.about, Profile):
            return "it is no profile"
        if item is not None and action.id == "thing.edit" and item.about is None:
            return "it is no profile: + adds one"
        return super().disabled_reason(action)

    @handles("thing.delete")
    def remove_profile(self) -> None:
        """Remove the profile under the cursor; its name is typed."""
        self.run_worker(self._remove(), exclusive=True, group="line", exit_on_error=False)

    async def _remove(self) -> None:
        item = self.table.current
        if item is None or not isinstance(item.about, Profile):
            return
        name = item.name
        entered = await self.prompt_line.ask(f"type {name} to remove the profile and its secrets", pastes=False)
        if entered is None or entered.strip() != name:
            self.prompt_line.set_status("nothing happened", "text")
            return
        await run_in_thread("keyring", partial(forget, name))
        self._read()

    @handles("nav.open")
    async def open(self) -> None:
        """Open the session of the profile under the cursor."""
        item = self.table.current
        if item is not None:
            await self._enter(item)

    @on(RowTable.Opened)
    async def _opened(self, event: RowTable.Opened) -> None:
        await self._enter(event.item)

    async def wait_until_loaded(self) -> None:
        await self.read.wait()

    async def _enter(self, item: ProfileRow) -> None:
        if item.about is None:
            await self.console.go.ways_to_begin()
        else:
            await self.console.open_session(item.name, item.urls)


def forget(name: str) -> None:
    """Remove a profile, and its secrets from the keyring."""
    from mqtui.profiles import secrets
    from mqtui.profiles.keyring_store import NoKeyring
    from mqtui.profiles.store import ProfileStore

    store = ProfileStore()
    found = store.find(name)
    store.remove(name)
    if secrets.uses_keyring(found):
        with suppress(NoKeyring):
            secrets.delete_secrets(found)
