"""Styles by tone, for widgets that draw their own lines."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.app import App

from mqtui.domain.printable import printable
from mqtui.ui.theme import TOKENS

WITHOUT_COLOUR: Mapping[str, Style] = {
    "danger": Style(bold=True),
    "dead": Style(bold=True),
    "warn": Style(bold=True),
    "mark": Style(bold=True),
    "price": Style(bold=True),
    "muted": Style(dim=True),
    "stale": Style(dim=True, italic=True),
    "rule": Style(dim=True),
    "accent": Style(bold=True),
}


class ThemeStyles:
    """The styles of a theme. Without colours the cursor is reversed, danger bold and muted dim."""

    def __init__(self, tokens: Mapping[str, str], *, colour: bool = True) -> None:
        self._tokens = tokens
        self._colour = colour
        self.style = lru_cache(maxsize=256)(self._style)

    def _style(self, tone: str, ground: str = "surface", *, bold: bool = False) -> Style:
        """A text tone on a background (`surface`, `raised` or `cursor`)."""
        weight = Style(bold=True) if bold else Style()
        if not self._colour:
            return weight + (Style(reverse=True) if ground == "cursor" else WITHOUT_COLOUR.get(tone, Style()))
        italic = True if tone == "stale" else None
        return Style(color=self._tokens.get(tone or "text"), bgcolor=self._tokens[ground], italic=italic) + weight


STRUCK = Style(strike=True)
"""Added to the style of a row that is not there any more."""


def segment(text: str, style: Style | None) -> Segment:
    """Text in a style, without control characters: every line that a widget draws is made of these (C12)."""
    return Segment(printable(text), style)


def styles_of(app: App[object]) -> ThemeStyles:
    """The styles of the app's theme."""
    variables = app.theme_variables
    tokens = {name: variables[name.replace("_", "-")] for name in TOKENS if name.replace("_", "-") in variables}
    return ThemeStyles(tokens, colour=not app.no_color)
