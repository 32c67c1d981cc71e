"""The people of the shop: each works in a thread, and comes back after a broker's absence."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from threading import Event
from typing import Final

Role = Callable[[Event], None]
_PAUSE_SECONDS: Final = 1.0


class Workers:
    """Threads that repeat a role until they are sent home; then nobody is hired any more."""

    def __init__(self) -> None:
        self._home = Event()
        self._door = threading.Lock()
        self._threads: list[threading.Thread] = []

    def hire(self, role: Role, trouble: type[Exception] | tuple[type[Exception], ...]) -> None:
        """Start a role; when it ends with ``trouble`` (the broker is away) it is started again after a second."""
        thread = threading.Thread(target=self._work, args=(role, trouble), daemon=True)
        with self._door:
            if self._home.is_set():
                return
            thread.start()
            self._threads.append(thread)

    def send_home(self, seconds: float) -> None:
        """Ask everybody to stop and wait so long at most; whoever is late is left to the end of the process."""
        with self._door:
            self._home.set()
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0))

    def _work(self, role: Role, trouble: type[Exception] | tuple[type[Exception], ...]) -> None:
        while not self._home.is_set():
            try:
                role(self._home)
            except trouble as gone:
                print(f"{type(gone).__name__}: {gone}", file=sys.stderr, flush=True)
                self._home.wait(_PAUSE_SECONDS)
