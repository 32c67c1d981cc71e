"""Regular expressions of users, by RE2: linear time in the length of the text, whatever the expression (C15)."""

from __future__ import annotations

import re
from collections.abc import Callable

from mqtui.domain.errors import BadInput

REGEX_MEMORY = 8 * 1024 * 1024
"""Bytes a compiled regular expression may take."""

SPECIAL = re.compile(r"[\\.^$*+?{}\[\]|()]")
"""Characters that a text without an expression has none of."""

UNSUPPORTED = {
    "look-around": re.compile(r"\(\?<?[=!]"),
    "back-references": re.compile(r"\\[1-9]|\(\?P="),
    "atomic groups": re.compile(r"\(\?>"),
    "conditions": re.compile(r"\(\?\("),
    "possessive repetition": re.compile(r"[*+?}]\+"),
    "comments": re.compile(r"\(\?#"),
}
"""Features of Python's regular expressions that RE2 lacks."""


def compile_expression(text: str, *, case_sensitive: bool = True) -> Callable[[str | bytes], bool]:
    """A test whether an expression matches somewhere in a text, or in the UTF-8 bytes of one.

    Raises:
        BadInput: it is not a regular expression, or uses a feature that RE2 does not have.
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = case_sensitive
    options.max_mem = REGEX_MEMORY
    try:
        pattern = re2.compile(text, options)
    except re2.error as error:
        if unsupported := next((name for name, sign in UNSUPPORTED.items() if sign.search(text)), ""):
            raise BadInput(f"Not supported in a filter: {unsupported} ({text})") from None
        why = error.args[0].decode("utf-8", "replace") if error.args else ""
        raise BadInput(f"Not a regular expression: {text} ({why})") from None
    return lambda found: pattern.search(found) is not None


def plain_text(text: str) -> bytes | None:
    """The bytes that an expression of ordinary characters stands for; None where it says more."""
    return None if SPECIAL.search(text) else text.encode()
