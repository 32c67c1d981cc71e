"""Toasts: notifications shown in a corner for 5 s. They take no key and no focus."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, NamedTuple

from textual.app import App
from textual.screen import Screen

MAX_TOASTS = 3
TOAST_SECONDS = 5.0
REDRAW_DELAY = 0.05


class Toast(NamedTuple):
    """A text with its tone, and when it appeared (monotonic seconds)."""

    began: float
    text: str
    tone: str


class Toasts:
    """The toasts of the console, three at most: a fourth replaces the oldest."""

    def __init__(
        self, app: App[Any], notify: Callable[[str, str], None], clock: Callable[[], float] = monotonic
    ) -> None:
        """Show toasts on the screen of `app`; each is kept by `notify`, which takes a text and its tone."""
        self._app = app
        self._notify = notify
        self._clock = clock
        self._shown: list[Toast] = []

    def show(self, text: str, tone: str = "text") -> None:
        """Show a toast, and keep it as a notification."""
        self._notify(text, tone)
        self._shown = [*self._shown, Toast(self._clock(), text, tone)][-MAX_TOASTS:]
        self._app.set_timer(TOAST_SECONDS + REDRAW_DELAY, self._draw, name="toast")
        self._draw()

    @property
    def alive(self) -> list[Toast]:
        """The toasts that are shown now, the oldest first."""
        now = self._clock()
        self._shown = [toast for toast in self._shown if now - toast.began < TOAST_SECONDS]
        return self._shown

    def clear(self) -> None:
        """Hide all toasts; the notifications stay."""
        self._shown = []
        self._draw()

    def _draw(self) -> None:
        draw = getattr(self._app.screen, "draw_toasts", None)
        if draw is not None:
            draw()

    def draw(self, screen: Screen[Any]) -> None:
        """Draw the toasts on a screen, or remove their box where there are none."""
        alive = self.alive
        if not alive:
            screen.query("ToastBox").remove()
            return
        from mqtui.ui.widgets.toast_box import ToastBox

        box = next(iter(screen.query(ToastBox)), None)
        if box is None:
            box = ToastBox(self.clear)
            screen.mount(box)
        box.show([(toast.text, toast.tone) for toast in alive], screen.size.width)
