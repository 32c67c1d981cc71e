"""What happened elsewhere: a note that is kept, and for 5 s a toast in the corner. It takes no key and no focus."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, NamedTuple

from textual.app import App
from textual.screen import Screen

MOST = 3
LASTS = 5.0
SOON = 0.05


class Toast(NamedTuple):
    """What is said, and since when."""

    began: float
    text: str
    tone: str


class Toasts:
    """At most three at a time: a fourth sends the oldest away."""

    def __init__(
        self, app: App[Any], notify: Callable[[str, str], None], clock: Callable[[], float] = monotonic
    ) -> None:
        """Show toasts on the screen of `app`; each is kept by `notify`, which takes a text and its tone."""
        self._app = app
        self._notify = notify
        self._clock = clock
        self._shown: list[Toast] = []

    def show(self, text: str, tone: str = "text") -> None:
        """Keep a note, and show it for a while."""
        self._notify(text, tone)
        self._shown = [*self._shown, Toast(self._clock(), text, tone)][-MOST:]
        self._app.set_timer(LASTS + SOON, self._draw, name="toast")
        self._draw()

    @property
    def alive(self) -> list[Toast]:
        """Those that are shown now, the oldest first."""
        now = self._clock()
        self._shown = [toast for toast in self._shown if now - toast.began < LASTS]
        return self._shown

    def clear(self) -> None:
        """Send all away; the notes stay."""
        self._shown = []
        self._draw()

    def _draw(self) -> None:
        draw = getattr(self._app.screen, "draw_toasts", None)
        if draw is not None:
            draw()

    def draw(self, screen: Screen[Any]) -> None:
        """Show them in the corner of a place, or take the corner away."""
        alive = self.alive
        if not alive:
            screen.query("ToastBox").remove()
            return
        from mqtui.ui.widgets.toast_box import ToastBox

        corner = next(iter(screen.query(ToastBox)), None)
        if corner is None:
            corner = ToastBox(self.clear)
            screen.mount(corner)
        corner.show([(toast.text, toast.tone) for toast in alive], screen.size.width)
