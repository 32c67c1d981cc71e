"""Long computations on the event loop yield to it now and then, so that a key press is handled in between."""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from weakref import WeakKeyDictionary

TYPING_PAUSE = 0.002
"""Seconds to yield for while the user types. A key passes several queues until its effect is painted; with a pause of
no length a piece of the computation would run between each two of them."""

SLICE = 0.01
"""Seconds that a piece of a computation may take."""

CLOCK_INTERVAL = 8
"""Messages between two looks at the clock, where each takes microseconds."""

TYPING_LASTS = 1.0
"""Seconds after a key press during which the next one is expected."""


class LoopYielder:
    """Yields to the event loop, for longer while the user types.

    Computations that yield at the same time go on one after the other, each in a turn of the loop of its own: several
    of them beside each other hold a key press up no longer than one.
    """

    def __init__(self) -> None:
        self._key_pressed_at = -TYPING_LASTS
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, deque[asyncio.Future[None]]] = WeakKeyDictionary()
        """By event loop, the computations that wait for their turn; there only while one does."""

    def note_key_press(self) -> None:
        """A key was pressed: the next may follow soon."""
        self._key_pressed_at = monotonic()

    async def yield_to_loop(self) -> None:
        """Let everything else that waits on the loop run first."""
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        waiting = self._turns.get(loop)
        if waiting is None:
            self._turns[loop] = deque([turn])
            self._schedule_next(loop)
        else:
            waiting.append(turn)
        await turn

    def _schedule_next(self, loop: asyncio.AbstractEventLoop) -> None:
        if monotonic() - self._key_pressed_at < TYPING_LASTS:
            loop.call_later(TYPING_PAUSE, self._give_turn, loop)
        else:
            loop.call_soon(self._give_turn, loop)

    def _give_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting = self._turns[loop]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                break
        if waiting:
            self._schedule_next(loop)
        else:
            del self._turns[loop]


LOOP_YIELDER = LoopYielder()
yield_to_loop = LOOP_YIELDER.yield_to_loop


class TimeSlices:
    """Splits a computation by the clock: `if slices.is_over: await slices.yield_to_loop()` between two steps of it."""

    def __init__(self) -> None:
        self._until = monotonic() + SLICE

    @property
    def is_over(self) -> bool:
        """Whether the current piece has taken long enough."""
        return monotonic() > self._until

    async def yield_to_loop(self) -> None:
        """Yield, then begin the next piece."""
        await yield_to_loop()
        self._until = monotonic() + SLICE
