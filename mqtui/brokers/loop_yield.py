"""Long computations on the event loop yield to it now and then, so that a key press is handled in between."""

from __future__ import annotations

import asyncio
from time import monotonic

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
    """Yields to the event loop of this process, for longer while the user types."""

    def __init__(self) -> None:
        self._key_pressed_at = -TYPING_LASTS

    def note_key_press(self) -> None:
        """A key was pressed: the next may follow soon."""
        self._key_pressed_at = monotonic()

    async def yield_to_loop(self) -> None:
        """Let everything that waits on the loop run first."""
        await asyncio.sleep(TYPING_PAUSE if monotonic() - self._key_pressed_at < TYPING_LASTS else 0)


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
