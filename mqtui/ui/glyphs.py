"""The glyphs of the console and their ASCII forms. All are one cell wide, and no terminal draws one as an emoji."""

from __future__ import annotations

import locale
import os
import sys
from dataclasses import dataclass

from mqtui.domain.printable import CONTROL_PICTURES, printable

ASCII_FORMS = {
    "▌": ">",
    "●": "*",
    "○": "o",
    "†": "D",
    "▲": "!",
    "✗": "x",
    "✓": "+",
    "ø": "-",
    "·": ".",
    "≈": "~",
    "≥": ">=",
    "≤": "<=",
    "▸": ">",
    "▾": "v",
    "▼": "v",
    "─": "-",
    "═": "=",
    "│": "|",
    "→": ">",
    "├": "|",
    "└": "-",
    "┌": "+",
    "┐": "+",
    "┘": "+",
    "█": "#",
    "░": ".",
    "…": "...",
    "⇄": "<>",
    "↑": "^",
    "↓": "v",
    "←": "<",
    "▏": "|",
    "−": "-",
}
DRAWING = frozenset("▌─═│→├└┌┐┘░…⇄←−")
"""Glyphs that frame and join, and mean nothing by themselves."""

SIGNS = frozenset(ASCII_FORMS) - DRAWING
"""Glyphs with a meaning of their own: the help tells it."""

PLAIN = ("C", "POSIX")
"""Locales without UTF-8."""

BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = " .:-=+*#"
CARETS = {picture: f"^{chr(code ^ 0x40)}" for code, picture in CONTROL_PICTURES.items()}
"""Control pictures in caret notation: `^[` for escape, `^?` for delete."""

TO_ASCII = str.maketrans({**ASCII_FORMS, **CARETS, **dict(zip(BARS[:-1], ASCII_BARS, strict=False))})


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Converts text to what this terminal can draw. Everything that is drawn passes here (C12)."""

    ascii_only: bool = False

    def __call__(self, text: str) -> str:
        """The text without control characters, on one line; in ASCII where only that can be drawn."""
        text = printable(text)
        return text.translate(TO_ASCII) if self.ascii_only and not text.isascii() else text

    def cut(self, text: str) -> str:
        """A text that was cut to its cell: the ellipsis takes one cell in ASCII too."""
        return text.replace("…", ">") if self.ascii_only else text

    @property
    def bars(self) -> str:
        """Eight bar heights for a sparkline, the lowest for zero."""
        return ASCII_BARS if self.ascii_only else BARS


def needs_ascii(*, asked: bool) -> bool:
    """Whether to draw ASCII only: it was asked for, the terminal is a Linux console, or the locale is not UTF-8."""
    forced = os.environ.get("LC_ALL") or os.environ.get("LANG", "")
    kind = os.environ.get("LC_CTYPE", "")
    if forced in PLAIN and (os.environ.get("LC_ALL") or kind in ("", *PLAIN, "C.UTF-8")):
        return True  # Python itself takes such a locale for UTF-8 and sets LC_CTYPE so
    encoding = (sys.stdout.encoding or locale.getpreferredencoding(False) or "").lower().replace("-", "")
    return asked or os.environ.get("TERM") in ("linux", "dumb") or encoding != "utf8"
