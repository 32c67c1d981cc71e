"""Copying: by tmux, by the desktop's own program, or by the terminal (OSC 52); the way taken is told."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Mapping

PATIENCE = 2.0
"""Seconds a program may take."""

MOST_BY_TERMINAL = 74_000
"""Bytes by OSC 52: many terminals take 100,000 signs of base64 and drop a longer sequence."""


def programs(environment: Mapping[str, str], platform: str) -> list[tuple[str, list[str]]]:
    """The ways to try in order, each with its name. tmux drops OSC 52 by default, so it is asked itself."""
    found: list[tuple[str, list[str]]] = []
    if environment.get("TMUX"):
        found.append(("tmux", ["tmux", "load-buffer", "-w", "-"]))
    if platform == "darwin":
        found.append(("pbcopy", ["pbcopy"]))
    if environment.get("WAYLAND_DISPLAY"):
        found.append(("wl-copy", ["wl-copy"]))
    if environment.get("DISPLAY"):
        found.append(("xclip", ["xclip", "-selection", "clipboard"]))
    return found


async def copy(text: str, by_terminal: Callable[[str], None]) -> str:
    """Copy; the way it went, or why it did not ("" is never given).

    `by_terminal` writes the terminal's own sequence. It can't tell whether the terminal took it.
    """
    raw = text.encode("utf-8", "surrogateescape")
    for name, command in programs(os.environ, sys.platform):
        if shutil.which(command[0]) and await _piped(command, raw):
            return f"by {name}"
    if len(raw) > MOST_BY_TERMINAL:
        return "not copied: too long for the terminal, x writes it to a file"
    by_terminal(text)
    return "by the terminal (OSC 52)"


async def told(text: str, what: str, by_terminal: Callable[[str], None], say: Callable[[str, str], None]) -> None:
    """Copy, and say which way it went: `say` takes the words and their tone."""
    way = await copy(text, by_terminal)
    if way.startswith("not "):
        say(f"{what} {way}", "warn")
    else:
        say(f"{what} copied {way}, {len(text):,} signs", "ok")


async def _piped(command: list[str], raw: bytes) -> bool:
    """Whether the program took it. xclip stays behind with the text, so nothing of it is read."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    try:
        await asyncio.wait_for(process.communicate(raw), PATIENCE)
    except TimeoutError:
        process.kill()
        await process.wait()
        return False
    return process.returncode == 0
