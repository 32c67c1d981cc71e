"""Scrollbars in characters that the terminal has."""

from __future__ import annotations

from typing import ClassVar

from textual.scrollbar import ScrollBar, ScrollBarRender


class AsciiScrollBar(ScrollBarRender):
    """A scrollbar without half blocks, which ASCII lacks."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * len(ScrollBarRender.VERTICAL_BARS)
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * len(ScrollBarRender.HORIZONTAL_BARS)


def draw_scrollbars(*, ascii_only: bool) -> None:
    """Choose how scrollbars are drawn, for all of them."""
    ScrollBar.renderer = AsciiScrollBar if ascii_only else ScrollBarRender
