"""The file of the profiles, and whether it has any: asked at start, before profiles are parsed."""

from __future__ import annotations

import tomllib

from mqtui.state.paths import config_dir

FILE = "profiles.toml"


def has_profiles() -> bool:
    """Whether the file has a profile; also true where it can't be parsed."""
    try:
        return bool(tomllib.loads((config_dir() / FILE).read_text(encoding="utf-8-sig")).get("profile"))
    except FileNotFoundError:
        return False
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return True
