"""The file of an export while it grows: complete lines beside the file, which appears only when it is whole."""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO, Self

from mqtui.brokers.blocking import run_in_thread
from mqtui.domain.errors import BadInput, Refused, StorageFailed
from mqtui.domain.figure import pluralize
from mqtui.state.fsync import append_whole, open_private, sync_folder

SUFFIX = ".part"
FLUSH_BYTES = 1 << 20
PIECE_BYTES = 1 << 18
BLOCK = 1 << 16

Check = Callable[[], None]
Convert = Callable[[Path, BinaryIO, Check], None]
"""Makes a file of a file of lines. It calls the check now and then, which raises CancelledError."""


class PartFile:
    """`FILE.part`, with mode 0600. It has only whole lines, unless its writer was killed; `resume` mends that.

    Lines are kept in memory until there is 1 MiB of them. Where writing fails, or is cancelled, what is there stays.
    """

    def __init__(self, file: Path) -> None:
        """`file` is what the export will be called."""
        self.file = file
        self.path = file.with_name(f"{file.name}{SUFFIX}")
        self.messages = 0
        """Lines that are on disk."""

        self._lines: list[bytes] = []
        self._waiting = 0
        self._size = 0
        self._is_behind = False
        """Whether lines were given to a thread that has not written them: nothing may follow them."""

        self._writing = threading.Lock()
        self._stopped = threading.Event()
        self._out: BinaryIO | None = None

    def create(self) -> None:
        """Make it.

        Raises:
            BadInput: it, or the file, is there already, or their folder is not.
            StorageFailed: it can't be made.
        """
        self._require_new()
        if self.path.exists():
            hint = "Add --resume to go on with it, or remove it."
            raise BadInput(f"{self.path} is there already", "It is what an export left that did not end.", hint)
        self._lock(self._open(os.O_CREAT | os.O_EXCL))

    def resume(self) -> None:
        """Open what an export left, without its last line where that is not whole. It may be missing: it is made.

        Raises:
            BadInput: the file is there already, or its folder is not.
            Refused: another export writes it.
            StorageFailed: it can't be opened or mended.
        """
        self._require_new()
        out = self._open(os.O_CREAT)
        self._lock(out)
        try:
            self._size = end_of_last_line(out)
            out.truncate(self._size)
        except OSError as error:
            raise self._failed(error) from error

    async def add(self, lines: Sequence[bytes]) -> None:
        """Add lines without their line ends.

        Raises:
            StorageFailed: the disk is full, for example; the lines before are kept.
        """
        self._lines += lines
        self._waiting += sum(map(len, lines))
        if self._waiting >= FLUSH_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Write all lines that were added, and sync them.

        Raises:
            StorageFailed: as `add`.
        """
        lines, self._lines, self._waiting = self._lines, [], 0
        self._is_behind = True
        await run_in_thread("export", partial(self._append, lines))

    async def finish(self, convert: Convert | None = None) -> int:
        """Write the rest and give it the file's name; the file's size. `convert` makes another file of it.

        Raises:
            StorageFailed: there is no room for it; the lines are kept.
            BadInput: a file of that name has come meanwhile.
        """
        await self.flush()
        try:
            return await asyncio.to_thread(self._finish, convert)
        except asyncio.CancelledError:
            self._stopped.set()
            raise

    def discard(self) -> None:
        """Remove it."""
        with self._writing:
            out, self._out = self._out, None
            if out is not None:
                out.close()
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Keep what was added so far, and close it; one without any message is removed."""
        with self._writing:
            out, self._out = self._out, None
            if out is None:
                return
            with out:
                if self._lines and not self._is_behind:
                    with suppress(OSError):
                        self._write(out, self._lines)
        if not self._size:
            self.path.unlink(missing_ok=True)

    # -- blocking

    def _require_new(self) -> None:
        if self.file.exists() or self.file.is_symlink():
            raise BadInput(f"{self.file} is there already", "", "Give another name: nothing is written over.")
        if not self.file.parent.is_dir():
            raise BadInput(f"There is no folder {self.file.parent}")

    def _open(self, flags: int) -> BinaryIO:
        try:
            self._out = os.fdopen(open_private(self.path, os.O_RDWR | flags), "r+b", buffering=0)
        except OSError as error:
            raise StorageFailed(f"{self.path} can't be written", error.strerror or str(error)) from error
        return self._out

    def _lock(self, out: BinaryIO) -> None:
        """Hold it alone until it is closed, so that no two exports go on with it."""
        try:
            fcntl.flock(out, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._out = None
            out.close()
            raise Refused(
                f"Another export writes {self.path}", "", "Wait for its end, or give another name."
            ) from error

    def _append(self, lines: Sequence[bytes]) -> None:
        with self._writing:
            if lines and self._out is not None:
                try:
                    for piece in _pieces(lines):
                        self._write(self._out, piece)
                except OSError as error:
                    raise self._failed(error) from error
            self._is_behind = False

    def _write(self, out: BinaryIO, lines: Sequence[bytes]) -> None:
        data = b"\n".join((*lines, b""))
        append_whole(out, self._size, data)
        self._size += len(data)
        self.messages += len(lines)

    def _finish(self, convert: Convert | None) -> int:
        with self._writing:
            out, self._out = self._out, None
            if out is not None:
                out.close()
        self._require_new()
        made = self.path
        try:
            if convert is not None:
                made = self.file.with_name(f".{self.file.name}.{os.getpid()}")
                self._convert(made, convert)
            made.rename(self.file)
            sync_folder(self.file.parent)
            if convert is not None:
                self.path.unlink()
            return self.file.stat().st_size
        except OSError as error:
            raise self._failed(error) from error

    def _convert(self, made: Path, convert: Convert) -> None:
        try:
            with os.fdopen(open_private(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as out:
                convert(self.path, out, self._require_going_on)
                out.flush()
                os.fsync(out.fileno())
        except BaseException:
            made.unlink(missing_ok=True)
            raise

    def _require_going_on(self) -> None:
        if self._stopped.is_set():
            raise asyncio.CancelledError

    def _failed(self, error: OSError) -> StorageFailed:
        kept = f"{pluralize(self.messages, 'message')} are in {self.path}."
        hint = "Make room, then give the same command with --resume: it goes on after them."
        return StorageFailed(f"{self.file} was not written in full", f"{error.strerror or error}. {kept}", hint)


def _pieces(lines: Sequence[bytes]) -> Iterator[list[bytes]]:
    """The lines in pieces that are written whole or not at all: of a full disk as much as fits."""
    piece, size = list[bytes](), 0
    for line in lines:
        if piece and size + len(line) > PIECE_BYTES:
            yield piece
            piece, size = [], 0
        piece.append(line)
        size += len(line)
    if piece:
        yield piece


def end_of_last_line(source: BinaryIO) -> int:
    """The number of bytes up to the last line end."""
    at = source.seek(0, os.SEEK_END)
    while at > 0:
        start = max(0, at - BLOCK)
        source.seek(start)
        found = source.read(at - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        at = start
    return 0
