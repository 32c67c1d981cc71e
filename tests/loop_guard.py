"""Finds what a coroutine of mqtui does on the event loop though it may take long: journal, audit, bundles, keyring,
commands. A test that looks at them itself may.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

import mqtui
from mqtui.profiles import keyring_store, secrets
from mqtui.state import bundles
from mqtui.state.audit import Audit
from mqtui.state.database import Database

ROOT = str(Path(mqtui.__file__).parent)
TESTS = str(Path(__file__).parent)
BLOCKING = (
    *((Database, name) for name in ("__init__", "transaction", "reading", "close")),
    *((Audit, name) for name in ("begin", "end", "read")),
    *((bundles.Bundle, name) for name in ("__init__", "append")),
    *((bundles, name) for name in ("list_contents", "delete_expired")),
    *((keyring_store, name) for name in ("get", "put", "remove")),
    (secrets, "_run_command"),
)


@contextmanager
def nothing_blocks() -> Iterator[None]:
    """Fail at the end where something was done on the loop; say what and where."""
    found: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in BLOCKING:
            patch.setattr(owner, name, _told(getattr(owner, name), found))
        yield
    assert not found, "on the event loop: " + "; ".join(dict.fromkeys(found))


def _told(work: Callable[..., Any], found: list[str]) -> Callable[..., Any]:
    @wraps(work)
    def called(*args: Any, **options: Any) -> Any:
        place = _asking() if asyncio._get_running_loop() is not None else ""
        if place:
            found.append(f"{work.__qualname__} by {place}")
        return work(*args, **options)

    return called


def _asking() -> str:
    """Where mqtui asks on the loop: its innermost coroutine, or a handler of the console; "" where a test asks."""
    frame, place = sys._getframe(2), ""
    while frame is not None:
        code, file = frame.f_code, frame.f_code.co_filename
        if file.startswith(ROOT):
            here = f"{file.removeprefix(ROOT)}:{frame.f_lineno} {code.co_qualname}"
            if code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
                return here
            place = place or here
        elif file.startswith(TESTS) and file != __file__:
            return ""
        if frame.f_back is None:
            break
        frame = frame.f_back
    return place
