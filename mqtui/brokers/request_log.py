"""Records of what is asked of brokers, for the log that `--log FILE` turns on; without it they cost next to nothing.

A record names the question and how long it took, never what is in a message, an option or a command's arguments.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

REQUESTS = logging.getLogger("mqtui.requests")
REQUESTS.addHandler(logging.NullHandler())


@contextmanager
def timed(broker: str, question: Callable[[], str]) -> Iterator[None]:
    """Note a question when it ends: how long it took, and by which error it ended where it did."""
    if not REQUESTS.isEnabledFor(logging.INFO):
        yield
        return
    began = perf_counter()
    try:
        yield
    except BaseException as error:
        title = getattr(error, "title", "") or type(error).__name__
        REQUESTS.warning("%s %s failed after %.1f ms: %s", broker, question(), _since(began), title)
        raise
    REQUESTS.info("%s %s took %.1f ms", broker, question(), _since(began))


def retried(broker: str, what: str, why: object) -> None:
    """Note that something is tried again."""
    REQUESTS.warning("%s %s is tried again: %s", broker, what, why)


def _since(began: float) -> float:
    return (perf_counter() - began) * 1000
