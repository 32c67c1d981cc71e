"""Whether there are profiles at all, known before what they say is read."""

from __future__ import annotations

import tomllib

from mqtui.state.paths import config_dir

FILE = "profiles.toml"


def has_profiles() -> bool:
    """Whether the file has a profile, or a mistake that hides whether it has."""
    try:
        return bool(tomllib.loads((config_dir() / FILE).read_text(encoding="utf-8-sig")).get("profile"))
    except FileNotFoundError:
        return False
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return True
