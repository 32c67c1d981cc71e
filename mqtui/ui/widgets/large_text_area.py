"""A text area that accepts very large texts, without drawing them."""

from __future__ import annotations

from textual import events
from textual.widgets import TextArea

MAX_DRAWN = 64_000
"""Characters that are drawn: with a line of a million, each key takes seconds."""


class LargeTextArea(TextArea):
    """A text area. A text above `MAX_DRAWN` is kept in `held` and only described; backspace removes it."""

    held: str | None = None
    names: tuple[str, ...] = ()
    """Names that are completed at the beginning of a line, followed by `=`; the right arrow takes what is suggested."""

    @property
    def content(self) -> str:
        return self.text if self.held is None else self.held

    def fill(self, text: str) -> None:
        self.held = text if len(text) > MAX_DRAWN else None
        self.read_only = self.held is not None
        self.text = text if self.held is None else f"{len(text):,} characters, held as they are · backspace: none"
        self.move_to_end()

    def move_to_end(self) -> None:
        """Put the cursor behind the text: what is typed goes on with it."""
        self.move_cursor(self.document.end)

    def update_suggestion(self) -> None:
        """Suggest the rest of the first name that begins as the line does."""
        row, column = self.cursor_location
        line = self.document.get_line(row) if self.names and self.held is None else ""
        at_end = bool(line) and column == len(line) and "=" not in line
        name = next((name for name in self.names if name.startswith(line) and name != line), "") if at_end else ""
        self.suggestion = f"{name[len(line) :]}=" if name else ""

    def _on_paste(self, event: events.Paste) -> None:  # type: ignore[override]
        if self.held is not None or len(self.text) + len(event.text) <= MAX_DRAWN:
            return  # Textual goes on with the field's own
        event.stop()
        event.prevent_default()
        start, end = sorted(self.selection)
        lines = self.document
        before = lines.get_text_range((0, 0), start)
        self.fill(before + event.text + lines.get_text_range(end, lines.end))

    def _on_key(self, event: events.Key) -> None:  # type: ignore[override]
        if self.held is not None and event.key in ("backspace", "delete"):
            event.stop()
            event.prevent_default()
            self.fill("")
