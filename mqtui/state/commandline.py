"""What may be shown of URLs and command lines: too much is hidden rather than too little."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mqtui.domain.spelling import quote

SHORT = ("-H", "-k")
HIDDEN = frozenset({*SHORT, "--header", "--key", "--value"})
SECRET = re.compile(r"(?i)((?:passw|secret|token|credential|jaas)[^=&?\s]*=)[^&\s]*")
LOGIN = re.compile(r"(://[^:/?#@\s]*):.*@", re.DOTALL)
MISTYPED = re.compile(r"((?:[A-Za-z][\w+.-]*:?/{1,3})?[^\s:/@'\"(]*):(?!//[^:@]*@)(?=\S).*@")
"""A login that no `://` stands before: `redis:/u:secret@h`, `redis//u:secret@h`, `u:secret@h`."""

AFTER_COLON = re.compile(r":(?![\d/\s…]).*", re.DOTALL)
NO_PORT = re.compile(r"(://[^/?#@]*?):(?!\d+(?:[,/?#]|$))[^/?#@]*(?=[/?#]|$)")


def masked(text: str) -> str:
    """A text with `…` for the passwords of URLs, also of malformed ones.

    What stands where a port should and is no number may be a password, and goes too.
    """
    return SECRET.sub(r"\1…", NO_PORT.sub(r"\1:…", MISTYPED.sub(r"\1:…@", LOGIN.sub(r"\1:…@", text))))


def masked_target(text: str) -> str:
    """What was typed as a target and is none: also what stands behind a colon and is no port may be a password."""
    return AFTER_COLON.sub(":…", masked(text))


def sanitised(argv: Sequence[str]) -> str:
    """A command line for the audit: without passwords in URLs and options, and without what is in messages.

    Of `-H`, `-k`, `--header`, `--key` and `--value` only the name stays.
    """
    shown: list[str] = []
    hide = False
    for place, word in enumerate(argv):
        name, equals, _ = word.partition("=")
        if hide:
            shown.append("…")
            hide = False
        elif place == 0:
            shown.append(quote(Path(word).name))
        elif word in HIDDEN:
            shown.append(word)
            hide = True
        elif equals and name in HIDDEN:
            shown.append(f"{name}=…")
        elif word.startswith(SHORT):
            shown.append(f"{word[:2]}…")
        else:
            shown.append(quote(masked(word)))
    return " ".join(shown)
