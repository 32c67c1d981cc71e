"""The people of the shop: each works in a thread, and comes back after a broker's absence."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from threading import Event
from typing import Final

Role = Callable[[Event], None]
_PAUSE_SECONDS: Final = 1.0


class Staff:
    """Threads that repeat a role until they are sent home."""

    def __init__(self) -> None:
        self._home = Event()
        self._threads: list[threading.Thread] = []

    def hire(self, role: Role, trouble: type[Exception] | tuple[type[Exception], ...]) -> None:
        """Start a role; when it ends with ``trouble`` (the broker is away) it is started again after a second."""
        thread = threading.Thread(target=self._work, args=(role, trouble), daemon=True)
        self._threads.append(thread)
        thread.start()

    def send_home(self, seconds: float) -> None:
        """Ask everybody to stop and wait so long at most; whoever is late is left to the end of the process."""
        self._home.set()
        for thread in self._threads:
            thread.join(seconds / max(len(self._threads), 1))

    def _work(self, role: Role, trouble: type[Exception] | tuple[type[Exception], ...]) -> None:
        while not self._home.is_set():
            try:
                role(self._home)
            except trouble as gone:
                print(f"{type(gone).__name__}: {gone}", file=sys.stderr, flush=True)
                self._home.wait(_PAUSE_SECONDS)
