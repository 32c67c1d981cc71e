"""Blocking calls in threads: what fails when nobody waits any more is said to nobody."""

from __future__ import annotations

import asyncio
import gc
import warnings
from concurrent.futures import Future
from typing import Any

from mqtui.brokers.kafka.connection import Connection
from mqtui.brokers.kafka.threads import fulfil, promised
from mqtui.domain.errors import NotFound
from mqtui.profiles.url import parse


async def test_an_error_after_the_asker_has_left_reaches_nobody() -> None:
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        gc.collect()  # what tests before this one left behind is not asked about
    heard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context))
    promise: Future[None] = promised()
    connection = Connection(parse("kafka://127.0.0.1:1")[0])
    asking = asyncio.create_task(connection.ask(promise, "reading the state"))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait({asking})
    assert asking.cancelled()

    def fails() -> None:
        raise NotFound("There is no topic mqtui.state")

    await asyncio.to_thread(fulfil, promise, fails)
    del promise, asking
    for _ in range(3):
        await asyncio.sleep(0)
        gc.collect()
    assert not heard
