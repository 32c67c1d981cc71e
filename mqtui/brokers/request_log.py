"""Log records of the requests to brokers, for `--log FILE`. Without that option they cost next to nothing.

A record names the request and how long it took, never the content of a message, an option or a command's arguments.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

LOGGER = logging.getLogger("mqtui.requests")
LOGGER.addHandler(logging.NullHandler())


@contextmanager
def log_request(broker: str, describe: Callable[[], str]) -> Iterator[None]:
    """Log a request when it ends: its duration, and the error if it failed. `describe` names the request."""
    if not LOGGER.isEnabledFor(logging.INFO):
        yield
        return
    began = perf_counter()
    try:
        yield
    except BaseException as error:
        title = getattr(error, "title", "") or type(error).__name__
        LOGGER.warning("%s %s failed after %.1f ms: %s", broker, describe(), _ms_since(began), title)
        raise
    LOGGER.info("%s %s took %.1f ms", broker, describe(), _ms_since(began))


def log_retry(broker: str, request: str, reason: object) -> None:
    """Log that a request is tried again, and why."""
    LOGGER.warning("%s %s is tried again: %s", broker, request, reason)


def _ms_since(began: float) -> float:
    return (perf_counter() - began) * 1000
