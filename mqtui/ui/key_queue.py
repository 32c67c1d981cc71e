"""Keys in their order: each is answered before the next is sent on.

Several keys arrive in one read when a link stalls or somebody types fast. Textual sends all of them to the widget that
has the focus then, before the first is answered: of `/dlq`, the letters would act on the list instead of the filter.
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

ANSWER_TIMEOUT = 1.0
"""Seconds after which the next key is sent although the one before was not reported as answered."""

ANSWER_STEPS = 20
"""Steps in which these seconds are waited for: of a time in which the event loop stood still, one step counts."""

MOUNT_CHECK_SECONDS = 0.005
"""Seconds between two looks whether the screen that a key opened has its fields."""

CLOSING_ITERATIONS = 50
"""Iterations of the event loop that a prompt is given to close."""

CLOSING_KEYS = ("enter", "escape")
"""Keys that close a prompt."""

Typed = events.Key | events.Paste


class KeyQueue:
    """Keys and pastes that are not answered yet. `forward` sends one to the focused widget."""

    class Answered(Message):
        """Sent after a key through the same message queues: when it arrives, the key was answered."""

    def __init__(self, console: ConsoleApi, forward: Callable[[Typed], Awaitable[None]]) -> None:
        self._console = console
        self._forward = forward
        self._waiting: deque[Typed] = deque()
        self._under_way: Typed | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._mount_check: asyncio.TimerHandle | None = None
        self._mount_checks = 0

    @property
    def typed_at(self) -> float | None:
        """When the key that is being answered was typed, in monotonic seconds; None while there is none."""
        return self._under_way.time if isinstance(self._under_way, events.Key) else None

    async def take(self, event: Typed) -> None:
        """Add a key or a paste."""
        self._waiting.append(event)
        if self._under_way is None:
            await self._next()

    async def on_answered(self) -> None:
        """The key was answered; wait until a prompt that it opens or closes has done so, then send the next."""
        for _ in range(CLOSING_ITERATIONS):
            await asyncio.sleep(0)  # a question is asked in the first step of what asks it
            if not self._is_closing():
                break
        await self._next()

    def _is_closing(self) -> bool:
        """Whether an open prompt is about to close: the next key is not for it."""
        screen, typed = self._console.current_screen, self._under_way
        if screen is None or not screen.is_ready or not screen.prompt_line.is_asking:
            return False
        return screen.prompt_line.is_answered or (isinstance(typed, events.Key) and typed.key in CLOSING_KEYS)

    async def _next(self) -> None:
        self._done()
        while self._waiting and self._under_way is None and not self._waits_for_screen():
            event = self._waiting.popleft()
            if not self._is_seen(event):
                continue
            console = self._console
            target = console.focused or console.screen
            self._under_way = event
            await self._forward(event)
            if target.post_message(self.Answered()):
                self._wait(ANSWER_STEPS)
            else:
                self._done()

    def _waits_for_screen(self) -> bool:
        """Whether the screen that is shown is not mounted yet, so that none of its fields has the focus: look again."""
        if self._mount_check is not None:
            self._mount_check.cancel()
            self._mount_check = None
        console = self._console
        if not console.screen_stack:  # the console has ended
            self._waiting.clear()
            return True
        if console.screen.is_mounted:
            self._mount_checks = 0
            return False
        self._mount_checks += 1
        if self._mount_checks * MOUNT_CHECK_SECONDS > ANSWER_TIMEOUT:
            return False
        check_again = asyncio.get_running_loop().call_later
        self._mount_check = check_again(MOUNT_CHECK_SECONDS, console.call_next, self._next)
        return True

    def _is_seen(self, event: Typed) -> bool:
        """Whether the screen was painted when the key was typed: nobody answers what is not visible yet."""
        if not isinstance(event, events.Key) or not self._console.screen_stack:
            return True
        painted: float = getattr(self._console.screen, "painted_at", 0.0)
        return event.time >= painted

    def _done(self) -> None:
        self._under_way = None
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _wait(self, steps: int) -> None:
        """Give up after so many steps."""
        if steps:
            step = ANSWER_TIMEOUT / ANSWER_STEPS
            self._patience = asyncio.get_running_loop().call_later(step, self._wait, steps - 1)
        else:
            self._give_up()

    def _give_up(self) -> None:
        self._done()
        self._console.call_next(self._next)
