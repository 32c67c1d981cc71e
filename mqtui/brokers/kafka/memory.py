"""Fewer garbage collections while letters move.

Letters are many and hold no cycles; with Python's usual thresholds the collector walks over all of them again and again
[a third of the time of a move].
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLDS = (100_000, 50, 100)
_lock = threading.Lock()
_usual: list[tuple[int, int, int]] = []
"""The thresholds to go back to, once for each lease that is open."""


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Collect seldom until the end of the block; with several blocks at once, until the end of the last."""
    with _lock:
        _usual.append(_usual[0] if _usual else gc.get_threshold())
        gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        with _lock:
            usual = _usual.pop()
            if not _usual:
                gc.set_threshold(*usual)
