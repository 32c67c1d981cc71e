"""Signs and their ASCII forms. All are one cell wide and none is drawn as an emoji anywhere."""

from __future__ import annotations

import locale
import os
import sys
from dataclasses import dataclass

from mqtui.domain.printable import CONTROL_PICTURES, printable

FORMS = {
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
PLAIN = ("C", "POSIX")
"""Locales without UTF-8."""

BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = " .:-=+*#"
CARETS = {picture: f"^{chr(code ^ 0x40)}" for code, picture in CONTROL_PICTURES.items()}
"""Control pictures in caret notation: `^[` for escape, `^?` for delete."""

TO_ASCII = str.maketrans({**FORMS, **CARETS, **dict(zip(BARS[:-1], ASCII_BARS, strict=False))})


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Draws text with the signs this terminal has. Whatever is drawn passes here (rule C12)."""

    ascii_only: bool = False

    def __call__(self, text: str) -> str:
        """The text as it may reach the terminal, on one line; in ASCII where it has to be."""
        text = printable(text)
        return text.translate(TO_ASCII) if self.ascii_only and not text.isascii() else text

    def cut(self, text: str) -> str:
        """A text that was cut to its cell: where it ends is shown in one cell in ASCII too."""
        return text.replace("…", ">") if self.ascii_only else text

    @property
    def bars(self) -> str:
        """Eight heights for a spark, the lowest is zero."""
        return ASCII_BARS if self.ascii_only else BARS


def wanted(*, asked: bool) -> bool:
    """Whether only ASCII can be drawn: asked for, a Linux console, or a locale that is not UTF-8."""
    forced = os.environ.get("LC_ALL") or os.environ.get("LANG", "")
    kind = os.environ.get("LC_CTYPE", "")
    if forced in PLAIN and (os.environ.get("LC_ALL") or kind in ("", *PLAIN, "C.UTF-8")):
        return True  # Python itself takes such a locale for UTF-8 and sets LC_CTYPE so
    encoding = (sys.stdout.encoding or locale.getpreferredencoding(False) or "").lower().replace("-", "")
    return asked or os.environ.get("TERM") in ("linux", "dumb") or encoding != "utf8"
