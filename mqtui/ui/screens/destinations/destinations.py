"""View 1: all destinations of a session, those with problems first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from time import time
from typing import Any

from textual import on
from textual.widget import Widget

from mqtui.domain.capability import Verb
from mqtui.domain.name_quoting import command
from mqtui.domain.redrive import Selection
from mqtui.domain.resource import Kind
from mqtui.services.redrive.request import RedriveRequest
from mqtui.ui.actions import Action
from mqtui.ui.render import figure_help
from mqtui.ui.render.destinations.destinations import (
    DestinationRenderer,
    DestinationRow,
    describe_destination,
    line_slices,
)
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.destinations import change_prompts
from mqtui.ui.screens.destinations.find_question import ask_find
from mqtui.ui.screens.list_screen import resource_copy_choices
from mqtui.ui.screens.live_list_screen import LiveListScreen
from mqtui.ui.screens.messages.search_question import ask_search
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable


class DestinationsScreen(LiveListScreen[DestinationRow]):
    """Topics, queues, streams and exchanges as rows."""

    screen_name = "Destinations"

    hint_actions = (
        "nav.open",
        "list.filter",
        "read.search",
        "read.follow",
        "list.next",
        "view.detail",
        "list.order",
        "thing.pair",
        "letters.redrive",
        "message.publish",
    )

    def body(self) -> Iterable[Widget]:
        self.renderer = DestinationRenderer(self.console.glyphs.bars)
        self.table: RowTable[DestinationRow] = RowTable(self.renderer)
        yield Pane(self.table, name="Destinations")

    def crumbs(self) -> tuple[str, ...]:
        return ("Destinations",)

    def slices(self) -> Iterator[Sequence[DestinationRow]]:
        for broker_session in self.console.broker_sessions:
            if broker_session.snapshot:
                yield from line_slices(broker_session.kind, broker_session.snapshot)

    def refresh_figures(self) -> None:
        """Show the figures, in the words of the only broker where there is one."""
        self.renderer.fit([each.kind for each in self.console.broker_sessions])
        super().refresh_figures()

    def describe_row(self, item: DestinationRow) -> str:
        return describe_destination(item)

    def explain_figures(self, item: DestinationRow) -> str:
        """How its backlog, or its number of dead letters, was determined."""
        return figure_help.explain_destination(item, time())

    def copy_choices(self, item: DestinationRow) -> dict[str, tuple[str, str]]:
        """Its name, its reference, and the command that shows its messages."""
        ref, address = (
            item.destination.ref,
            self.console.sessions.broker_sessions[self.console.target, item.broker].address,
        )
        look = "peek" if item.letters is None else "dlq"
        return resource_copy_choices(ref, address, *command(look, address, ref))

    def is_stale(self, item: DestinationRow, lost: Sequence[BrokerSession]) -> bool:
        return any(broker_session.kind is item.broker for broker_session in lost)

    def disabled_reason(self, action: Action) -> str | None:
        """Actions that change something need a row, a connection and permission."""
        reason = super().disabled_reason(action)
        item = self.table.chosen_one
        if reason is None and action.id == "thing.create":
            broker_session = self._session_for_new()
            if broker_session is None:
                return "no broker is open"
            return self.console.go.why_no_write(
                self.console.target, broker_session.kind, action._replace(needs=Verb.CREATE)
            )
        if reason is None and action.changes:
            if item is None and self.table.model.marks:
                return "one destination at a time"
            if item is None:
                return f"{action.title}: there is no row to do it to"
            needs = Verb.DELETE if action.id == "thing.delete" else action.needs
            return self.console.go.why_no_write(self.console.target, item.broker, action._replace(needs=needs))
        return reason

    def _session_for_new(self) -> BrokerSession | None:
        """The broker of the row under the cursor, else the first that is open."""
        item = self.table.current
        there = [each for each in self.console.broker_sessions if each.session is not None]
        return next((each for each in there if item is None or each.kind is item.broker), None)

    def action_title(self, action: Action) -> str:
        marked = len(self.table.model.marks)
        titles = {"view.detail": "describe", "read.search": f"search {marked:,} marked" if marked else "find"}
        return titles.get(action.id) or super().action_title(action)

    @handles("read.search")
    def ask_find(self) -> None:
        """Ask for a text to be found in all open brokers; with marks, what to search for in the marked destinations."""
        asking = self._ask_search() if self.table.model.marks else ask_find(self)
        self.run_worker(asking, exclusive=True, group="line", exit_on_error=False)

    async def _ask_search(self) -> None:
        marked = self.table.chosen()
        brokers = {item.broker for item in marked}
        refs = [item.destination.ref for item in marked if item.destination.ref.kind is not Kind.EXCHANGE]
        broker_session = self.console.go.broker_session("", next(iter(brokers))) if len(brokers) == 1 else None
        if broker_session is None or not refs:
            self.prompt_line.flash("a search looks into destinations of one broker; without marks s finds in all")
            return
        await ask_search(self, broker_session, refs)

    @handles("view.detail")
    async def describe(self) -> None:
        """Show what the broker says of the row."""
        item = self.table.current
        broker_session = None if item is None else self.console.go.broker_session("", item.broker)
        if item is not None and broker_session is not None:
            await self.console.go.properties(broker_session, item.destination.ref)

    @handles("thing.pair")
    def pair(self) -> None:
        """Move the cursor between a destination and its dead letters."""
        item = self.table.current
        if item is None:
            return
        refs = item.letters.origins if item.letters else tuple(place.ref for place in item.dead)
        if not any(self.table.go_to((item.broker, ref)) for ref in refs):
            self.prompt_line.flash(f"{item.destination.ref.name} has no pair")

    @handles("read.follow")
    async def follow(self) -> None:
        """Follow the messages of the row; a queue says why it can't be followed."""
        item = self.table.current
        broker_session = None if item is None else self.console.go.broker_session("", item.broker)
        if item is not None and broker_session is not None:
            await self.console.go.follow(broker_session, item.destination.ref)

    @handles("message.publish")
    async def publish(self) -> None:
        """Open the form for one message."""
        item = self.table.chosen_one
        broker_session = None if item is None else self.console.go.broker_session("", item.broker)
        if item is not None and broker_session is not None:
            await self.console.go.publish(broker_session, item.destination.ref)

    @handles("thing.create")
    def create(self) -> None:
        """Ask for the name and options of a new destination, and plan it."""
        broker_session, item = self._session_for_new(), self.table.current
        if broker_session is not None:
            like = None if item is None else item.destination.ref
            asking = change_prompts.ask_creation(self, broker_session, like)
            self.run_worker(asking, exclusive=True, group="line", exit_on_error=False)

    @handles("thing.purge")
    def purge(self) -> None:
        """Ask up to where messages of the row are deleted, and plan it."""
        item = self.table.chosen_one
        broker_session = None if item is None else self.console.go.broker_session("", item.broker)
        if item is not None and broker_session is not None:
            asking = change_prompts.ask_purge(self, broker_session, item.destination.ref, None)
            self.run_worker(asking, exclusive=True, group="line", exit_on_error=False)

    @handles("thing.delete")
    def delete(self) -> None:
        """Plan to delete the row's topic, queue or stream."""
        item = self.table.chosen_one
        broker_session = None if item is None else self.console.go.broker_session("", item.broker)
        if item is not None and broker_session is not None:
            change_prompts.show_deletion(self, broker_session, item.destination.ref)

    @handles("letters.redrive")
    async def redrive(self) -> None:
        """Plan a redrive of all letters of the row."""
        item = self.table.chosen_one
        if item is not None and item.stage:
            self.prompt_line.flash(f"a retry stage, its messages are alive: {item.stage}")
            return
        if item is None or item.letters is None:
            self.prompt_line.flash("this row holds no dead letters: n walks to one that does")
            return
        request = RedriveRequest(Verb.REDRIVE, item.destination.ref, Selection())
        await self.console.go.review(self.console.target, item.broker, request)

    @on(RowTable.Opened)
    async def _opened(self, event: RowTable.Opened) -> None:
        line: Any = event.item
        await self.console.go.destination(line.broker, line.destination.ref, letters=line.letters is not None)
