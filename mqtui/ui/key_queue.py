"""Keys in their order: each is answered before the next one is looked at.

A terminal hands over several keys in one read, as a stalled link or a fast hand does. Textual sends each to the widget
that has the focus at that moment, before the first of them was answered: of `/dlq` the letters would act on the list.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from textual import events
from textual.message import Message

if TYPE_CHECKING:
    from mqtui.ui.console_api import ConsoleApi

PATIENCE = 1.0
"""Seconds after which the next key is taken although nothing says that the one before was answered."""

TURNS = 50
"""Turns of the loop that a question is given to close."""

ENDS = ("enter", "escape")
"""Keys that end a question."""

Typed = events.Key | events.Paste


class KeyQueue:
    """What was typed and not looked at yet. `forward` gives one on to what has the focus."""

    class Answered(Message):
        """Follows a key through the same queues, and so comes to the console when the key was answered."""

    def __init__(self, console: ConsoleApi, forward: Callable[[Typed], Awaitable[None]]) -> None:
        self._console = console
        self._forward = forward
        self._waiting: deque[Typed] = deque()
        self._under_way: Typed | None = None
        self._patience: asyncio.TimerHandle | None = None

    async def take(self, event: Typed) -> None:
        """Something was typed."""
        self._waiting.append(event)
        if self._under_way is None:
            await self._next()

    async def answered(self) -> None:
        """The key under way was answered, but for what it began: a question may be about to open, or to close."""
        for _ in range(TURNS):
            await asyncio.sleep(0)  # a question is asked in the first step of what asks it
            if not self._is_closing():
                break
        await self._next()

    def _is_closing(self) -> bool:
        """Whether a question is about to be left: what is typed next is not for it."""
        screen, typed = self._console.current_screen, self._under_way
        if screen is None or not screen.is_ready or not screen.prompt_line.is_asking:
            return False
        return screen.prompt_line.is_answered or (isinstance(typed, events.Key) and typed.key in ENDS)

    async def _next(self) -> None:
        self._done()
        while self._waiting and self._under_way is None:
            event = self._waiting.popleft()
            if not self._is_seen(event):
                continue
            console = self._console
            target = console.focused or console.screen
            self._under_way = event
            await self._forward(event)
            if target.post_message(self.Answered()):
                self._patience = asyncio.get_running_loop().call_later(PATIENCE, self._give_up)
            else:
                self._done()

    def _is_seen(self, event: Typed) -> bool:
        """Whether what the key would answer was painted when it was typed."""
        if not isinstance(event, events.Key) or not self._console.screen_stack:
            return True
        painted: float = getattr(self._console.screen, "painted_at", 0.0)
        return event.time >= painted

    def _done(self) -> None:
        self._under_way = None
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._done()
        self._console.call_next(self._next)
