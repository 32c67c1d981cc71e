"""A process of the shop lives until its standard input ends or SIGTERM comes, whichever is first.

Both signals are blocked in every thread and SIGTERM is waited for: a handler would depend on which thread the system
gives the signal to, and could come between a look and a blocking read. SIGINT is left to the parent.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable


def live(work: Callable[[], None]) -> None:
    """Run ``work`` in a thread beside; return when it has returned or SIGTERM came. Call it before other threads start.

    ``work`` reads standard input to its end.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    threading.Thread(target=lambda: _work_then_end(work), daemon=True).start()
    signal.sigwait({signal.SIGTERM})


def _work_then_end(work: Callable[[], None]) -> None:
    work()
    os.kill(os.getpid(), signal.SIGTERM)
