"""What a place offers: its actions, those possible now and those that say why not."""

from __future__ import annotations

from collections.abc import Iterable

from mqtui.ui.actions import ACTIONS, BY_ID, Action
from mqtui.ui.render.overlays.menu_items import MenuItem
from mqtui.ui.screens.console_screen import ConsoleScreen

MOVES = ("nav.down", "nav.up", "nav.page_down", "nav.page_up", "nav.top", "nav.bottom", "nav.left", "nav.right")


def offer(place: ConsoleScreen, action: Action) -> MenuItem:
    """An action as a place offers it."""
    return MenuItem(
        id=action.id,
        title=place.title_of(action),
        help=action.help,
        do=lambda: place.perform(action.id),
        key=place.console.keymap.shown(action.id),
        sort="look",
        reason=action.later or place.obstacle(action) or "",
        changes=action.changes,
    )


def offers(place: ConsoleScreen) -> list[MenuItem]:
    """All that has to do with the place: first what its hints show, then its own, then what works everywhere.

    What later versions bring comes last.
    """
    own = [BY_ID[name] for name in dict.fromkeys((*place.hinted, *place.does_itself))]
    everywhere = [action for action in ACTIONS if place.offers(action) and action not in own]
    here = [*own, *everywhere]
    now = sorted((action for action in here if not action.later), key=lambda action: action.id in MOVES)
    later = [action for action in ACTIONS if action.later and (action in here or action.changes)]
    return [offer(place, action) for action in (*now, *later)]


def verbs(place: ConsoleScreen) -> list[MenuItem]:
    """What can be done with the row under the cursor: what its hints show, then what else the place does itself."""
    named = [name for name in place.hinted if name != "nav.back"]
    return [offer(place, BY_ID[name]) for name in dict.fromkeys((*named, *_own(place)))]


def _own(place: ConsoleScreen) -> Iterable[str]:
    return (name for name in place.does_itself if name not in MOVES and name != "nav.back")
