"""The requests to brokers: as log records, for `--log FILE`, and in memory, for the console's view of them.

Each names the request and how long it took, never the content of a message, an option or a command's arguments. Where
nobody wants them, they cost next to nothing.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter, time
from typing import NamedTuple

from mqtui.domain.printable import printable

LOGGER = logging.getLogger("mqtui.requests")
LOGGER.addHandler(logging.NullHandler())

MAX_REQUESTS = 5_000
"""Requests kept in memory; the oldest go first."""


class Request(NamedTuple):
    """One request: when it began (ms since the epoch), how many seconds it took, and its error, "" for none.

    `number` counts the requests of this process.
    """

    number: int
    broker: str
    text: str
    began: int
    seconds: float
    error: str = ""


class RequestHistory:
    """The last requests of this process, once `start` was called. Any thread may add one."""

    def __init__(self) -> None:
        self._requests: deque[Request] | None = None
        self._count = 0

    @property
    def is_on(self) -> bool:
        """Whether requests are kept."""
        return self._requests is not None

    def start(self) -> None:
        """Keep requests from now on."""
        self._requests, self._count = deque(maxlen=MAX_REQUESTS), 0

    def add(self, broker: str, text: str, seconds: float, error: str) -> None:
        """Keep a request that ended now."""
        if self._requests is not None:
            self._count += 1
            began = int((time() - seconds) * 1000)
            self._requests.append(Request(self._count, broker, text, began, seconds, error))

    @property
    def requests(self) -> Sequence[Request]:
        """The requests kept, the oldest first."""
        return () if self._requests is None else self._requests.copy()

    @property
    def dropped(self) -> int:
        """How many are kept no more."""
        return self._count - len(self.requests)


REQUEST_HISTORY = RequestHistory()


@contextmanager
def log_request(broker: str, describe: Callable[[], str]) -> Iterator[None]:
    """Note a request when it ends: its duration, and the error if it failed. `describe` names the request."""
    if not (LOGGER.isEnabledFor(logging.INFO) or REQUEST_HISTORY.is_on):
        yield
        return
    began = perf_counter()
    try:
        yield
    except BaseException as error:
        title = printable(getattr(error, "title", "") or type(error).__name__)
        seconds, text = perf_counter() - began, printable(describe())
        LOGGER.warning("%s %s failed after %.1f ms: %s", broker, text, seconds * 1000, title)
        REQUEST_HISTORY.add(broker, text, seconds, title)
        raise
    seconds, text = perf_counter() - began, printable(describe())
    LOGGER.info("%s %s took %.1f ms", broker, text, seconds * 1000)
    REQUEST_HISTORY.add(broker, text, seconds, "")


def log_retry(broker: str, request: str, reason: object) -> None:
    """Log that a request is tried again, and why."""
    LOGGER.warning("%s %s is tried again: %s", broker, printable(request), printable(str(reason)))
