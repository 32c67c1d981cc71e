"""Why letters died: messages normalised so that one cause is one group, and the group's stable name."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

NORMALISER_VERSION = 1
"""Part of every cause id: a change of the rules below changes the ids, and says so."""

LONGEST = 1_000
"""Characters of a message that count; what follows is most often a payload."""

OTHERS = "others"
NO_REASON = "no reason recorded"

_PATTERN = re.compile(
    r"""
    (?P<time>\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:\s?Z|[+-]\d\d:?\d\d)?)?(?!\w))
  | (?P<url>\b[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s"'<>]+)
  | (?P<double>"(?=[^"\n]*\d)[^"\n]{1,300}")
  | (?P<single>(?<!\w)'(?=[^'\n]*\d)[^'\n]{1,300}'(?!\w))
  | (?P<uuid>\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b)
  | (?P<mail>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)
  | (?P<hash>(?<=\w)@[0-9a-f]{4,16}\b)
  | (?P<hex>\b0[xX][0-9a-fA-F]+\b|\b(?=[0-9a-fA-F]*\d)(?=\d*[a-fA-F])[0-9a-fA-F]{8,}\b)
  | (?P<amount>\b\d+(?:[.,:]\d+)*(?=(?:ms|us|ns|s|m|h|d|B|KB|MB|GB|KiB|MiB|GiB|k|M)\b))
  | (?P<id>\b\d+[A-Za-z]\w*|\b[A-Za-z]{1,2}\d+\w*|\b[A-Za-z]\w*\d{3}\w*)
  | (?P<number>\d+(?:[.,:]\d+)*(?:[eE][-+]?\d+)?)
    """,
    re.VERBOSE,
)
_PLACEHOLDERS = {
    "time": "<time>",
    "url": "<url>",
    "double": '"…"',
    "single": "'…'",
    "uuid": "<id>",
    "mail": "<mail>",
    "hash": "@#",
    "hex": "<id>",
    "amount": "#",
    "id": "<id>",
    "number": "#",
}
_SIGN = re.compile(r"(?<![\w#>])[-+](?=#)")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Cause:
    """Letters that died of the same. `message` is normalised, `sample` one letter's own; times are ms since the epoch.

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
        """One line for people: `SchemaMismatch: field "amount" missing`."""
        return cause_text(self.exception, self.message)


@lru_cache(maxsize=4096)
def normalised(message: str) -> str:
    """The message with placeholders for whatever differs from letter to letter.

    Numbers become `#`, ids, UUIDs and hex `<id>`, times `<time>`, addresses `<url>` and `<mail>`, quoted values that
    hold a digit `"…"`. Other quoted words stay: `field "amount" missing` and `field "user" missing` are two causes.
    """
    text = _PATTERN.sub(_placeholder, message[:LONGEST])
    return _SPACE.sub(" ", _SIGN.sub("", text)).strip()


@lru_cache(maxsize=8192)
def cause_id(exception: str, message: str, origin: str) -> str:
    """Eight hex digits over exception, normalised message, origin and the normaliser's version (C9)."""
    told = "\0".join((exception, message, origin, str(NORMALISER_VERSION)))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def cause_text(exception: str, message: str) -> str:
    """Short class name and message; a broker's own reason (`rejected by work.invoices`) stands alone."""
    short = exception if " " in exception else exception.rpartition(".")[2].rpartition("$")[2]
    return ": ".join(part for part in (short, message) if part) or NO_REASON


def _placeholder(found: re.Match[str]) -> str:
    return _PLACEHOLDERS[found.lastgroup or "number"]
