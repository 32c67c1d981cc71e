"""Names that commands have met, by target: for completion in a shell. Nothing depends on them."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import time

from mqtui.domain.errors import StorageFailed
from mqtui.state.fsync import open_private
from mqtui.state.paths import ensure_private_dir, state_dir

FOLDER = "names"
MAX_NAMES = 5_000
"""Names of a kind that are kept: more would make a completion slow."""

FRESH_SECONDS = 60


@dataclass(slots=True)
class KnownNames:
    """Resources and groups of one target, and the causes of its dead letters: text by id, by resource."""

    resources: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    causes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: float = 0.0
    """When the resources and groups were asked for last, in seconds since the epoch."""

    @property
    def is_fresh(self) -> bool:
        """Whether asking again can wait."""
        return time() - self.asked < FRESH_SECONDS


def load_names(target: str) -> KnownNames:
    """What is known of a target; nothing where there is no file or it can't be read."""
    try:
        return KnownNames(**json.loads(_file(target).read_bytes()))
    except (OSError, ValueError, TypeError, StorageFailed):
        return KnownNames()


def store_names(target: str, names: KnownNames) -> None:
    """Keep them, as far as the folder can be written."""
    kept = KnownNames(names.resources[:MAX_NAMES], names.groups[:MAX_NAMES], names.causes, names.asked)
    with suppress(OSError, StorageFailed):
        file = _file(target)
        fresh = file.with_suffix(f".{os.getpid()}")
        with os.fdopen(open_private(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as open_file:
            open_file.write(json.dumps(asdict(kept)).encode())
        fresh.replace(file)


def _file(target: str) -> Path:
    """The target itself may hold a password, so that a hash names the file."""
    digest = hashlib.sha256(target.encode("utf-8", "surrogateescape")).hexdigest()
    return ensure_private_dir(state_dir() / FOLDER) / f"{digest[:32]}.json"
