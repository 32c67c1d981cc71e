"""Tunes Python's garbage collector: fewer collections while letters move, full ones when the console is idle."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

FEW_COLLECTIONS = 1_000_000
"""Net new objects between two collections, instead of hundreds: more than all letters in flight have."""

NEVER = 1_000_000
"""Middle-generation collections before Python makes a full one by itself: practically never."""


class GcThresholds:
    """The collector's thresholds as all current users want them; the usual ones where there is none."""

    def __init__(self) -> None:
        self._usual = gc.get_threshold()
        self._seldom = 0
        self._by_hand = 0

    @contextmanager
    def fewer_collections(self) -> Iterator[None]:
        """Collect seldom: letters are bytes in tuples, never part of a cycle, and traversing them costs a third."""
        self._seldom += 1
        self._set()
        try:
            yield
        finally:
            self._seldom -= 1
            self._set()

    def suspend_full_collections(self) -> None:
        """The caller makes full collections from now on."""
        self._by_hand += 1
        self._set()

    def resume_full_collections(self) -> None:
        """Python makes full collections again."""
        self._by_hand -= 1
        self._set()

    def _set(self) -> None:
        young, middle, full = self._usual
        if young and self._seldom:
            young = max(young, FEW_COLLECTIONS)
        gc.set_threshold(young, middle, NEVER if self._by_hand else full)


THRESHOLDS = GcThresholds()
"""The thresholds of this process."""

fewer_collections = THRESHOLDS.fewer_collections
