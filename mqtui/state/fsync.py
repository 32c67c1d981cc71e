"""Files of this user alone, whose bytes and names are on disk (fsync) when a call returns."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

IS_A_LINK = "it is a link, and links are not followed"


def append_whole(file: BinaryIO, at: int, data: bytes) -> None:
    """Write `data` at byte `at`, the end of an unbuffered file, and sync it: whole, or cut off again.

    Raises:
        OSError: as the system says; the file ends at `at` as before.
    """
    rest = memoryview(data)
    try:
        file.seek(at)
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())
    except OSError:
        file.truncate(at)
        raise


def sync_folder(folder: Path) -> None:
    """Sync a folder: a new file is safe only once its name is on disk too.

    Raises:
        OSError: as the system says.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_private(path: Path, flags: int) -> int:
    """Open a file that belongs to this user alone; `flags` may create it, with mode 0600. Links are not followed.

    Raises:
        OSError: as the system says; or it is a link, no regular file, or belongs to another user.
    """
    try:
        handle = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if path.is_symlink():
            raise OSError(error.errno, IS_A_LINK) from error
        raise
    try:
        _check_own(handle)
    except OSError:
        os.close(handle)
        raise
    return handle


def check_private(path: Path) -> None:
    """Check a file as `open_private` does, without opening it, since closing it would release locks of this process.

    POSIX locks are held by process and file, whatever descriptor took them (https://sqlite.org/howtocorrupt.html, 2.2).

    Raises:
        OSError: as the system says; or it is a link, no regular file, or belongs to another user.
    """
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, IS_A_LINK)
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    _check_owner(found)
    if _is_open_to_others(found):
        path.chmod(found.st_mode & 0o700)


def _check_own(handle: int) -> None:
    found = os.fstat(handle)
    _check_owner(found)
    if _is_open_to_others(found):
        os.fchmod(handle, found.st_mode & 0o700)


def _is_open_to_others(found: os.stat_result) -> bool:
    return hasattr(os, "getuid") and bool(found.st_mode & 0o077) and found.st_uid == os.getuid()


def _check_owner(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        raise OSError(errno.EINVAL, "it is no plain file")
    if not hasattr(os, "getuid"):
        return
    if found.st_uid not in (os.getuid(), 0):
        raise OSError(errno.EPERM, f"it belongs to another user ({found.st_uid})")
