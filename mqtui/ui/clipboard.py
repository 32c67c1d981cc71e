"""Copying to the clipboard: by tmux, a desktop program, or the terminal (OSC 52)."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Mapping

TIMEOUT = 2.0
"""Seconds a program may take."""

MAX_OSC52_BYTES = 74_000
"""Bytes by OSC 52: many terminals accept 100,000 characters of base64 and ignore a longer sequence."""


def programs(environment: Mapping[str, str], platform: str) -> list[tuple[str, list[str]]]:
    """Programs to try in order: (name, command). tmux drops OSC 52 by default, so it is called itself."""
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
    """Copy a text; how it was copied (`by tmux`), or why not (`not copied: …`).

    `by_terminal` writes OSC 52. Nothing tells whether the terminal supports it.
    """
    raw = text.encode("utf-8", "surrogateescape")
    for name, command in programs(os.environ, sys.platform):
        if shutil.which(command[0]) and await _pipe_to(command, raw):
            return f"by {name}"
    if len(raw) > MAX_OSC52_BYTES:
        return "not copied: too long for the terminal, x writes it to a file"
    by_terminal(text)
    return "by the terminal (OSC 52)"


async def copy_and_report(
    text: str, what: str, by_terminal: Callable[[str], None], say: Callable[[str, str], None]
) -> None:
    """Copy a text and say how: `say` takes a text and its tone."""
    way = await copy(text, by_terminal)
    if way.startswith("not "):
        say(f"{what} {way}", "warn")
    else:
        say(f"{what} copied {way}, {len(text):,} signs", "ok")


async def _pipe_to(command: list[str], raw: bytes) -> bool:
    """Whether the program succeeded. xclip stays in the background with the text, so its output is not read."""
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
        async with asyncio.timeout(TIMEOUT):
            await process.communicate(raw)
    except TimeoutError:
        process.kill()
        await process.wait()
        return False
    return process.returncode == 0
