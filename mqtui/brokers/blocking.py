"""Blocking calls away from the event loop: daemon threads of our own, never the default executor."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")
_numbers = itertools.count(1)


def start(name: str, work: Callable[[], object]) -> threading.Thread:
    """Run `work` in a daemon thread; it must not raise."""
    thread = threading.Thread(target=work, name=f"mqtui-{name}-{next(_numbers)}", daemon=True)
    thread.start()
    return thread


def apart(name: str, work: Callable[[], Result]) -> Future[Result]:
    """The result of a blocking call, run in a thread of its own."""
    promise: Future[Result] = promised()
    start(name, lambda: fulfil(promise, work))
    return promise


def promised() -> Future[Result]:
    """A promise that nobody can cancel."""
    promise: Future[Result] = Future()
    promise.set_running_or_notify_cancel()
    return promise


def fulfil(promise: Future[Result], work: Callable[[], Result]) -> None:
    """Do the work and hand its result, or its error, to whoever waits."""
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - raised again where it is waited for, whatever it is
        promise.set_exception(error)
    else:
        promise.set_result(result)


def awaited(promise: Future[Result]) -> asyncio.Future[Result]:
    """The promise for this loop. An error of it that nobody waits for any more is no news to asyncio's log."""
    waiting = asyncio.wrap_future(promise)
    waiting.add_done_callback(_taken_note_of)
    return waiting


def _taken_note_of(waiting: asyncio.Future[Result]) -> None:
    if not waiting.cancelled():
        waiting.exception()


async def finished(promise: Future[Result]) -> Result:
    """Wait for a promise to its end even while this task is cancelled; the cancellation is raised afterwards."""
    waiting = awaited(promise)
    cancelled = False
    while not waiting.done():
        try:
            await asyncio.shield(waiting)
        except asyncio.CancelledError:
            if waiting.cancelled():
                raise
            cancelled = True
        except Exception:  # noqa: BLE001 - raised by result() below
            break
    if cancelled:
        raise asyncio.CancelledError
    return waiting.result()


async def run_in_thread(name: str, work: Callable[[], Result]) -> Result:
    """The result of a call that may block. Who is cancelled leaves it alone; its thread keeps no process alive."""
    return await awaited(apart(name, work))


async def run_to_end_in_thread(name: str, work: Callable[[], Result]) -> Result:
    """The result of a call that changes something, waited for to its end even while this task is cancelled."""
    return await finished(apart(name, work))
