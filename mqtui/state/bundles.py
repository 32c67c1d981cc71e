"""Bundles (C2): the exact bytes of letters, encrypted and on disk before the letters are removed from their source.

A file begins with a line that names the format and proves the key. Frames follow: length and CRC-32 (4 bytes each,
big-endian), then a Fernet token over the MessagePack of a batch. A frame that was torn by a crash is the last one, and
no letter of it had been removed.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import time
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from mqtui.domain.errors import Refused, StorageFailed
from mqtui.domain.message import Message
from mqtui.domain.raw_entries import RawEntries
from mqtui.state.fsync import append_whole, open_private, sync_folder
from mqtui.state.message_codec import decode_messages, encode_entries, encode_messages
from mqtui.state.paths import ensure_private_dir, state_dir

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

MAGIC = b"mqtui-bundle 1 "
FRAME = struct.Struct(">II")
DAY_S = 86_400


class Bundle:
    """The bundle of one run, open for appending. The file is made with the first letters.

    A resumed run appends; a frame that was torn by the crash is cut off first.
    """

    def __init__(self, run: str, key: bytes, folder: Path | None = None) -> None:
        """Open the run's bundle with a Fernet key (32 bytes, URL-safe base64).

        Raises:
            Refused: it is no Fernet key, or another one than the bundle was made with.
            StorageFailed: the file can't be read, or is damaged.
        """
        self.run = run
        self.path = bundle_path(run, folder)
        self._cipher = fernet_of(key)
        self._file: BinaryIO | None = None
        self._end = whole_length(self.path, self._cipher) if self.path.exists() else 0

    def append(self, letters: Sequence[Message], positions: Sequence[str]) -> None:
        """Append letters, each under its position in the journal. On disk when it returns, whole or not at all.

        Raises:
            StorageFailed: the disk is full or fails; nothing may be removed from the source.
        """
        if len(letters) != len(positions):
            raise ValueError(f"{len(letters)} letters and {len(positions)} positions")
        if letters:
            self._append_blob(encode_messages(letters, positions))

    def append_entries(self, letters: RawEntries) -> None:
        """Append raw entries, each under its id, as `append` does with messages."""
        if letters.entries:
            self._append_blob(encode_entries(letters))

    def _append_blob(self, blob: bytes) -> None:
        token = self._cipher.encrypt(blob)
        try:
            file = self._file or self._open()
            append_whole(file, self._end, FRAME.pack(len(token), zlib.crc32(token)) + token)
            self._end += FRAME.size + len(token)
        except OSError as error:
            raise StorageFailed(
                "The bundle can't be kept, and nothing is moved without it",
                f"{self.path}: {error.strerror or error}",
                "Free some space, or point MQTUI_STATE_DIR at another disk, then resume the run.",
            ) from error

    def read(self) -> Iterator[tuple[str, Message]]:
        """The letters so far, as the function `read` returns them."""
        return decrypt_messages(self.path, self._cipher)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Bundle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> BinaryIO:
        ensure_private_dir(self.path.parent)
        new = not self.path.exists()
        handle = open_private(self.path, os.O_RDWR | os.O_CREAT)
        file = os.fdopen(handle, "r+b", buffering=0)
        try:
            file.truncate(self._end)
            if self._end == 0:
                header = MAGIC + self._cipher.encrypt(self.run.encode()) + b"\n"
                append_whole(file, 0, header)
                self._end = len(header)
            if new:
                sync_folder(self.path.parent)
        except OSError:
            file.close()
            raise
        self._file = file
        return file


def read(run: str, key: bytes, folder: Path | None = None) -> Iterator[tuple[str, Message]]:
    """Each position in the journal with its letter, in the order appended; a position may come twice.

    Raises:
        Refused: it is no Fernet key, or another one than the bundle was made with.
        StorageFailed: there is no bundle, it can't be read, or a frame before the last is damaged.
    """
    return decrypt_messages(bundle_path(run, folder), fernet_of(key))


def exists(run: str, folder: Path | None = None) -> bool:
    """Whether the run has a bundle."""
    return bundle_path(run, folder).exists()


def delete_expired(days: int = 14, folder: Path | None = None) -> Sequence[str]:
    """Delete the bundles that nothing was appended to for that many days; returns their run ids."""
    root = folder or state_dir() / "bundles"
    before = time() - days * DAY_S
    gone = []
    for path in sorted(root.glob("*.bundle")):
        try:
            if path.stat().st_mtime < before:
                path.unlink()
                gone.append(path.stem)
        except FileNotFoundError:
            continue
    return gone


def bundle_path(run: str, folder: Path | None = None) -> Path:
    """The path of the bundle of a run."""
    return (folder or state_dir() / "bundles") / f"{run}.bundle"


def fernet_of(key: bytes) -> Fernet:
    """The cipher of a key.

    Raises:
        Refused: it is no Fernet key.
    """
    from cryptography.fernet import Fernet

    try:
        return Fernet(key)
    except ValueError:
        raise Refused(
            "The bundle key is no Fernet key", "It has to be 32 bytes in URL-safe base64.", "`mqtui key new` makes one."
        ) from None


def iter_frames(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """The end of each frame, and its token; None for a damaged or torn one."""
    size = os.fstat(file.fileno()).st_size
    while len(head := file.read(FRAME.size)) == FRAME.size:
        length, checksum = FRAME.unpack(head)
        end = file.tell() + length
        if end > size:
            yield size, None
            return
        token = file.read(length)
        yield end, token if length and zlib.crc32(token) == checksum else None


def iter_whole_frames(path: Path, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The end of each frame, and its token; a torn last frame is left out.

    Raises:
        StorageFailed: a frame before the last is damaged.
    """
    size = os.fstat(file.fileno()).st_size
    for end, token in iter_frames(file):
        if token is not None:
            yield end, token
        elif end < size and any(file.read(FRAME.size)):
            raise damaged_error(path, end)
        else:
            return


def damaged_error(path: Path, end: int) -> StorageFailed:
    """The error for a damaged frame that ends at that byte."""
    return StorageFailed(
        "The bundle is damaged",
        f"{path}, before byte {end:,}",
        "`mqtui runs putback RUN --dry-run` says which of its letters can still be put back.",
    )


@dataclass(frozen=True, slots=True)
class BundleContents:
    """The positions of the readable letters of a bundle; `damage` is "" where it is whole."""

    names: frozenset[str]
    damage: str = ""


def list_contents(run: str, key: bytes, folder: Path | None = None) -> BundleContents:
    """Read a bundle to its end, skipping damaged frames.

    Raises:
        Refused: it is no Fernet key, or another one than the bundle was made with.
        StorageFailed: there is no bundle, it is that of another run, or it can't be read.
    """
    found: set[str] = set()
    damages: list[str] = []
    for name, _ in read_damaged(run, key, damages.append, folder):
        found.add(name)
    return BundleContents(frozenset(found), damages[0] if damages else "")


def read_damaged(
    run: str, key: bytes, tell: Callable[[str], None], folder: Path | None = None
) -> Iterator[tuple[str, Message]]:
    """As `read`, but skips damaged frames and calls `tell` with each damage as text."""
    path, fernet = bundle_path(run, folder), fernet_of(key)
    count = 0
    try:
        with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
            if not read_header(path, file, fernet):
                tell("the bundle was emptied, or cut off in its first line")
                return
            for _, token in iter_frames(file):
                plain = None if token is None else _decrypted(fernet, token)
                if plain is None:
                    tell(f"the bundle is damaged from letter {count + 1:,} on")
                    continue
                for pair in decode_messages(plain):
                    count += 1
                    yield pair
    except OSError as error:
        raise StorageFailed("The bundle can't be read", f"{path}: {error.strerror or error}") from error


def _decrypted(fernet: Fernet, token: bytes) -> bytes | None:
    from cryptography.fernet import InvalidToken

    try:
        return fernet.decrypt(token)
    except InvalidToken:
        return None


def read_header(path: Path, file: BinaryIO, fernet: Fernet) -> bool:
    """Read and check the first line; False where the file was cut off within it, so that it has no letters.

    Raises:
        Refused: the bundle was made with another key.
        StorageFailed: it is no bundle, or that of another run.
    """
    from cryptography.fernet import InvalidToken

    line = file.readline()
    if not line.endswith(b"\n"):
        return False
    if not line.startswith(MAGIC):
        raise StorageFailed("This is no bundle of mqtui", str(path))
    try:
        run = fernet.decrypt(line[len(MAGIC) : -1])
    except InvalidToken:
        raise Refused(
            "The bundle was made with another key",
            str(path),
            "Use the keyring, MQTUI_BUNDLE_KEY or profile it was made with.",
        ) from None
    if run != path.stem.encode():
        raise StorageFailed(
            "The bundle is that of another run", f"{path} was made by run {run[:8].decode('ascii', 'replace').upper()}"
        )
    return True


def whole_length(path: Path, fernet: Fernet) -> int:
    """The number of bytes up to the end of the last whole frame."""
    try:
        with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
            if not read_header(path, file, fernet):
                return 0
            start = file.tell()
            return max((end for end, _ in iter_whole_frames(path, file)), default=start)
    except OSError as error:
        raise StorageFailed("The bundle can't be read", f"{path}: {error.strerror or error}") from error


def decrypt_messages(path: Path, fernet: Fernet) -> Iterator[tuple[str, Message]]:
    """The letters of a bundle, decrypted frame by frame."""
    from cryptography.fernet import InvalidToken

    try:
        with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
            if not read_header(path, file, fernet):
                return
            for end, token in iter_whole_frames(path, file):
                try:
                    plain = fernet.decrypt(token)
                except InvalidToken:
                    raise damaged_error(path, end) from None
                yield from decode_messages(plain)
    except OSError as error:
        raise StorageFailed("The bundle can't be read", f"{path}: {error.strerror or error}") from error
