"""Running a command: errors become words and exit codes, interrupts end it in order."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from mqtui.cli.exits import INTERRUPTED, code
from mqtui.cli.output import Output
from mqtui.domain.errors import MqtuiError


def run(output: Output, work: Callable[[], Coroutine[Any, Any, int]]) -> None:
    """Run a command's coroutine and exit with its code. A title and a hint, never a traceback."""
    try:
        sys.exit(asyncio.run(work()))
    except MqtuiError as error:
        exit_code = code(error)
        output.progress_done()
        output.error(error, exit_code)
        sys.exit(exit_code)
    except (KeyboardInterrupt, asyncio.CancelledError):
        output.progress_done()
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def stop_on_interrupt() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set; the command then finishes what it has in hand. A second one interrupts."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def ask() -> None:
        stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask)
    return stop
