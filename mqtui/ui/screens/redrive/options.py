"""Changing the options of a plan under review: target, selection, stages, accepted risks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import datetime

from textual import on
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from mqtui.domain.errors import MqtuiError
from mqtui.domain.resource import parse_name as named
from mqtui.services.browse import find_destination
from mqtui.services.command_line import command_of
from mqtui.services.redrive import parse_request as services
from mqtui.services.redrive.request import RedriveRequest
from mqtui.ui.actions import Action
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.screens.console_screen import ConsoleScreen, handles
from mqtui.ui.screens.redrive import options_form
from mqtui.ui.session.run_sessions import remote_session_of, wait_until_open
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.form import Form
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.text_view import TextView


class RedriveOptionsScreen(ConsoleScreen):
    """A form for a request's options. `taken` gets the new request and the accepted risks."""

    screen_name = "Terms"

    hint_actions = ("nav.next_pane", "form.review", "nav.back")

    def __init__(
        self,
        broker_session: BrokerSession,
        request: RedriveRequest,
        allowed: Collection[str],
        taken: Callable[[RedriveRequest, frozenset[str]], None],
    ) -> None:
        super().__init__()
        self.broker_session = broker_session
        self.request = request
        self.allowed = allowed
        self.taken = taken

    def body(self) -> Iterable[Widget]:
        place = ("terms", self.broker_session.target, self.broker_session.kind, self.request.source, self.request.verb)
        draft = self.console.sessions.drafts.setdefault(place, {})
        self.form = Form(options_form.fields(self.request, self.allowed, self.broker_session.kind), draft)
        self.text_view = TextView()
        beside = Pane(self.text_view, name="What this becomes")
        beside.add_class("beside")
        yield Horizontal(Pane(self.form, name=f"Terms of the {self.request.verb}"), beside)

    def crumbs(self) -> tuple[str, ...]:
        """Where the letters lie, the verb, and that it is about the terms."""
        return ("Dead letters", self.request.source.name, str(self.request.verb), "terms")

    def on_mount(self) -> None:
        """The cursor is in the first field."""
        self.text_view.glyphs = self.console.glyphs
        self.form.focus_first()
        back = "your draft is back · " if self.form.draft else ""
        self.prompt_line.set_status(f"{back}ctrl+r makes the plan anew · esc back, the plan stays as it was")
        self.draw()

    def read(self) -> options_form.RedriveOptions:
        """The options that the fields describe; errors are shown under their fields.

        Raises:
            FieldError: a field can't be read.
        """
        self.form.clear_errors()
        try:
            return options_form.read(
                self.request, self.form.values(), self.broker_session.kind, datetime.now().astimezone()
            )
        except options_form.FieldError as error:
            self.form.show_error(error.key, error.text)
            raise

    @on(Input.Changed)
    def draw(self) -> None:
        if not self.form.is_mounted:
            return
        try:
            lines_shown: list[StyledLine] = [[(self.command(), "")]]
        except options_form.FieldError as error:
            lines_shown = [[(f"✗ {error.cause.title}", "danger")], [(error.cause.hint, "accent")]]
        self.text_view.write(
            [*lines_shown, [], [("The plan is made anew and shown before anything is done.", "muted")]]
        )

    def command(self) -> str:
        """The equivalent command line.

        Raises:
            FieldError: a field can't be read.
        """
        found = self.read()
        return command_of(found.request, self.broker_session.address, found.allowed)

    @handles("thing.copy")
    def copy_command(self) -> None:
        """Copy the equivalent command."""
        try:
            self.console.copy(self.command(), "the command")
        except options_form.FieldError as error:
            self.show_error(error.cause)

    def action_title(self, action: Action) -> str:
        return "make the plan" if action.id == "form.review" else super().action_title(action)

    @handles("form.review")
    def take(self) -> None:
        """Look up the target, then give the request back."""
        self.run_worker(self._take(), exclusive=True, group="terms", exit_on_error=False)

    async def _take(self) -> None:
        try:
            found = self.read()
            request = await self._looked_up(found.request)
        except options_form.FieldError as error:
            self.show_error(error.cause)
            return
        except MqtuiError as error:
            self.show_error(error)
            return
        self.form.draft.clear()
        self.taken(request, found.allowed)
        self.console.call_later(self.console.back)

    async def _looked_up(self, request: RedriveRequest) -> RedriveRequest:
        session = await wait_until_open(self.broker_session)
        remote = await remote_session_of(self.console.sessions, request)
        broker = (remote or session).broker
        services.check_supported(request, session.broker.kind, broker.kind)
        if request.to is None:
            return request
        return replace(request, to=(await find_destination(broker, named(self.form.value("to").strip()))).ref)
