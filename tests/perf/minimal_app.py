"""The least a Textual app can be: one line of text."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Static


class Minimal(App[None]):
    """One line."""

    def compose(self) -> ComposeResult:
        """Return the line."""
        yield Static("ready")


if __name__ == "__main__":
    Minimal().run()
