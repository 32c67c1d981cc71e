"""Garbage is collected while nobody waits.

A full collection looks at every object there is: with a long list followed at speed it stops everything for 0.1 s, at a
moment of Python's choice. Young objects go on being collected by themselves; full collections wait for a pause.
"""

from __future__ import annotations

import gc
from time import monotonic

from mqtui.services.gc_tuning import THRESHOLDS

PAUSE = 1.0
"""Seconds without a key after which nobody waits."""

EVERY = 10.0
"""Seconds between two full collections, where there are pauses."""

LATEST = 60.0
"""Seconds after which a full collection is made, pause or not."""


class GcScheduler:
    """Makes the full collections of a console. `touched` tells of a key, `turn` is called now and then."""

    def __init__(self) -> None:
        self._began = self._froze = False
        self._touched = self._made = monotonic()

    def start(self) -> None:
        """Take the full collections over; what is loaded by now stays, and is looked at no more.

        A process that has frozen what it loaded (the tests') keeps that, and is not looked through again.
        """
        self._froze = not gc.get_freeze_count()
        if self._froze:
            gc.collect()
            gc.freeze()
        gc.enable()
        THRESHOLDS.suspend_full_collections()
        self._began = True

    def stop(self) -> None:
        """Give them back, if they were taken."""
        if not self._began:
            return
        self._began = False
        THRESHOLDS.resume_full_collections()
        if self._froze:
            gc.unfreeze()

    def touched(self) -> None:
        """Somebody pressed a key."""
        self._touched = monotonic()

    def turn(self) -> None:
        """Make a full collection if it is time."""
        now = monotonic()
        since = now - self._made
        if since > LATEST or (since > EVERY and now - self._touched > PAUSE):
            gc.collect()
            self._made = monotonic()
