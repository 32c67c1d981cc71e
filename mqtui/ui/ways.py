"""The ways that lead everywhere: home, views, back, go to, help, palette, quit. Screens are loaded when first shown."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mqtui.ui.app import Console

PLACES = {
    "home": ("mqtui.ui.screens.home", "HomePlace"),
    "nav.view_1": ("mqtui.ui.screens.destinations", "DestinationsPlace"),
    "nav.view_2": ("mqtui.ui.screens.groups", "GroupsPlace"),
    "nav.view_3": ("mqtui.ui.screens.radar", "RadarPlace"),
}


def place(name: str) -> Any:
    """The class of a place, loaded now."""
    module, kind = PLACES[name]
    return getattr(import_module(module), kind)


def ways(console: Console) -> dict[str, Callable[[], Any]]:
    """What can be done from anywhere, by action id."""
    known: dict[str, Callable[[], Any]] = {
        "start": console.first,
        "nav.home": console.home,
        "nav.back": console.back,
        "app.quit": console.quit,
        "nav.next_pane": lambda: console.screen.focus_next(),
        "nav.previous_pane": lambda: console.screen.focus_previous(),
    }
    for name in PLACES:
        if name.startswith("nav.view_"):
            known[name] = _view(console, name)
    return known


def _view(console: Console, name: str) -> Callable[[], Any]:
    return lambda: console.show(place(name)())
