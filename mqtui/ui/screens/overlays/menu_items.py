"""The actions of a screen as menu items; disabled ones say why."""

from __future__ import annotations

from collections.abc import Iterable

from mqtui.ui.actions import ACTIONS, BY_ID, Action
from mqtui.ui.console_api import ScreenApi
from mqtui.ui.render.overlays.menu_items import MenuItem

MOVES = ("nav.down", "nav.up", "nav.page_down", "nav.page_up", "nav.top", "nav.bottom", "nav.left", "nav.right")


def menu_item(screen: ScreenApi, action: Action) -> MenuItem:
    """An action as a menu item of a screen."""
    return MenuItem(
        id=action.id,
        title=screen.action_title(action),
        help=action.help,
        do=lambda: screen.perform(action.id),
        key=screen.console.keymap.shown(action.id),
        kind="look",
        reason=screen.disabled_reason(action) or "",
        changes=action.changes,
    )


def menu_items(screen: ScreenApi) -> list[MenuItem]:
    """All actions of a screen: those of its hints first, then its other own ones, then global ones."""
    own = [BY_ID[name] for name in dict.fromkeys((*screen.hint_actions, *_own(screen)))]
    everywhere = [action for action in ACTIONS if screen.concerns(action) and action not in own]
    ordered = sorted((*own, *everywhere), key=lambda action: action.id in MOVES)
    return [menu_item(screen, action) for action in ordered if not action.later]


def row_menu_items(screen: ScreenApi) -> list[MenuItem]:
    """The actions for the row under the cursor: those of the hints first, then the screen's other own ones."""
    named = [name for name in screen.hint_actions if name != "nav.back"]
    return [menu_item(screen, BY_ID[name]) for name in dict.fromkeys((*named, *_of_a_row(screen)))]


def _own(screen: ScreenApi) -> Iterable[str]:
    return (name for name in screen.own_actions if name not in screen.lacks)


def _of_a_row(screen: ScreenApi) -> Iterable[str]:
    return (name for name in _own(screen) if name not in MOVES and name != "nav.back")
