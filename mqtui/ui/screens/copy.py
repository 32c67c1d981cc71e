"""Copying: `y` and a second key that says which part of the row."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeAlias

from mqtui.domain.errors import MqtuiError
from mqtui.ui import clipboard
from mqtui.ui.screens.console_screen import ConsoleScreen

CopyChoices: TypeAlias = Mapping[str, tuple[str, str | Callable[[], str]]]
"""Parts of a row by the second key: a name, and a text or a function that reads it (in a thread, once it is chosen)."""


async def copy_choice(screen: ConsoleScreen, parts: CopyChoices) -> None:
    """Ask which part to copy, copy it, and say how."""
    typed = ""

    def heard(text: str) -> None:
        nonlocal typed
        typed = text[:1]
        screen.prompt_line.cancel()

    asked = " · ".join(f"{key} {name}" for key, (name, _) in parts.items())
    entered = await screen.prompt_line.ask("copy", beside=f"{asked} · esc", changed=heard)
    name, source = parts.get((typed or entered or "").lower(), ("", ""))
    try:
        text = source if isinstance(source, str) else await asyncio.to_thread(source)
    except MqtuiError as error:
        screen.show_error(error)
        return
    if not text:
        screen.prompt_line.flash(f"there is no {name}" if name else "nothing copied", "text")
        return
    way = await clipboard.copy(text, screen.console.copy_to_clipboard)
    failed = way.startswith("not ")
    said = f"{name}: {way}" if failed else f"{name} copied {way}: {text.splitlines()[0]}"
    screen.prompt_line.flash(said, "warn" if failed else "ok")
