"""Opening a connection that is given up meanwhile."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

from mqtui.brokers.protocol_probe import open_or_diagnose


async def test_a_failure_that_nobody_waits_for_any_more_is_not_printed() -> None:
    """The opening fails in the moment in which its caller is cancelled: asyncio would print a traceback at the end."""
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    refuse = asyncio.Event()

    async def refused() -> None:
        await refuse.wait()
        raise ConnectionRefusedError

    opening = asyncio.create_task(open_or_diagnose(refused(), []))
    await asyncio.sleep(0.01)
    refuse.set()
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.wait({opening})
    assert opening.cancelled()
    del opening
    gc.collect()
    assert reported == []
