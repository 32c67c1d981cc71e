"""Advisory file locks, which are released when their process ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mqtui.state.fsync import open_private

try:
    import fcntl
except ImportError:  # Windows has no flock; there two consoles of one user are told apart by SQLite alone
    fcntl = None  # type: ignore[assignment]  # the module is absent there


@contextmanager
def lock_file(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path`, made with mode 0600 where missing, during the block; waits for it.

    Raises:
        OSError: the file can't be made or locked.
    """
    handle = open_private(path, os.O_RDWR | os.O_CREAT)
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
