"""Opening a connection; one that hangs is asked what it speaks before its patience is over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from mqtui.brokers import doors
from mqtui.brokers.doors import Door

Result = TypeVar("Result")


async def open_watched(opening: Awaitable[Result], places: Sequence[Door]) -> Result:
    """The opened connection.

    Raises:
        CannotConnect: it hangs, and the places say that they speak something else [an AMQP header, or a first request
            of Kafka's, makes Redis wait for more].
    """
    opened = asyncio.ensure_future(opening)
    try:
        await asyncio.wait({opened}, timeout=doors.SOON)
        if not opened.done():
            asked = asyncio.ensure_future(asyncio.to_thread(doors.recognise, places))
            await asyncio.wait({opened, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not opened.done() and (wrong := asked.result()) is not None:
                raise wrong
        return await opened
    finally:
        if not opened.done():
            opened.cancel()
            await asyncio.wait({opened})
