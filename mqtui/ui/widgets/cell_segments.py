"""Cells and titles of a list's columns, as Textual draws them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.segment import Segment
from rich.style import Style

from mqtui.ui.glyphs import Glyphs
from mqtui.ui.render.table_model import GAP, Cell, Column, FittedColumns, align, shorten_middle
from mqtui.ui.widgets.theme_styles import segment


def cell_segments(
    cells: Sequence[Cell], fitted: FittedColumns, glyphs: Glyphs, style: Callable[[str], Style]
) -> list[Segment]:
    """The cells of a row in the columns that have room. `style` is that of a tone."""
    segments: list[Segment] = []
    gap = segment(" " * GAP, style("text"))
    for number, (index, column, width) in enumerate(fitted):
        if number:
            segments.append(gap)
        text, tone = cells[index]
        if column.shorter is not None:
            text = column.shorter(text, width)
        if column.is_name:
            text = shorten_middle(glyphs(text), width)
        shown = align(glyphs(text[-width:] if column.trend else text), width, right=column.right)
        segments.append(segment(glyphs.cut(shown), style(tone)))
    return segments


def title_segments(
    fitted: FittedColumns, gutter: int, glyphs: Glyphs, style: Callable[[str], Style], ordered: tuple[str, str]
) -> list[Segment]:
    """The titles of columns, after a gutter. `ordered` is the key of the column that rows are ordered by, and an arrow.

    The arrow takes no room from the title: where its cell is full, it stands in the gap before it or after it.
    """
    key, arrow = ordered
    segments: list[Segment] = []
    after = ""
    for number, (_, column, width) in enumerate(fitted):
        chosen = column.key == key
        title = glyphs.cut(align(column.title, width, right=column.right))
        gap = " " * ((GAP if number else gutter) - len(after))
        if after:
            segments.append(segment(glyphs(after), style("accent")))
        after = ""
        if chosen and column.right:
            name = title.lstrip()
            gap, title = (gap + title[: width - len(name)])[:-1], arrow + name
        elif chosen:
            name = title.rstrip()
            title = f"{name} {arrow}" if len(name) + 1 < width else name + arrow
            title, after = title[:width].ljust(width), title[width:]
        segments += [segment(gap, style("muted")), segment(glyphs(title), style("accent" if chosen else "muted"))]
    return [*segments, segment(glyphs(after), style("accent"))] if after else segments


def column_at(fitted: FittedColumns, x: int) -> Column | None:
    """The column whose title is at a cell, or in the gap after it; None beyond the last. `x` is 0 where cells begin."""
    end = 0
    for _, column, width in fitted:
        end += width + GAP
        if x < end:
            return column
    return None
