"""The cycle collector of this process: who wants it to look seldom, and who makes its full collections."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

FEW_COLLECTIONS = 1_000_000
"""New objects, less those that are gone, between two looks, instead of hundreds: more than all letters in hand have."""

NEVER = 1_000_000
"""Collections of the middle generation before Python makes a full one by itself."""


class GcThresholds:
    """The collector's thresholds, put together from what is wanted now; the usual ones where nobody wants anything."""

    def __init__(self) -> None:
        self._usual = gc.get_threshold()
        self._seldom = 0
        self._by_hand = 0

    @contextmanager
    def fewer_collections(self) -> Iterator[None]:
        """Let it look seldom: a letter is bytes in tuples, never part of a cycle, and looking at them costs a third."""
        self._seldom += 1
        self._set()
        try:
            yield
        finally:
            self._seldom -= 1
            self._set()

    def suspend_full_collections(self) -> None:
        """Somebody makes the full ones by hand from now on."""
        self._by_hand += 1
        self._set()

    def resume_full_collections(self) -> None:
        """Python makes them again."""
        self._by_hand -= 1
        self._set()

    def _set(self) -> None:
        young, middle, full = self._usual
        if young and self._seldom:
            young = max(young, FEW_COLLECTIONS)
        gc.set_threshold(young, middle, NEVER if self._by_hand else full)


THRESHOLDS = GcThresholds()
"""Those of this process."""

fewer_collections = THRESHOLDS.fewer_collections
