"""What is looked for everywhere, and how far back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from mqtui.domain.errors import BadInput
from mqtui.domain.resource import name_bytes
from mqtui.domain.times import parse_duration
from mqtui.services.search.text_needle import TextNeedle

OPTION = re.compile(r"(?<!\S)(since|depth):(\S+)(?!\S)")
HINT = "one id, as it stands · since:2h depth:1000"
DEPTH = 10_000
"""Newest messages of each place that are looked at, where nothing else is asked for."""

QUEUE_DEPTH = 50
"""The same for queues, whose messages are taken out and returned."""


@dataclass(frozen=True, slots=True)
class FindRequest:
    """A text, the depth (None: that of each kind of place), and a time (ms) before which nothing is looked at."""

    needle: TextNeedle
    depth: int | None = None
    since: int | None = None

    @property
    def place_depth(self) -> int:
        """Messages of a place that is free to read."""
        return DEPTH if self.depth is None else self.depth

    @property
    def queue_depth(self) -> int:
        """Messages of a queue."""
        return QUEUE_DEPTH if self.depth is None else self.depth


def parse_request(text: str, now: datetime) -> FindRequest:
    """A request in one line, as the console takes it: `AB-991`, `AB-991 since:2h depth:1000`.

    Raises:
        BadInput: nothing is looked for, or an option can't be read.
    """
    given = dict(OPTION.findall(text))
    depth = given.get("depth")
    if depth is not None and not (depth.isdecimal() and int(depth)):
        raise BadInput(f"depth: takes a number, not {depth!r}")
    since = int(now.timestamp() * 1000) - parse_duration(given["since"]) if "since" in given else None
    needle = TextNeedle(name_bytes(OPTION.sub("", text).strip()))
    return FindRequest(needle, None if depth is None else int(depth), since)
