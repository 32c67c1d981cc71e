"""What stands in a list's own place where it has no rows."""

from __future__ import annotations

from collections.abc import Sequence

from textual.strip import Strip

from mqtui.ui.glyphs import Glyphs
from mqtui.ui.render.text import Text, folded
from mqtui.ui.widgets import tones
from mqtui.ui.widgets.tones import Tones


def drawn_instead(lines: Sequence[Text], y: int, width: int, margin: int, glyphs: Glyphs, shades: Tones) -> Strip:
    """One line of the screen out of these lines, folded between margins."""
    blank = shades.style("text")
    room = max(10, width - 2 * margin)
    told = [part for line in lines for part in folded([(glyphs(text), tone) for text, tone in line], room)]
    if y >= len(told):
        return Strip.blank(width, blank)
    runs = [tones.segment(text, shades.style(tone)) for text, tone in told[y]]
    return Strip([tones.segment(" " * margin, blank), *runs]).adjust_cell_length(width, blank)
