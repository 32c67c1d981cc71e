"""Bytes and names that are on disk when the call returns."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO


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
    """Put the names in a folder on disk: a new file is only safe once its folder is synced.

    Raises:
        OSError: as the system says.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
