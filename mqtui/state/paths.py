"""The folders of configuration, state and cache."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import platformdirs

from mqtui.domain.errors import StorageFailed
from mqtui.state.fsync import sync_folder

NAME = "mqtui"
ELSEWHERE = "MQTUI_STATE_DIR and MQTUI_CONFIG_DIR name other folders."


class DirectoryNotCreated(StorageFailed):
    """A folder does not exist and can't be made."""


def config_dir() -> Path:
    """The folder of profiles.toml: `MQTUI_CONFIG_DIR`, or the platform's. Made with mode 0700 where it is missing.

    Where it can't be made it counts as empty: reading works without it.

    Raises:
        StorageFailed: it belongs to another user, or everybody may write to it.
    """
    folder = _chosen("MQTUI_CONFIG_DIR") or platformdirs.user_config_path(NAME, appauthor=False)
    try:
        return ensure_private_dir(folder)
    except DirectoryNotCreated:
        return folder


def state_dir() -> Path:
    """The folder of journal, audit and bundles: `MQTUI_STATE_DIR`, or the platform's. Made as `config_dir`."""
    return ensure_private_dir(_chosen("MQTUI_STATE_DIR") or platformdirs.user_state_path(NAME, appauthor=False))


def cache_dir() -> Path:
    """The folder of what can be downloaded again: `MQTUI_CACHE_DIR`, or the platform's. Made as `config_dir`."""
    return ensure_private_dir(_chosen("MQTUI_CACHE_DIR") or platformdirs.user_cache_path(NAME, appauthor=False))


def shipped_themes() -> Path:
    """The folder of the themes that come with mqtui: inside the package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "themes"
    return inside if inside.is_dir() else package.parent / "themes"


def ensure_private_dir(folder: Path) -> Path:
    """Make the folder with mode 0700 where it is missing, with its name on disk; returns it.

    Raises:
        CannotMake: it can't be made.
        StorageFailed: it belongs to another user, or everybody may write to it.
    """
    try:
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            sync_folder(folder.parent)
        found = folder.stat()
    except OSError as error:
        raise DirectoryNotCreated(
            f"The folder {folder} can't be made", error.strerror or str(error), ELSEWHERE
        ) from error
    if hasattr(os, "getuid") and found.st_uid not in (os.getuid(), 0):
        raise StorageFailed(f"The folder {folder} is not yours", f"It belongs to user {found.st_uid}.", ELSEWHERE)
    if found.st_mode & stat.S_IWOTH:
        why = "Everybody may write there, so what lies in it proves nothing."
        raise StorageFailed(f"The folder {folder} is open to everybody", why, f"chmod o-w {folder}. {ELSEWHERE}")
    return folder


def _chosen(variable: str) -> Path | None:
    text = os.environ.get(variable, "")
    return Path(text).expanduser() if text else None
