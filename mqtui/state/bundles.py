"""Bundles (C2): the exact bytes of letters, encrypted and on disk before they are removed from where they were.

A file is a line that says what it is and proves the key, then blocks: length and CRC-32 (4 bytes each, big-endian) and
a Fernet token over the MessagePack of a batch. A block torn by a crash is the last one and was never relied on.
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
from mqtui.state.fsync import append_whole, open_private, sync_folder
from mqtui.state.message_codec import decode_messages, encode_messages
from mqtui.state.paths import ensure_private_dir, state_dir

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

MAGIC = b"mqtui-bundle 1 "
FRAME = struct.Struct(">II")
DAY_S = 86_400


class Bundle:
    """The bundle of one run, open for appending. Nothing is on disk before the first letters are.

    A resumed run appends to what is there; a block torn by the crash is cut off first.
    """

    def __init__(self, run: str, key: bytes, folder: Path | None = None) -> None:
        """Open the run's bundle with a Fernet key (32 bytes, URL-safe base64).

        Raises:
            Refused: the key is none, or not the one the bundle was made with.
            StorageFailed: the file can't be read, or is damaged.
        """
        self.run = run
        self.path = bundle_path(run, folder)
        self._cipher = fernet_of(key)
        self._file: BinaryIO | None = None
        self._end = whole_length(self.path, self._cipher) if self.path.exists() else 0

    def append(self, letters: Sequence[Message], positions: Sequence[str]) -> None:
        """Keep letters, each under its position in the journal. On disk when it returns, whole or not at all.

        Raises:
            StorageFailed: the disk is full or fails; nothing may be removed from the source.
        """
        if len(letters) != len(positions):
            raise ValueError(f"{len(letters)} letters and {len(positions)} positions")
        if not letters:
            return
        token = self._cipher.encrypt(encode_messages(letters, positions))
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
        """As the function `read`, for what was appended so far."""
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
    """Position in the journal and letter, in the order they were kept; a position kept twice comes twice.

    Raises:
        Refused: the key is none, or not the one the bundle was made with.
        StorageFailed: there is no bundle, it can't be read, or a block before the last is damaged.
    """
    return decrypt_messages(bundle_path(run, folder), fernet_of(key))


def exists(run: str, folder: Path | None = None) -> bool:
    """Whether the run has a bundle."""
    return bundle_path(run, folder).exists()


def delete_expired(days: int = 14, folder: Path | None = None) -> Sequence[str]:
    """Delete bundles nothing was added to for that many days; the runs they were of."""
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
    """Where the bundle of a run is."""
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
    """Where each block ends, and its token; None for one that is damaged or torn."""
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
    """Where each whole block ends, and its token; a torn last one is passed over.

    Raises:
        StorageFailed: a block before the last is damaged.
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
    """A block before a place can't be read."""
    return StorageFailed(
        "The bundle is damaged",
        f"{path}, before byte {end:,}",
        "`mqtui runs putback RUN --dry-run` says which of its letters can still be put back.",
    )


@dataclass(frozen=True, slots=True)
class BundleContents:
    """The letters of a bundle that can be read, by their names in the journal; `damage` is "" where it is whole."""

    names: frozenset[str]
    damage: str = ""


def list_contents(run: str, key: bytes, folder: Path | None = None) -> BundleContents:
    """Read a bundle to its end, past what is damaged.

    Raises:
        Refused: the key is none, or not the one the bundle was made with.
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
    """As `read`, past what is damaged: `tell` is called with each damage in words."""
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
    """Read the first line; False where the bundle was cut off within it, so that it holds nothing.

    Raises:
        Refused: it was made with another key.
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
    """Bytes up to the end of the last whole block."""
    try:
        with os.fdopen(open_private(path, os.O_RDONLY), "rb") as file:
            if not read_header(path, file, fernet):
                return 0
            start = file.tell()
            return max((end for end, _ in iter_whole_frames(path, file)), default=start)
    except OSError as error:
        raise StorageFailed("The bundle can't be read", f"{path}: {error.strerror or error}") from error


def decrypt_messages(path: Path, fernet: Fernet) -> Iterator[tuple[str, Message]]:
    """The letters of a bundle, a block decrypted at a time."""
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
