"""Causes of dead letters: normalised messages, so that letters of one cause form a group, and its stable id."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

NORMALISER_VERSION = 1
"""Part of every cause id, to be raised with every change of the rules below."""

MAX_CHARACTERS = 1_000
"""The characters of a message that count; what follows is usually a payload."""

OTHERS = "others"
NO_REASON = "no reason recorded"

_DIGIT = re.compile(r"\d")
_URL = re.compile(r"""\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s"'<>]+""")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_HASH = re.compile(r"(?<=\w)@[0-9a-f]{4,16}\b")
_DOUBLE = re.compile(r'"(?=[^"\n]*\d)[^"\n]{1,300}"')
_SINGLE = re.compile(r"(?<!\w)'(?=[^'\n]*\d)[^'\n]{1,300}'(?!\w)")
_TIME = re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:\s?Z|[+-]\d\d:?\d\d)?)?(?!\w)")
_UUID = re.compile(r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b")
_WORD = re.compile(r"\b[^\W\d]*\d\w*(?:[.,:]\d+)*(?:[eE][-+]\d+)?")
_AMOUNT = re.compile(r"\d+(?:[.,:]\d+)*(?:[eE][-+]?\d+)?(ms|us|ns|s|m|h|d|B|KB|MB|GB|KiB|MiB|GiB|k|M)?")
_NAME = re.compile(r"(?![0-9a-fA-F]{8,}$)[^\W\d]{3,}\d{1,2}[^\W\d]*")
_SIGN = re.compile(r"(?<![\w#>])[-+](?=#)")


@dataclass(frozen=True, slots=True)
class Cause:
    """Letters with the same cause. `message` is normalised, `sample` that of one letter; times are ms since the epoch.

    `origin` is `topic:orders`, or "" where it is not known.
    """

    id: str
    exception: str
    message: str
    sample: str
    origin: str
    count: int
    first: int | None
    last: int | None

    @property
    def text(self) -> str:
        """One line: `SchemaMismatch: field "amount" missing`."""
        return cause_text(self.exception, self.message)


@lru_cache(maxsize=4096)
def normalize_message(message: str) -> str:
    """The message with placeholders for whatever differs from letter to letter.

    Numbers become `#`, ids, UUIDs and hex `<id>`, times `<time>`, addresses `<url>` and `<mail>`, quoted values that
    hold a digit `"…"`. Other quoted words stay: `field "amount" missing` and `field "user" missing` are two causes.
    """
    text = message[:MAX_CHARACTERS]
    if "://" in text:
        text = _URL.sub("<url>", text)
    if "@" in text:
        text = _HASH.sub("@#", _MAIL.sub("<mail>", text))
    if _DIGIT.search(text):
        text = _without_digits(text)
    return " ".join(text.split())


@lru_cache(maxsize=8192)
def cause_id(exception: str, message: str, origin: str) -> str:
    """Eight hex digits over exception, normalised message, origin and the normaliser's version (C9)."""
    joined = "\0".join((exception, message, origin, str(NORMALISER_VERSION)))
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def cause_text(exception: str, message: str) -> str:
    """Short class name and message; a broker's own reason (`rejected by work.invoices`) stands alone."""
    short = exception if " " in exception else exception.rpartition(".")[2].rpartition("$")[2]
    return ": ".join(part for part in (short, message) if part) or NO_REASON


def _without_digits(text: str) -> str:
    if '"' in text:
        text = _DOUBLE.sub('"…"', text)
    if "'" in text:
        text = _SINGLE.sub("'…'", text)
    if "-" in text:
        text = _UUID.sub("<id>", _TIME.sub("<time>", text))
    text = _WORD.sub(_placeholder, text)
    return _SIGN.sub("", text) if "-#" in text or "+#" in text else text


def _placeholder(found: re.Match[str]) -> str:
    """A word with digits: an amount (its unit stays), a name such as `utf8` or `address_2`, or else an id."""
    word = found[0]
    if word.isdecimal():
        return "#"
    if amount := _AMOUNT.fullmatch(word):
        return f"#{amount[1] or ''}"
    return word if _NAME.fullmatch(word) else "<id>"
