"""The user's editor, with the terminal lent to it."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from textual.app import App


def editor() -> list[str]:
    """The user's editor and its arguments; empty where none is named."""
    return shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "")


def edited(app: App[Any], text: str, suffix: str) -> str | None:
    """The text as the editor left it; None where there is no editor, or the terminal can't be lent.

    The file is the user's own (0600) and is removed afterwards.
    """
    command = editor()
    if not command or app.is_web or app.is_headless:
        return None
    handle, name = tempfile.mkstemp(prefix="mqtui-", suffix=suffix)
    file = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)
        with app.suspend():
            subprocess.run([*command, name], check=False)
        return file.read_text(encoding="utf-8", errors="surrogateescape")
    finally:
        file.unlink(missing_ok=True)
