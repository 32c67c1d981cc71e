"""What happened elsewhere: a note that is kept, and for 5 s a toast in the corner. It takes no key and no focus."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.notifications import SeverityLevel

    from mqtui.ui.app import Console

MOST = 3
LASTS = 5.0
SEVERITY: dict[str, SeverityLevel] = {"danger": "error", "warn": "warning"}


class Toasts:
    """At most three at a time: a fourth sends the oldest away."""

    def __init__(self, console: Console, clock: Callable[[], float] = monotonic) -> None:
        self._console = console
        self._clock = clock
        self._shown: list[tuple[float, str, str]] = []

    def tell(self, text: str, tone: str = "text") -> None:
        """Keep a note, and show it for a while."""
        self._console.bench.note(text, tone)
        now = self._clock()
        alive = [toast for toast in self._shown if now - toast[0] < LASTS]
        if len(alive) >= MOST:
            alive = alive[1 - MOST :]
            self._console.clear_notifications()
            for began, earlier, sort in alive:
                self._show(earlier, sort, LASTS - (now - began))
        self._shown = [*alive, (now, text, tone)]
        self._show(text, tone, LASTS)

    def _show(self, text: str, tone: str, seconds: float) -> None:
        shown = self._console.glyphs(text)
        self._console.notify(shown, severity=SEVERITY.get(tone, "information"), timeout=seconds, markup=False)
