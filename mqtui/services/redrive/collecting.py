"""Python's cycle collector, while many letters pass through."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = 1_000_000
"""New objects, less those that are gone, between two looks, instead of hundreds: more than all letters in hand have."""

USUAL = gc.get_threshold()


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Let it look seldom: a letter is bytes in tuples and never part of a cycle, and looking at them costs a third."""
    if USUAL[0]:
        gc.set_threshold(max(USUAL[0], SELDOM), *USUAL[1:])
    try:
        yield
    finally:
        gc.set_threshold(*USUAL)
