"""The prompt line: status of the row, answers to keys, and prompts (filter, go-to, peek cost, typed confirmation)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.timer import Timer
from textual.widgets import Input, Static

from mqtui.ui.glyphs import Glyphs
from mqtui.ui.render.styled_text import BREAKS

ANSWER_SECONDS = 3.0
"""Seconds for which an answer to a key is shown."""


@dataclass(slots=True)
class Prompt:
    """An open prompt."""

    answer: asyncio.Future[str | None]
    changed: Callable[[str], object] | None
    complete: Callable[[str], str] | None = None
    accepts: Callable[[str], bool] | None = None


class PromptInput(Input):
    """The field of a prompt. `pastes` is off where a name has to be typed."""

    pastes = True

    def _on_paste(self, event: events.Paste) -> None:
        if not self.pastes:
            event.stop()
            event.prevent_default()  # else Textual goes on with the field's own


class PromptLine(Horizontal):
    """Shows one sentence, or one prompt."""

    DEFAULT_CSS = """
    PromptLine { height: 1; background: $raised; }
    PromptLine > #said { width: 1fr; padding: 0 1; color: $muted; text-wrap: nowrap; text-overflow: ellipsis; }
    PromptLine > #asked { width: auto; max-width: 60%; height: 1; padding: 0 1; color: $accent; display: none; }
    PromptLine > PromptInput { height: 1; border: none; padding: 0; background: $raised; width: 1fr; display: none; }
    PromptLine > PromptInput:focus { border: none; }
    PromptLine > #beside { width: auto; max-width: 70%; padding: 0 1; color: $muted; display: none; }
    PromptLine > #beside { text-wrap: nowrap; text-overflow: ellipsis; }
    PromptLine > #beside.-warn { color: $warn; }
    PromptLine.-ascii > #said, PromptLine.-ascii > #beside { text-overflow: clip; }
    PromptLine.-asking > #said { display: none; }
    PromptLine.-asking > #asked, PromptLine.-asking > PromptInput, PromptLine.-asking > #beside { display: block; }
    PromptLine > #said.-danger { color: $danger; }
    PromptLine > #said.-warn { color: $warn; }
    PromptLine > #said.-ok { color: $ok; }
    PromptLine > #said.-live { color: $live; }
    PromptLine > #said.-price { color: $price; }
    PromptLine > #said.-dead { color: $dead; }
    PromptLine > #said.-text { color: $text; }
    """

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="line", classes="-ascii" if glyphs.ascii_only else "")
        self.glyphs = glyphs
        self._tour_hint = ""
        self._asking: Prompt | None = None
        self._status = ("", "")
        self._answer: Timer | None = None

    def compose(self) -> ComposeResult:
        """Lay out status, label, field and hint."""
        yield Static("", id="said", markup=False)
        yield Static("", id="asked", markup=False)
        yield PromptInput(id="entry", select_on_focus=False)
        yield Static("", id="beside", markup=False)

    @property
    def is_asking(self) -> bool:
        """Whether a prompt is open."""
        return self._asking is not None

    @property
    def is_answered(self) -> bool:
        """Whether the open prompt was answered, and is about to close."""
        return self._asking is not None and self._asking.answer.done()

    @property
    def filters_as_typed(self) -> bool:
        """Whether each key of the open prompt changes what is shown above it."""
        return self._asking is not None and self._asking.changed is not None

    def take_focus(self) -> None:
        """Focus the field of the open prompt."""
        self.screen.set_focus(self.query_one(PromptInput))

    @property
    def tour_hint(self) -> str:
        """A hint of the demo's tour, shown instead of the status."""
        return self._tour_hint

    @tour_hint.setter
    def tour_hint(self, text: str) -> None:
        changed, self._tour_hint = text != self._tour_hint, text
        if changed and self._answer is None and self.query("#said"):
            self._show_status()

    @property
    def status(self) -> tuple[str, str]:
        """The status and its tone, also while an answer to a key stands in its place."""
        return self._status

    def set_status(self, text: str, tone: str = "") -> None:
        """Set the status. It replaces an answer to a key, unless it is the same status again."""
        again, self._status = (text, tone) == self._status, (text, tone)
        if not (again and self._answer is not None):
            self._show_status()

    def set_status_quietly(self, text: str, tone: str = "") -> None:
        """Set the status, without replacing an answer to a key before its time."""
        self._status = (text, tone)
        if self._answer is None:
            self._show_status()

    def _show_status(self) -> None:
        if self._answer is not None:
            self._answer.stop()
            self._answer = None
        self._show(*self._status_shown)

    @property
    def _status_shown(self) -> tuple[str, str]:
        return (self.tour_hint, "live") if self.tour_hint else self._status

    def flash(self, text: str, tone: str = "warn") -> None:
        """Show an answer to a key for `ANSWER_SECONDS` seconds, then the status again."""
        self._show(text, tone)
        if self._answer is not None:
            self._answer.stop()
        self._answer = self.set_timer(ANSWER_SECONDS, self._show_status, name="why-not")

    def _show(self, text: str, tone: str) -> None:
        said = self.query_one("#said", Static)
        said.update(self.glyphs(BREAKS.sub(" ", text)), layout=False)
        said.set_classes(f"-{tone}" if tone else "")

    async def ask(
        self,
        label: str,
        *,
        value: str = "",
        beside: str = "",
        changed: Callable[[str], object] | None = None,
        pastes: bool = True,
        hidden: bool = False,
        complete: Callable[[str], str] | None = None,
        accepts: Callable[[str], bool] | None = None,
    ) -> str | None:
        """Open a prompt and wait for the text that is entered; None where it was cancelled.

        `changed` is called at every key; `complete` gives the text after tab. `beside` is a hint. What is typed is not
        shown where it is `hidden`. A text that it does not accept leaves it open.
        """
        self.cancel()
        asking = Prompt(asyncio.get_running_loop().create_future(), changed, complete, accepts)
        self._asking = asking
        entry = self.query_one(PromptInput)
        self.query_one("#asked", Static).update(self.glyphs(label))
        self.set_hint(beside)
        self.set_class(True, "-asking")
        entry.pastes, entry.password = pastes, hidden
        with entry.prevent(Input.Changed):  # what stands there at first was not typed
            entry.value = value
        entry.cursor_position = len(value)
        before = self.screen.focused
        self.screen.set_focus(entry)
        try:
            return await asking.answer
        finally:
            if self._asking is asking:
                self._asking = None
                self.set_class(False, "-asking")
                if before is not None and before is not entry and before.is_attached:
                    before.screen.set_focus(before)

    def set_hint(self, text: str, tone: str = "") -> None:
        """Change the hint beside the field; a mistake has the tone `warn`."""
        beside = self.query_one("#beside", Static)
        beside.update(self.glyphs(text))
        beside.set_classes(f"-{tone}" if tone else "")

    def cancel(self) -> bool:
        """Cancel the prompt; whether one was open."""
        if self._asking is None:
            return False
        if not self._asking.answer.done():
            self._asking.answer.set_result(None)
        return True

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self._asking is not None and self._asking.changed is not None:
            self._asking.changed(event.value)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        asking = self._asking
        if asking is None or asking.answer.done() or not (asking.accepts is None or asking.accepts(event.value)):
            return
        asking.answer.set_result(event.value)

    def on_key(self, event: events.Key) -> None:
        """Esc cancels the prompt; tab completes the text where it can, and never leaves the field."""
        if event.key == "escape" and self.cancel():
            event.stop()
            event.prevent_default()
        elif event.key in ("tab", "shift+tab") and self._asking is not None:
            event.stop()
            event.prevent_default()
            if event.key == "shift+tab" or self._asking.complete is None:
                return
            entry = self.query_one(PromptInput)
            entry.value = self._asking.complete(entry.value)
            entry.cursor_position = len(entry.value)
