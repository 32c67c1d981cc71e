"""What of a pane's title has room: facts leave one by one, then the name is shortened in its middle."""

from __future__ import annotations

from rich.cells import cell_len

from mqtui.domain.printable import printable
from mqtui.ui.render.table_model import shorten_middle

SEPARATOR = " · "
FRAME = 5
"""Cells of the rules and blanks around name and facts: `─ name ` and ` facts ─`, with a rule of one cell between."""

LEAST_NAME = 16
"""Cells of a name that the last fact does not take."""


def fit_title(name: str, facts: str, width: int, least: str = "") -> tuple[str, str]:
    """Name and facts in so many cells. The fact `least` leaves first, then from the last one on; the first stays long.

    Of `profile/broker: what` only the profile is shortened, as long as that is enough.
    """
    name, parts = printable(name), [part for part in printable(facts).split(SEPARATOR) if part]
    room = width - FRAME

    def over(wanted: int) -> int:
        taken = cell_len(SEPARATOR.join(parts))
        return wanted + (taken + 2 if taken else 0) - room

    if over(cell_len(name)) > 0 and len(parts) > 1 and printable(least) in parts:
        parts.remove(printable(least))
    while len(parts) > 1 and over(cell_len(name)) > 0:
        del parts[-1]
    if parts and over(min(cell_len(name), LEAST_NAME)) > 0:
        parts.clear()
    return _shorten(name, cell_len(name) - max(0, over(cell_len(name)))), SEPARATOR.join(parts)


def _shorten(name: str, width: int) -> str:
    place, colon, what = name.partition(": ")
    profile, slash, broker = place.rpartition("/")
    kept = cell_len(f"{slash}{broker}{colon}{what}")
    if colon and slash and width - kept >= 3:
        return f"{shorten_middle(profile, width - kept)}{slash}{broker}{colon}{what}"
    return shorten_middle(name, width)
