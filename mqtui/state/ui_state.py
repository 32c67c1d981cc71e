"""What a person did last: the theme that was chosen, and when each profile was used. Nothing depends on it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from mqtui.domain.errors import StorageFailed
from mqtui.state.fsync import open_private
from mqtui.state.paths import state_dir

FILE = "console.json"


@dataclass(slots=True)
class UiState:
    """What the console remembers. `used` is the last use of each profile, in seconds since the epoch."""

    theme: str = ""
    used: dict[str, float] = field(default_factory=dict)


def load() -> UiState:
    """The stored state; the initial one where there is no file or it can't be read."""
    try:
        return msgspec.json.decode(_file().read_bytes(), type=UiState)
    except (OSError, StorageFailed, msgspec.MsgspecError):
        return UiState()


def save(kept: UiState) -> None:
    """Store the state, replacing the file.

    Raises:
        StorageFailed: the folder or the file can't be written.
    """
    file = _file()
    fresh = file.with_suffix(f".{os.getpid()}")
    try:
        with os.fdopen(open_private(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as open_file:
            open_file.write(msgspec.json.encode(kept))
        fresh.replace(file)
    except OSError as error:
        raise StorageFailed(f"{file} can't be written", error.strerror or str(error)) from error


def _file() -> Path:
    return state_dir() / FILE
