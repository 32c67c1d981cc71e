"""One dead letter: its cause, the original message, the difference between their values, and its headers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace

from textual.containers import Horizontal, Vertical
from textual.events import Key
from textual.widget import Widget

from mqtui.brokers.registry import traits_of
from mqtui.domain.capability import Verb
from mqtui.domain.deadletter import describe, split_headers
from mqtui.domain.errors import MqtuiError
from mqtui.domain.message import Message
from mqtui.domain.resource import Ref
from mqtui.services.decoding import PLAIN, Decoder
from mqtui.ui.actions import Action
from mqtui.ui.render.dead_letters import letter as render
from mqtui.ui.render.dead_letters.letter import Original
from mqtui.ui.render.messages.headers import HeaderDiff, HeaderRow, headers, lay_out_headers, properties
from mqtui.ui.render.messages.payload import Document, FixedLines
from mqtui.ui.render.messages.payload_forms import VALUE_FORMS, is_large, next_form, render_value, value_size
from mqtui.ui.screens.console_screen import ConsoleScreen, handles
from mqtui.ui.screens.dead_letters.audit_pane import AuditPane
from mqtui.ui.screens.dead_letters.letter_selection import redrive_request_for
from mqtui.ui.screens.dead_letters.original import find_original, same_key_later
from mqtui.ui.screens.messages.message_copy import MessageCopier
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.payload_view import PayloadView

READING = Original(None, why="reading …")


class DeadLetterScreen(ConsoleScreen):
    """One of some letters in memory; J and K walk through them. `total` is how many there are in all."""

    screen_name = "Letter"

    hint_actions = (
        "nav.next_item",
        "nav.previous_item",
        "thing.pair",
        "view.wrap",
        "view.decode",
        "thing.copy",
        "letters.redrive",
        "thing.delete",
    )
    DEFAULT_CSS = """
    DeadLetterScreen #cause, DeadLetterScreen #original { width: 1fr; }
    DeadLetterScreen #above { height: 4fr; }
    DeadLetterScreen #value { height: 4fr; }
    DeadLetterScreen #headers { height: 3fr; }
    """

    def __init__(
        self, broker_session: BrokerSession, ref: Ref, letters: Sequence[Message], at: int = 0, total: int = 0
    ) -> None:
        super().__init__()
        self.broker_session = broker_session
        self.ref = ref
        self.letters = letters
        self.at = at
        self.total = max(total, len(letters))
        self.original = READING
        self.conventions = broker_session.origins.get(ref) or broker_session.conventions
        self.copier = MessageCopier(self, broker_session.address, ref)
        self.decoder_version = broker_session.decoder_version
        """That with which the value was drawn."""

        self.unfolded = False
        self.form = VALUE_FORMS[0]
        self.original_shown = False
        """Where there is room for one pane: whether it shows the original."""

        self._listed: list[HeaderRow] = []

    @property
    def letter(self) -> Message:
        """The letter that is shown."""
        return self.letters[self.at]

    # -- what it shows

    def body(self) -> Iterable[Widget]:
        self.cause = Pane(PayloadView(), name="Letter", id="cause")
        self.side_pane = Pane(PayloadView(), name="Original", id="original")
        self.side_pane.add_class("beside")
        self.value = Pane(PayloadView(), name="value", id="value")
        self.headers = Pane(PayloadView(), name="headers", id="headers")
        above = Horizontal(self.cause, self.side_pane, AuditPane(self.ref), id="above")
        yield Vertical(above, self.value, self.headers)

    def crumbs(self) -> tuple[str, ...]:
        return ("Dead letters", self.ref.name, str(self.letter.position))

    def on_mount(self) -> None:
        for view in self.query(PayloadView):
            view.glyphs = self.console.glyphs
        self.place_panes()
        _view(self.value).focus()
        self.draw()
        if self.ref not in self.broker_session.origins:
            self.run_worker(self._settle(), group="origin", exit_on_error=False)

    async def _settle(self) -> None:
        """Determine the origin as causes and plans do, by asking the broker."""
        try:
            self.conventions = await self.broker_session.settle_origin(self.ref)
        except MqtuiError as error:
            self.prompt_line.flash(f"where it came from can't be asked: {error.title}")
            return
        if self.is_attached:
            self.draw()

    def on_resize(self) -> None:
        """The terminal has another size: there may be room for more panes, or fewer."""
        if self.is_mounted:
            self.place_panes()

    def place_panes(self) -> None:
        """Show cause and original side by side, or one of them."""
        self.cause.display = not (self.narrow and self.original_shown)
        self.side_pane.display = not self.narrow or self.original_shown
        self.side_pane.set_class(not self.narrow, "beside")

    def draw(self) -> None:
        """Draw the letter, and its original as soon as it is found."""
        self.original = READING
        self.draw_cause()
        self.draw_headers()
        self.draw_original()
        self.run_worker(self._compare(self.letter), exclusive=True, group="letter", exit_on_error=False)
        self.draw_frame()

    def draw_cause(self) -> None:
        """Draw cause, stack trace and origin."""
        letter = self.letter
        death = describe(letter, self.conventions)
        trace = self.conventions.layout(letter).read_last(letter, "stack")
        attempt = f" · attempt {death.attempts}" if death.attempts is not None else ""
        of = f"{self.total:,}" if self.total == len(self.letters) else f"{len(self.letters):,}, {self.total:,} in all"
        self.cause.title(f"Letter {self.at + 1:,} of {of}", f"{self.ref.name} {letter.position}{attempt}")
        lines = render.cause_lines(death, trace if isinstance(trace, str) else "", unfolded=self.unfolded)
        _view(self.cause).show(lines)
        self.prompt_line.set_status(render.title(death), "dead")

    def draw_original(self) -> None:
        """Draw what is known of the original."""
        found = self.original
        origin = describe(self.letter, self.conventions).origin
        there = "" if found.message is None else "still there"
        self.side_pane.title(f"Original {render.origin_text(origin)}".rstrip(), there)
        _view(self.side_pane).show(render.original_lines(found, self.letter))

    def draw_headers(self) -> None:
        """Draw the headers, with what a redrive does to each."""
        letter = self.letter
        own = headers(letter, self.conventions)
        original = self.original.message
        there = headers(original, self.conventions) if original is not None else None
        found = render.diff_headers(own, split_headers(letter, self.conventions), there)
        lost = list(render.missing(own, there)) if there is not None else []
        rows = [*lost, *own, *properties(letter)]
        signs = [*(HeaderDiff("−", "danger", "lost") for _ in lost), *found]
        signs += [HeaderDiff() for _ in range(len(rows) - len(signs))]
        what = "fields" if letter.fields else "headers"
        self.headers.title(f"{what} against the original" if there is not None else what, render.count_kept(found))
        _view(self.headers).show(lay_out_headers(rows, signs, unfolded=self.unfolded))

    async def _compare(self, letter: Message) -> None:
        await self._draw_value(letter, None)
        if not self._still(letter):
            return
        session = self.broker_session.session
        if session is None:
            self.original = Original(None, why="the broker is not open")
        else:
            origin = describe(letter, self.conventions).origin
            self.original = await find_original(session, origin, self.broker_session.snapshot)
        if not self._still(letter):
            return
        self.draw_original()
        self.draw_headers()
        original = self.original.message
        if original is not None and not render.same_value(letter, original):
            await self._draw_value(letter, original)
        if session is not None:
            later = await same_key_later(session, self.original, self.broker_session.snapshot)
            if later is not None and self._still(letter):
                self.original = replace(self.original, later=later)
                self.draw_original()

    async def _draw_value(self, letter: Message, original: Message | None) -> None:
        name, document = await self._value_of(letter, original)
        if self._still(letter):
            self.value.title(*name)
            _view(self.value).show(document)

    def refresh_figures(self) -> None:
        """Draw the value again where a schema came meanwhile."""
        if self.decoder_version != self.broker_session.decoder_version:
            self.decoder_version = self.broker_session.decoder_version
            original = self.original.message
            if original is not None and render.same_value(self.letter, original):
                original = None
            self.run_worker(self._draw_value(self.letter, original), exclusive=True, group="value", exit_on_error=False)

    def _still(self, letter: Message) -> bool:
        return self.is_attached and letter is self.letter

    async def _value_of(self, letter: Message, original: Message | None) -> tuple[tuple[str, str], Document]:
        """Title and lines of the value, or of the difference; computed in a thread where it is large."""
        decoder = self.broker_session.decoder
        if is_large(letter) or (original is not None and is_large(original)):
            return await asyncio.to_thread(render_comparison, letter, original, self.form, decoder)
        return render_comparison(letter, original, self.form, decoder)

    # -- keys

    def disabled_reason(self, action: Action) -> str | None:
        """A single letter of a queue can't be selected."""
        if action.id == "thing.edit":
            return "edit: not in this version"
        view = self.focused if isinstance(self.focused, PayloadView) else None
        if view is not None and action.id not in self._doers and view.can_perform(action.id):
            return None
        reason = super().disabled_reason(action)
        if reason is None and action.id in ("letters.redrive", "thing.delete"):
            if traits_of(self.broker_session.kind).lends:
                return "one letter of a queue can't be picked: esc, then all of its cause"
            return self.console.go.why_no_write(self.broker_session.target, self.broker_session.kind, action)
        return reason

    def action_title(self, action: Action) -> str:
        match action.id:
            case "letters.redrive":
                return "redrive this one"
            case "thing.delete":
                return "discard this one"
            case "thing.pair":
                return "original"
            case "nav.next_item":
                return "next"
            case "nav.previous_item":
                return "previous"
        return super().action_title(action)

    def on_key(self, event: Key) -> None:
        self.copier.hear(event, self.message_to_copy)

    async def _do(self, action_id: str) -> None:
        view = self.focused
        if not isinstance(view, PayloadView) or action_id in self._doers or not view.perform(action_id):
            await super()._do(action_id)

    @handles("nav.next_item")
    def next_letter(self) -> None:
        """Show the next letter."""
        self._move_by(1)

    @handles("nav.previous_item")
    def previous_letter(self) -> None:
        """Show the previous letter."""
        self._move_by(-1)

    def _move_by(self, step: int) -> None:
        at = self.at + step
        if not 0 <= at < len(self.letters):
            self.prompt_line.flash("this is the last letter" if step > 0 else "this is the first letter", "text")
            return
        self.at = at
        self.draw()

    @handles("thing.pair")
    def pair(self) -> None:
        """Move the focus from the letter to its original, and back."""
        self.original_shown = not _view(self.side_pane).has_focus
        self.place_panes()
        _view(self.side_pane if self.original_shown else self.cause).focus()

    @handles("nav.open")
    async def open_original(self) -> None:
        """Show the messages around the original."""
        found = self.original
        if not _view(self.side_pane).has_focus or found.message is None or found.origin is None:
            self.prompt_line.flash("p goes to the original, enter opens the messages around it", "text")
            return
        await self.console.go.messages_around(self.broker_session, found.origin.ref, found.message.position)

    @handles("view.wrap")
    def unfold(self) -> None:
        """Unfold library frames and long values, or fold them again."""
        self.unfolded = not self.unfolded
        for pane in (self.cause, self.headers):
            _view(pane).wrap = self.unfolded
        for pane in (self.value, self.side_pane):
            _view(pane).toggle_wrap()
        self.draw_cause()
        self.draw_headers()

    @handles("view.decode")
    def decode_as(self) -> None:
        """Show the values in the next form."""
        self.form = next_form(self.letter, self.form, self.broker_session.decoder)
        self.prompt_line.flash(f"value as {self.form}", "text")
        self.run_worker(self._compare(self.letter), exclusive=True, group="letter", exit_on_error=False)

    @property
    def message_to_copy(self) -> Message:
        """The message that is copied: the original where it has the focus, else the letter."""
        original = self.original.message
        return original if original is not None and _view(self.side_pane).has_focus else self.letter

    @handles("thing.copy")
    def copy_part(self) -> None:
        """Copy a part of it."""
        self.copier.ask_part(self.message_to_copy)

    @handles("form.editor")
    def open_editor(self) -> None:
        """Look at the value in the user's editor."""
        self.copier.open_editor(self.message_to_copy)

    @handles("thing.export")
    def export(self) -> None:
        """Export all letters of this walk."""
        self.copier.export(self.letters, self.broker_session.decoder)

    @handles("letters.redrive")
    async def redrive(self) -> None:
        """Plan a redrive of this letter."""
        await self._review(Verb.REDRIVE)

    @handles("thing.delete")
    async def discard(self) -> None:
        """Plan a discard of this letter."""
        await self._review(Verb.DISCARD)

    async def _review(self, verb: Verb) -> None:
        await self.console.go.review(
            self.broker_session.target, self.broker_session.kind, redrive_request_for(verb, self.ref, [self.letter])
        )

    @handles("nav.back")
    async def back(self) -> None:
        """Close the prompt, then the original, then the screen."""
        if self.prompt_line.cancel():
            return
        if self.original_shown and not self.cause.display:
            self.original_shown = False
            self.place_panes()
            return
        await self.console.back()


def render_comparison(
    letter: Message, original: Message | None, form: str, decoder: Decoder = PLAIN
) -> tuple[tuple[str, str], Document]:
    """Title (name, facts) and lines of a letter's value, or of its difference from the original's."""
    look = render_value(letter, form, decoder)
    if original is None:
        return ("value", f"{value_size(letter)} {look.codec}"), look.document
    lines: FixedLines = render.difference(render_value(original, form, decoder).document, look.document)
    return ("letter (+) against its original (−)", look.codec), lines


def _view(pane: Pane) -> PayloadView:
    assert isinstance(pane.inner, PayloadView)
    return pane.inner
