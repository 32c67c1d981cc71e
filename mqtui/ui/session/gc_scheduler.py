"""Python's garbage collector runs while nobody waits.

A full collection looks at every object: with a long list that grows it stops the console for 0.1 s, whenever Python
chooses to. Young generations stay automatic; full collections are made here, in pauses between keys and tasks.
"""

from __future__ import annotations

import gc
from time import monotonic

from mqtui.services.gc_tuning import THRESHOLDS

IDLE_SECONDS = 1.0
"""Seconds without a key or a task under way after which nobody waits."""

INTERVAL_SECONDS = 10.0
"""Seconds between two full collections, where there are pauses."""

MAX_INTERVAL_SECONDS = 60.0
"""Seconds after which a full collection is made, pause or not."""


class GcScheduler:
    """Makes the full collections. Call `on_activity` at each key, `on_tick` at each tick."""

    def __init__(self) -> None:
        self._began = self._froze = False
        self._touched = self._made = monotonic()

    def start(self) -> None:
        """Take over full collections, and freeze what is loaded by now: it is not looked at again.

        No collection is made first: it would hold up the first rows [76 ms] for a few thousand
        objects of garbage. A process that has frozen its objects before (the tests do) keeps that state.
        """
        self._froze = not gc.get_freeze_count()
        if self._froze:
            gc.freeze()
        gc.enable()
        THRESHOLDS.suspend_full_collections()
        self._began = True

    def stop(self) -> None:
        """Give full collections back to Python."""
        if not self._began:
            return
        self._began = False
        THRESHOLDS.resume_full_collections()
        if self._froze:
            gc.unfreeze()

    def on_activity(self) -> None:
        """A key was pressed, or a task is under way: its letters would be looked at too [52 ms for 300,000]."""
        self._touched = monotonic()

    def on_tick(self) -> None:
        """Make a full collection where one is due and nobody is typing."""
        now = monotonic()
        since = now - self._made
        if since > MAX_INTERVAL_SECONDS or (since > INTERVAL_SECONDS and now - self._touched > IDLE_SECONDS):
            gc.collect()
            self._made = monotonic()
