"""Computations that share the event loop: each yields, and they take turns."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from mqtui.brokers.loop_yield import LoopYielder

COMPUTATIONS = 5
PIECES = 20


class IterationCounter:
    """Counts the iterations of the running loop."""

    def __init__(self) -> None:
        self.number = 0
        self._loop = asyncio.get_running_loop()
        self._next = self._loop.call_soon(self._count)

    def _count(self) -> None:
        self.number += 1
        self._next = self._loop.call_soon(self._count)

    def stop(self) -> None:
        """Let the loop rest."""
        self._next.cancel()


@pytest.mark.parametrize("typing", [False, True])
async def test_computations_beside_each_other_take_turns(typing: bool) -> None:
    yielder, iterations = LoopYielder(), IterationCounter()
    pieces_at: Counter[int] = Counter()
    done: list[int] = []

    async def compute(number: int) -> None:
        for _ in range(PIECES):
            await yielder.yield_to_loop()
            pieces_at[iterations.number] += 1
        done.append(number)

    if typing:
        yielder.note_key_press()
    await asyncio.gather(*map(compute, range(COMPUTATIONS)))
    iterations.stop()
    assert pieces_at.total() == COMPUTATIONS * PIECES
    assert pieces_at.most_common(1)[0][1] == 1
    assert done == [*range(COMPUTATIONS)]


async def test_a_computation_that_is_cancelled_costs_the_others_no_turn() -> None:
    yielder = LoopYielder()
    ended: list[str] = []

    async def compute(name: str) -> None:
        await yielder.yield_to_loop()
        await yielder.yield_to_loop()
        ended.append(name)

    tasks = [asyncio.create_task(compute(name)) for name in "abc"]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[1].cancel()
    ends = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
    assert [type(end) for end in ends] == [asyncio.CancelledError, asyncio.CancelledError, type(None)]
    assert ended == ["c"]
    await asyncio.wait_for(yielder.yield_to_loop(), 5)


def test_a_loop_that_ended_leaves_nothing_for_the_next() -> None:
    yielder = LoopYielder()

    async def leave_waiting() -> None:
        task = asyncio.create_task(yielder.yield_to_loop())
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(leave_waiting())
    asyncio.run(asyncio.wait_for(yielder.yield_to_loop(), 5))
