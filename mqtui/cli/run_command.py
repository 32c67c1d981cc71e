"""Runs a command: errors become messages and exit codes, signals end it in order.

A command that is only completed or explained runs nothing: asyncio, which takes longest to load, is loaded to run it.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from mqtui.cli.exit_codes import DONE, INCOMPLETE, INTERRUPTED, exit_code_of
from mqtui.cli.output import Output, OutputNotWritten
from mqtui.domain.errors import MqtuiError

if TYPE_CHECKING:
    import asyncio

Item = TypeVar("Item")
SIGNALS = (signal.SIGINT, signal.SIGTERM)
GC_THRESHOLD = 50_000
"""Garbage collection threshold: the rows of an answer have no cycles, and the process ends with the command."""


@contextmanager
def exit_on_error(output: Output) -> Iterator[None]:
    """Print errors as title, detail and hint, and exit with their code; never a traceback."""
    gc.enable()
    try:
        yield
    except MqtuiError as error:
        exit_code = exit_code_of(error)
        output.progress_done()
        output.error(error, exit_code)
        sys.exit(exit_code)
    except _interrupts():
        output.progress_done()
        sys.exit(INTERRUPTED)
    except OutputNotWritten:
        output.progress_done()
        raise
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(DONE)
    except Exception as error:  # noqa: BLE001 - the last wall before a user: never a traceback on a terminal
        output.progress_done()
        from mqtui.state.crash_report import report_crash

        output.error(report_crash(error), INCOMPLETE)
        sys.exit(INCOMPLETE)


def _interrupts() -> tuple[type[BaseException], ...]:
    """What an interrupted command raises."""
    running = sys.modules.get("asyncio")
    return (KeyboardInterrupt,) if running is None else (KeyboardInterrupt, running.CancelledError)


def run_command(output: Output, work: Callable[[], Coroutine[Any, Any, int]]) -> None:
    """Run a command's coroutine and exit with its code."""
    import asyncio

    gc.set_threshold(GC_THRESHOLD)
    with exit_on_error(output):
        sys.exit(asyncio.run(work()))


def stop_on_interrupt() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set; the command then finishes what is in flight.

    A second signal cancels the command, which requeues its deliveries before it ends; a third one ends the process.
    """
    import asyncio

    loop, command = asyncio.get_running_loop(), asyncio.current_task()
    stop = asyncio.Event()

    def ask() -> None:
        if not stop.is_set():
            stop.set()
            return
        for number in SIGNALS:
            loop.remove_signal_handler(number)
        if command is not None:
            command.cancel()

    for number in SIGNALS:
        loop.add_signal_handler(number, ask)
    return stop


async def items_until(stop: asyncio.Event, items: AsyncGenerator[Item]) -> AsyncGenerator[Item]:
    """The items up to their end, or until the event is set: what is coming then is cancelled."""
    import asyncio

    stopped = asyncio.ensure_future(stop.wait())
    try:
        while True:
            coming = asyncio.ensure_future(anext(items, None))
            try:
                await asyncio.wait({coming, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    return
                item = coming.result()
            finally:
                if not coming.done():
                    coming.cancel()
                    await asyncio.gather(coming, return_exceptions=True)
            if item is None:
                return
            yield item
    finally:
        stopped.cancel()
