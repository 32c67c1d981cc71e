"""Blocking calls off the event loop, in daemon threads of their own and never in asyncio's default executor."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")
_thread_numbers = itertools.count(1)


def start_thread(name: str, work: Callable[[], object]) -> threading.Thread:
    """Run `work` in a daemon thread; it must not raise."""
    thread = threading.Thread(target=work, name=f"mqtui-{name}-{next(_thread_numbers)}", daemon=True)
    thread.start()
    return thread


def submit_to_thread(name: str, work: Callable[[], Result]) -> Future[Result]:
    """Run a blocking call in a new thread; gives the future of its result."""
    future: Future[Result] = new_future()
    start_thread(name, lambda: complete(future, work))
    return future


def new_future() -> Future[Result]:
    """A future that can't be cancelled."""
    future: Future[Result] = Future()
    future.set_running_or_notify_cancel()
    return future


def complete(future: Future[Result], work: Callable[[], Result]) -> None:
    """Run `work` here and set its result, or its exception, on the future."""
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - raised again where the future is waited for
        future.set_exception(error)
    else:
        future.set_result(result)


def as_asyncio(future: Future[Result]) -> asyncio.Future[Result]:
    """The future for the running loop. asyncio does not log its exception when nobody waits for it any more."""
    waiting = asyncio.wrap_future(future)
    waiting.add_done_callback(_retrieve_exception)
    return waiting


def _retrieve_exception(waiting: asyncio.Future[Result]) -> None:
    if not waiting.cancelled():
        waiting.exception()


async def wait_uncancelled(future: Future[Result]) -> Result:
    """Wait until a future is done even while this task is cancelled; CancelledError is raised afterwards."""
    waiting = as_asyncio(future)
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
    """The result of a blocking call. A caller that is cancelled abandons it; its thread keeps no process alive."""
    return await as_asyncio(submit_to_thread(name, work))


async def run_to_end_in_thread(name: str, work: Callable[[], Result]) -> Result:
    """The result of a blocking call that changes something: it is waited for even while this task is cancelled."""
    return await wait_uncancelled(submit_to_thread(name, work))
