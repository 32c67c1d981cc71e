"""The history of screens: forward, back, and `-` to the screen that was left last, unchanged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from textual.screen import Screen
from textual.widget import AwaitMount

LEFT_SCREEN = "last"
MAX_SCREENS = 20
"""Screens kept to go back to; the oldest above home is removed first."""

FIXED_SCREENS = 2
"""Screens at the bottom that stay: Textual's own, and home."""


class HistoryHost(Protocol):
    """The app, as the history uses it: Textual's stack of screens, and the target that is shown."""

    target: str

    @property
    def _screen_stack(self) -> list[Screen[Any]]:
        """The stack itself: Textual has no public way to take a screen out of its middle."""

    @property
    def screen(self) -> Screen[Any]:
        """The screen on top."""

    @property
    def screen_stack(self) -> Sequence[Screen[Any]]:
        """All screens, the one on top last."""

    def push_screen(self, screen: Screen[Any]) -> AwaitMount:
        """Put a screen on top."""

    def pop_screen(self) -> Awaitable[None]:
        """Take the screen on top off; it is removed unless it is installed."""

    def install_screen(self, screen: Screen[Any], name: str) -> None:
        """Keep a screen when it is taken off."""

    def uninstall_screen(self, screen: Screen[Any]) -> str | None:
        """Keep it no longer."""


class ScreenHistory:
    """Moves on the stack of screens, and keeps the one that was left last."""

    def __init__(self, console: HistoryHost) -> None:
        self._console = console
        self._left: Screen[Any] | None = None
        self._targets: WeakKeyDictionary[Screen[Any], str] = WeakKeyDictionary()

    @property
    def start(self) -> bool:
        """Whether there is no screen before this one."""
        return len(self._console.screen_stack) <= FIXED_SCREENS and self._left is None

    async def forward(self, screen: Screen[Any]) -> None:
        """Show a new screen; the one before is kept below it."""
        self._forget()
        self._targets[screen] = self._console.target
        await self._console.push_screen(screen)
        for oldest in self._console.screen_stack[FIXED_SCREENS:-MAX_SCREENS]:
            self._take_out(oldest)
            await oldest.remove()

    async def to_view(self, kind: type[Screen[Any]]) -> None:
        """Show a view; one that is on the stack already is moved to its top, as it was left."""
        console = self._console
        if type(console.screen) is kind:
            return
        if not await self.to_kept(lambda screen: type(screen) is kind and self._targets.get(screen) == console.target):
            await self.forward(kind())

    async def to_kept(self, wanted: Callable[[Screen[Any]], bool]) -> bool:
        """Move a screen that is on the stack to its top, as it was left; whether there was one."""
        there = next((screen for screen in self._console.screen_stack if wanted(screen)), None)
        if there is None:
            return False
        self._forget()
        self._take_out(there)
        await self._console.push_screen(there)
        return True

    def back(self) -> bool:
        """One step back, stopping what the screen was reading; False at home."""
        if len(self._console.screen_stack) <= FIXED_SCREENS:
            return False
        stop = getattr(self._console.screen, "stop_reading", None)
        if stop is not None:
            stop()
        self._step_back()
        return True

    async def last(self) -> bool:
        """Toggle between this screen and the one before it; False where there is none."""
        left = self._left
        if left is not None:
            self._left = None
            self._console.uninstall_screen(left)
            self._console.target = self._targets.get(left, self._console.target)
            await self._console.push_screen(left)
            return True
        if len(self._console.screen_stack) <= FIXED_SCREENS:
            return False
        self._step_back()
        return True

    def _take_out(self, screen: Screen[Any]) -> None:
        self._console._screen_stack.remove(screen)  # Textual takes only the top one off

    def _step_back(self) -> None:
        self._forget()
        self._left = self._console.screen
        self._console.install_screen(self._left, LEFT_SCREEN)
        self._console.pop_screen()
        self._console.target = self._targets.get(self._console.screen, self._console.target)

    def _forget(self) -> None:
        if self._left is not None:
            self._console.uninstall_screen(self._left)
            self._left.remove()
            self._left = None
