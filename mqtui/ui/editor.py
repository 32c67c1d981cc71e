"""The user's editor, run in the console's terminal."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from textual.app import App

from mqtui.brokers.blocking import run_to_end_in_thread


def editor() -> list[str]:
    """The command of $VISUAL or $EDITOR; empty where neither is set."""
    return shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "")


async def edit_text(app: App[Any], text: str, suffix: str) -> str | None:
    """The text after it was edited; None where no editor is set, or there is no terminal for it.

    Background work goes on meanwhile; nothing is drawn.
    """
    command = editor()
    if not command or app.is_web or app.is_headless:
        return None
    with app.batch_update(), app.suspend(), _interrupts_left_to_the_editor():
        return await run_to_end_in_thread("editor", partial(_edit, command, text, suffix))


def _edit(command: list[str], text: str, suffix: str) -> str:
    """Run the editor on a temporary file (0600), which is removed afterwards."""
    handle, name = tempfile.mkstemp(prefix="mqtui-", suffix=suffix)
    file = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)
        subprocess.run([*command, name], check=False)
        return file.read_text(encoding="utf-8", errors="surrogateescape")
    finally:
        file.unlink(missing_ok=True)


@contextmanager
def _interrupts_left_to_the_editor() -> Iterator[None]:
    """Ignore ctrl+c here: the terminal sends it to the editor and to us."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
