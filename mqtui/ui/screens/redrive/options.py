"""The terms of a plan under review: where to, which letters, in what stages, and which risks are let through."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime

from textual import on
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from mqtui.domain.errors import MqtuiError
from mqtui.domain.resource import parse as named
from mqtui.services.browse import find
from mqtui.services.redrive import parse_request as services
from mqtui.services.redrive.request import RedriveRequest
from mqtui.ui.actions import Action
from mqtui.ui.render.command_line import command_of
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.screens.console_screen import ConsoleScreen, does
from mqtui.ui.screens.redrive import options_form
from mqtui.ui.session.run_sessions import ready, remote_of
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.form import Form
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.text_view import TextView


class RedriveOptionsScreen(ConsoleScreen):
    """A form; `taken` is told the order as it is then, and the risks that are let through."""

    screen_name = "Terms"

    hinted = ("nav.next_pane", "form.review", "nav.back")

    def __init__(
        self,
        desk: BrokerSession,
        order: RedriveRequest,
        allowed: Collection[str],
        taken: Callable[[RedriveRequest, frozenset[str]], None],
    ) -> None:
        super().__init__()
        self.desk = desk
        self.order = order
        self.allowed = allowed
        self.taken = taken

    def body(self) -> Iterable[Widget]:
        """The form, and what it becomes."""
        self.form = Form(options_form.fields(self.order, self.allowed, self.desk.kind))
        self.paper = TextView()
        beside = Pane(self.paper, name="What this becomes")
        beside.add_class("beside")
        yield Horizontal(Pane(self.form, name=f"Terms of the {self.order.verb}"), beside)

    def crumbs(self) -> tuple[str, ...]:
        """Where the letters lie, the verb, and that it is about the terms."""
        return ("Dead letters", self.order.source.name, str(self.order.verb), "terms")

    def on_mount(self) -> None:
        """The cursor is in the first field."""
        self.paper.glyphs = self.console.glyphs
        self.form.focus_first()
        self.line.tell("ctrl+r makes the plan anew · esc back, the plan stays as it was")
        self.draw()

    def read(self) -> options_form.RedriveOptions:
        """What the fields say; faults stand under their fields.

        Raises:
            Fault: a field can't be read.
        """
        self.form.clear_faults()
        try:
            return options_form.read(self.order, self.form.values(), self.desk.kind, datetime.now().astimezone())
        except options_form.FieldError as fault:
            self.form.fault(fault.key, " ".join(part for part in (fault.error.title, fault.error.hint) if part))
            raise

    @on(Input.Changed)
    def draw(self) -> None:
        """The command that does the same."""
        if not self.form.is_mounted:
            return
        try:
            told: list[StyledLine] = [[(self.command(), "")]]
        except options_form.FieldError as fault:
            told = [[(f"✗ {fault.error.title}", "danger")], [(fault.error.hint, "accent")]]
        self.paper.write([*told, [], [("The plan is made anew and shown before anything is done.", "muted")]])

    def command(self) -> str:
        """The equivalent command line.

        Raises:
            Fault: a field can't be read.
        """
        found = self.read()
        return command_of(found.order, self.desk.address, found.allowed)

    @does("thing.copy")
    def copy_command(self) -> None:
        """The command."""
        try:
            self.console.copy(self.command(), "the command")
        except options_form.FieldError as fault:
            self.say(fault.error)

    def title_of(self, action: Action) -> str:
        """What ctrl+r does here."""
        return "make the plan" if action.id == "form.review" else super().title_of(action)

    @does("form.review")
    def take(self) -> None:
        """Look up where to, then give the order back."""
        self.run_worker(self._take(), exclusive=True, group="terms", exit_on_error=False)

    async def _take(self) -> None:
        try:
            found = self.read()
            order = await self._looked_up(found.order)
        except options_form.FieldError as fault:
            self.say(fault.error)
            return
        except MqtuiError as error:
            self.say(error)
            return
        self.taken(order, found.allowed)
        self.console.call_later(self.console.back)

    async def _looked_up(self, order: RedriveRequest) -> RedriveRequest:
        session = await ready(self.desk)
        remote = await remote_of(self.console.bench, order)
        broker = (remote or session).broker
        services.check_supported(order, session.broker.kind, broker.kind)
        if order.to is None:
            return order
        return replace(order, to=(await find(broker, named(self.form.value("to").strip()))).ref)
