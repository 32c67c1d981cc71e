"""What a list shows where it has no rows."""

from __future__ import annotations

from collections.abc import Sequence

from textual.strip import Strip

from mqtui.ui.glyphs import Glyphs
from mqtui.ui.render.styled_text import StyledLine, wrap_line
from mqtui.ui.widgets import theme_styles
from mqtui.ui.widgets.theme_styles import ThemeStyles


def render_placeholder(
    lines: Sequence[StyledLine], y: int, width: int, margin: int, glyphs: Glyphs, shades: ThemeStyles
) -> Strip:
    """One screen line of these lines, wrapped between margins."""
    blank = shades.style("text")
    room = max(10, width - 2 * margin)
    wrapped = [part for line in lines for part in wrap_line([(glyphs(text), tone) for text, tone in line], room)]
    if y >= len(wrapped):
        return Strip.blank(width, blank)
    runs = [theme_styles.segment(text, shades.style(tone)) for text, tone in wrapped[y]]
    return Strip([theme_styles.segment(" " * margin, blank), *runs]).adjust_cell_length(width, blank)
