"""The dead letters of one destination as a list of messages."""

from __future__ import annotations

from typing import ClassVar

from mqtui.domain.capability import Verb
from mqtui.domain.deadletter import describe, origin
from mqtui.domain.errors import MqtuiError
from mqtui.domain.message import Message, Offset, Position
from mqtui.ui.actions import Action
from mqtui.ui.render.dead_letters.letter import origin_text
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.dead_letters.letter_selection import redrive_request_for
from mqtui.ui.screens.messages.messages import MessagesScreen


class DeadLetterListScreen(MessagesScreen):
    """Dead letters in broker order; those that earlier runs handled have a sign."""

    screen_name = "Letters"

    hint_actions: ClassVar[tuple[str, ...]] = (
        "nav.open",
        "list.filter",
        "list.mark",
        "letters.redrive",
        "thing.delete",
        "view.detail",
        "thing.pair",
        "nav.next_tab",
        "view.decode",
        "view.wrap",
        "thing.copy",
        "read.follow",
    )

    tasks_asked = (0, 0)
    """How many runs had worked on these letters, and had ended, when it was asked which are handled."""

    def on_mount(self) -> None:
        """Find out which letters earlier runs handled."""
        self.ask_handled()

    def ask_handled(self) -> None:
        """Ask which letters earlier runs handled."""
        self.tasks_asked = self.console.sessions.task_counts(self.ref)
        self.run_worker(self._ask_handled(), exclusive=True, group="handled", exit_on_error=False)

    def refresh_figures(self) -> None:
        """Show the letters; where a run has worked on them, ask again which are handled."""
        if self.is_ready and self.console.sessions.task_counts(self.ref) != self.tasks_asked:
            self.ask_handled()
        super().refresh_figures()

    async def _ask_handled(self) -> None:
        if self.broker_session.session is None:
            return
        try:
            self.conventions = await self.broker_session.settle_origin(self.ref)
            source = await self.broker_session.session.broker.snapshot(self.ref)
        except MqtuiError as error:
            self.prompt_line.flash(f"which letters were handled is not known: {error.title}")
            return
        self.table.messages.handled = source.handled
        self.table.refresh()

    def crumbs(self) -> tuple[str, ...]:
        return ("Dead letters", self.ref.name)

    def describe_row(self, item: Message) -> str:
        """Why the letter failed, and where it came from."""
        death = describe(item, self.conventions)
        parts = [f"{item.position}: {death.text}"]
        if death.origin is not None:
            parts.append(f"from {origin_text(death.origin)}")
        if self.table.messages.is_handled(item):
            parts.append("handled: an earlier run redrove or discarded it")
        return " · ".join(parts)

    async def open_message(self, item: Message) -> None:
        """Show a letter with its original."""
        shown = [each for each in self.table.model.shown if isinstance(each, Message)]
        await self.console.go.letter(self.broker_session, self.ref, shown, self.table.cursor)

    def disabled_reason(self, action: Action) -> str | None:
        if action.id == "thing.pair":
            return None
        if action.id in ("letters.redrive", "thing.delete"):
            if self.table.current is None:
                return "there are no letters here"
            return self.console.go.why_no_write(self.broker_session.target, self.broker_session.kind, action)
        return super().disabled_reason(action)

    def action_title(self, action: Action) -> str:
        count = len(self.table.model.marks)
        match action.id:
            case "letters.redrive":
                return f"redrive {count} marked" if count else "redrive this one"
            case "thing.delete":
                return f"discard {count} marked" if count else "discard this one"
            case "thing.pair":
                return "its original"
        return super().action_title(action)

    @handles("thing.pair")
    async def pair(self) -> None:
        """Show the messages around the letter's original."""
        item = self.table.current
        found = origin(item, self.conventions) if item is not None else None
        if found is None:
            self.prompt_line.flash("nothing tells where it came from")
            return
        position: Position | None = found.id
        if found.partition is not None and found.offset is not None:
            position = Offset(found.partition, found.offset)
        await self.console.go.messages(self.broker_session, found.ref, position)

    @handles("letters.redrive")
    async def redrive(self) -> None:
        """Plan a redrive of the marked letters, else of this one."""
        await self._review(Verb.REDRIVE)

    @handles("thing.delete")
    async def discard(self) -> None:
        """Plan a discard of the marked letters, else of this one."""
        await self._review(Verb.DISCARD)

    async def _review(self, verb: Verb) -> None:
        request = redrive_request_for(verb, self.ref, self.table.chosen())
        await self.console.go.review(self.broker_session.target, self.broker_session.kind, request)
