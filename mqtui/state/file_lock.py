"""Advisory file locks, which are released when their process ends."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mqtui.state.fsync import IS_A_LINK

POLL_SECONDS = 0.01


@contextmanager
def lock_file(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path`, made with mode 0600 where missing, during the block; waits for it.

    The lock is the kernel's: that of a killed process is gone with it. A file system without locks is an error, since
    a mark left in a file would outlive its process.

    Raises:
        OSError: the file can't be made or locked; it is a link, or belongs to another user.
    """
    from filelock import FileLock  # 40 ms, which commands that only look save

    lock = FileLock(path, mode=0o600, poll_interval=POLL_SECONDS, fallback_to_soft=False)
    try:
        lock.acquire()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(error.errno, IS_A_LINK) from error
        raise
    try:
        yield
    finally:
        lock.release()
