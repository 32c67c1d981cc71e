"""SQLite files: write-ahead log, every commit on disk, errors as `domain.errors.StorageFailed`."""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mqtui.domain.errors import StorageFailed
from mqtui.state.file_lock import lock_file
from mqtui.state.fsync import check_private, open_private, sync_folder

BUSY_MS = 20_000


class Database:
    """One SQLite file. Threads may share it, one transaction at a time; so may processes.

    A later version keeps the tables and reads what an earlier one wrote.
    """

    def __init__(self, path: Path, *schemas: tuple[int, str]) -> None:
        """Open, or create with mode 0600. `schemas` are SQL statements by the format version that added them.

        Raises:
            StorageFailed: it can't be opened, or a newer version of mqtui wrote it.
        """
        self.path = path
        self._lock = threading.RLock()
        with self._translated():
            if path.exists() and not os.access(path, os.W_OK):
                self._open_to_read(schemas)
            else:
                self._open_to_write(schemas)

    def _open_to_read(self, schemas: Sequence[tuple[int, str]]) -> None:
        """Open a file of a read-only file system, where SQLite can't make the files of its log."""
        check_private(self.path)
        log = self.path.with_name(f"{self.path.name}-wal")
        unchanging = "" if log.exists() and log.stat().st_size else "&immutable=1"
        self._connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=ro{unchanging}",
            BUSY_MS / 1000,
            isolation_level=None,
            check_same_thread=False,
            uri=True,
        )
        found = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if found != schemas[-1][0]:
            self.close()
            raise StorageFailed(f"{self.path} has the format of another mqtui", "It can't be changed to be read.")

    def _open_to_write(self, schemas: Sequence[tuple[int, str]]) -> None:
        path = self.path
        with lock_file(path.with_suffix(".lock")):
            if path.exists() or path.is_symlink():
                check_private(path)
            else:
                os.close(open_private(path, os.O_RDWR | os.O_CREAT))
                sync_folder(path.parent)
            self._connection = sqlite3.connect(path, BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._upgrade(schemas)

    def _upgrade(self, schemas: Sequence[tuple[int, str]]) -> None:
        version = schemas[-1][0]
        with self.transaction() as connection:
            found = connection.execute("PRAGMA user_version").fetchone()[0]
            for since, statements in schemas:
                for statement in statements.split(";") if found < since else ():
                    connection.execute(statement)
            if found < version:
                connection.execute(f"PRAGMA user_version={version:d}")
        if found > version:
            self.close()
            raise StorageFailed(
                f"{self.path} was written by a newer mqtui", f"It has format {found}, this one knows {version}."
            )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: on disk when the block is left, rolled back when it raises.

        Raises:
            StorageFailed: the disk is full, or the file is damaged or locked for too long.
        """
        with self._lock, self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A read transaction, against one state of the file. Blobs are decoded within it, so that damage is reported.

        Raises:
            StorageFailed: the file is damaged or locked for too long.
        """
        with self._lock, self._translated():
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            except (ValueError, TypeError, AssertionError, zlib.error) as error:
                raise damaged_error(self.path, f"{type(error).__name__} in what was written: {error}") from error
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise _to_domain_error(self.path, error) from error
        except UnicodeDecodeError as error:
            raise damaged_error(self.path, "its texts are no texts any more") from error


FULL = (errno.ENOSPC, errno.EDQUOT)
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _to_domain_error(path: Path, error: sqlite3.Error | OSError) -> StorageFailed:
    """The error with the reason of the system or of SQLite, and what to do."""
    if isinstance(error, OSError):
        full, reason = error.errno in FULL, error.strerror or str(error)
    else:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in DAMAGED or (isinstance(error, sqlite3.OperationalError) and "UTF-8" in str(error)):
            return damaged_error(path, str(error))
        full, reason = code == sqlite3.SQLITE_FULL, str(error)
    hint = "Free some space and try again." if full else "MQTUI_STATE_DIR names another folder."
    return StorageFailed(f"{path} can't be kept", reason, hint)


def damaged_error(path: Path, reason: str) -> StorageFailed:
    """The error for a damaged file."""
    what = "journal of runs" if path.name == "runs.sqlite" else "file"
    bundles = len(list((path.parent / "bundles").glob("*.bundle"))) if what != "file" else 0
    kept = f" The bundles beside it are files of their own: {bundles:,} of them." if bundles else ""
    hint = f"Move it away: a new one is begun. `sqlite3 {path.name} .recover` saves what can be read of the old one."
    return StorageFailed(f"The {what} is damaged", f"{path}: {reason}.{kept}", hint)
