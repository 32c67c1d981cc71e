"""A poller ends when it is told to, and shows names in looks of some size."""

from __future__ import annotations

import asyncio

import pytest

from mqtui.services.conventions import load_for_profile
from mqtui.services.poller import Poller
from mqtui.services.session import open_session
from tests.services.memory_fixtures import FIXTURES, MemoryFixture


@pytest.mark.parametrize("iterations", range(6))
async def test_a_poller_that_is_woken_and_cancelled_at_once_ends(iterations: int) -> None:
    """However many iterations of the loop lie between the two: the console could not be left before."""
    made: MemoryFixture = FIXTURES[0]()
    async with open_session(made.url, adapters=made.connect) as session:
        poller = Poller(session, load_for_profile().conventions, lambda: None)
        polling = asyncio.create_task(poller.run())
        await poller.first_poll_done.wait()
        await asyncio.sleep(0.05)
        poller.poll_now()
        for _ in range(iterations):
            await asyncio.sleep(0)
        polling.cancel()
        _, running = await asyncio.wait({polling}, timeout=2)
        for task in running:
            task.cancel()
            await asyncio.wait({task}, timeout=2)
        assert not running
        assert polling.cancelled()
