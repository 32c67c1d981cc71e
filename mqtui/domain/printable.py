"""Makes text from brokers safe to print: all of it passes `printable` before it reaches a terminal (C12).

Names, header names, error texts and bodies may hold any characters: escape sequences that set the title of a window or
the clipboard, line breaks that forge rows, marks that reverse the direction of text.
"""

from __future__ import annotations

import unicodedata

CONTROL_PICTURES = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "\u2421"}
ESCAPED_BYTES = {0xDC00 + byte: f"\\x{byte:02x}" for byte in range(0x80, 0x100)}
"""Bytes that are not UTF-8, as Python's `surrogateescape` keeps them."""

UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's general categories of controls, formats, lone surrogates, line and paragraph separators."""


class _Signs(dict[int, str]):
    """A table for `str.translate` that is filled on demand."""

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        shown = f"<U+{code:04X}>" if unicodedata.category(sign) in UNPRINTABLE else sign
        if len(self) < 100_000:
            self[code] = shown
        return shown


_SIGNS = _Signs(CONTROL_PICTURES | ESCAPED_BYTES)


def printable(text: str) -> str:
    r"""The text on one line, with a visible sign for each character that a terminal would act on.

    C0 controls become control pictures (`␛`, `␊`), bytes that are not UTF-8 `\xff`, other controls and formats their
    number (`<U+202E>`). What is printable stays as it is, so a second pass changes nothing.
    """
    return text if text.isprintable() else text.translate(_SIGNS)
