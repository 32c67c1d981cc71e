"""`y` and one more key: which part is copied."""

from __future__ import annotations

from collections.abc import Mapping

from mqtui.ui import clipboard
from mqtui.ui.screens.console_screen import ConsoleScreen


async def copied(place: ConsoleScreen, parts: Mapping[str, tuple[str, str]]) -> None:
    """Ask for the part by its key (key to name and text), copy it, and say which way it went."""
    typed = ""

    def heard(text: str) -> None:
        nonlocal typed
        typed = text[:1]
        place.line.leave()

    asked = " · ".join(f"{key} {name}" for key, (name, _) in parts.items())
    entered = await place.line.ask("copy", beside=f"{asked} · esc", changed=heard)
    name, text = parts.get((typed or entered or "").lower(), ("", ""))
    if not text:
        place.line.why_not(f"there is no {name}" if name else "nothing copied", "text")
        return
    way = await clipboard.copy(text, place.console.copy_to_clipboard)
    failed = way.startswith("not ")
    place.line.why_not(f"{name}: {way}" if failed else f"{name} copied {way}: {text}", "warn" if failed else "ok")
