"""Copying: `y` and a second key that says which part of the row."""

from __future__ import annotations

from collections.abc import Mapping

from mqtui.ui import clipboard
from mqtui.ui.screens.console_screen import ConsoleScreen


async def copy_choice(screen: ConsoleScreen, parts: Mapping[str, tuple[str, str]]) -> None:
    """Ask which part to copy, copy it, and say how. `parts` maps the second key to the part's name and text."""
    typed = ""

    def heard(text: str) -> None:
        nonlocal typed
        typed = text[:1]
        screen.prompt_line.cancel()

    asked = " · ".join(f"{key} {name}" for key, (name, _) in parts.items())
    entered = await screen.prompt_line.ask("copy", beside=f"{asked} · esc", changed=heard)
    name, text = parts.get((typed or entered or "").lower(), ("", ""))
    if not text:
        screen.prompt_line.flash(f"there is no {name}" if name else "nothing copied", "text")
        return
    way = await clipboard.copy(text, screen.console.copy_to_clipboard)
    failed = way.startswith("not ")
    screen.prompt_line.flash(f"{name}: {way}" if failed else f"{name} copied {way}: {text}", "warn" if failed else "ok")
