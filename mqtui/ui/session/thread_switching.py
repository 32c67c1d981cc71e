"""How long a thread may keep the event loop waiting for Python's global interpreter lock."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH_SECONDS = 0.001
"""Python's own is 0.005. The loop asks for the lock again after each look at the terminal and at a socket; beside a
redrive of Kafka it stood for up to 57 to 68 ms so, and stands for 29 to 36 with this [python -m tests.perf.heartbeat].
"""


@contextmanager
def quick_thread_switches() -> Iterator[None]:
    """Let threads give the lock away sooner, as long as this is entered."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
