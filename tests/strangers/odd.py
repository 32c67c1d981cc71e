"""What strangers write: names, bodies, headers and times that no broker refuses."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import struct
import zlib
from dataclasses import dataclass

from cryptography.fernet import Fernet

from mqtui.domain.resource import BrokerKind

CLIPBOARD = "\x1b]52;c;cHduZWQ=\x07"
TITLE = "\x1b]2;PWNED\x07"

NAMES = (
    "s01 blanks  in it ",
    "s02\x1b[31mSTRANGE\x1b[42m",
    f"s03{TITLE}",
    f"s04{CLIPBOARD}",
    "s05\nforged row",
    "s06\rover",
    "s07\ttab\x0b\x0c\x08",
    "s08\x7f\x85\x9b31m",
    "s09\u202eabc\u2066\u200f",
    "s10\u2028line\u2029",
    "s11受注の流れ",
    "s12e\u0301te\u0301\u200d👍🏽",
    "s13[/]$x[bold]",
    "s14*?[a-z]",
    "s15/../etc//x/",
    "s16@newest",
    "s17'\"`$(id);&|",
    "s18␊\\xff<U+202E>",
    "s19" + "n" * 200,
    "stream:s20",
    "queue:s21",
    "x:s22",
    "group:s23",
    "-s24",
    "--s25=yes",
    "s26\0nul",
    "s27 at offset 5",
)
"""Each has a tag of its own by which its row is found again, whatever becomes of the rest."""

TEXTS = ("", "plain", f"Ex{CLIPBOARD}", "r\nr\r\n", "\u202eabc", "x" * 3000, "[bold]x[/bold] %s {0}", "\x9b31m", "受注")
"""Reasons, exceptions, header values."""

NUMBERS = (-1, 0, 1, 2**31, 10**12, 1_700_000_000_000_000, 253402300800000, 2**62, 2**63 - 1)
"""Times and counts at every edge of what is one."""

NESTED = b"[" * 400 + b"]" * 400

KEY = base64.urlsafe_b64encode(b"k" * 32).decode()
SEALED = f"sealed{TITLE}"
"""What the first sealed body says, to whoever has the key."""

BODIES: tuple[bytes, ...] = (
    b"",
    b"\0",
    b" ",
    b"null",
    b"{}",
    json.dumps({"id": 7, "text": f"a{TITLE}\nb", "n": 1e308, "t": 99999999999999999999}).encode(),
    b'{"a": NaN, "a": -Infinity, "a": 1e999999}',
    b'{"cut": "of',
    NESTED,
    b"\xff\xfe\xfd" * 20,
    "受注 \u202e \U0001f44d".encode(),
    b"\x1b]2;PWNED\x07\x1b[2J\r\n\x1b[31m",
    gzip.compress(b'{"zipped": true}'),
    gzip.compress(b"x" * 100_000),
    gzip.compress(b"cut")[:-3],
    zlib.compress(b"zlib"),
    bz2.compress(b"bzip2"),
    b"\x00" + struct.pack(">I", 7) + b"\x02\x0aavro framed",
    b"\x82\xa1a\x01\xa1b\xc0",
    b"gAAAAABkZmZm" + b"A" * 88,
    b"BIN" + bytes(range(256)),
    b"long line " * 20_000,
    Fernet(KEY).encrypt(json.dumps({"text": SEALED, "\u202e": "\x9b31m"}).encode()),
    Fernet(KEY).encrypt(gzip.compress(b"\xff\x1b]2;PWNED\x07")),
    Fernet(Fernet.generate_key()).encrypt(b"nobody's"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A destination of the world, by the tag that its row shows."""

    name: str
    tag: str
    dead: bool = False


@dataclass(frozen=True, slots=True)
class Strangers:
    """A broker full of them."""

    kind: BrokerKind
    url: str
    places: tuple[Place, ...]
    groups: tuple[str, ...] = ()
    limited: str = ""
    """The URL of a user who may do little."""


def tag_of(name: str) -> str:
    """`s07` of a name."""
    at = next(place for place in range(len(name)) if name[place] == "s" and name[place + 1 : place + 3].isdigit())
    return name[at : at + 3]
