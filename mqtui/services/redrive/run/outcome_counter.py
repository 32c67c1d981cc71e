"""Counts the outcomes of a run, and recognises letters that were in flight when an earlier process died."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from operator import itemgetter
from secrets import token_hex
from time import monotonic
from typing import NamedTuple

from mqtui.domain.message import Delivery, Header, Message
from mqtui.domain.plan import Result
from mqtui.domain.redrive import Outcome
from mqtui.domain.resource import name_bytes
from mqtui.state.journal_codec import InFlight

DELIVERY_COUNT_HEADERS = frozenset({"x-delivery-count", "x-acquired-count"})


def fingerprint(letter: Message) -> bytes:
    """16 bytes that identify a letter of a queue, which gives no id: over all that a delivery itself does not change.

    A quorum queue that counts a second delivery sorts the headers by name (`rabbit_misc:sort_field_table`).
    """
    key, value = letter.key or b"", letter.value or b""
    parts = [b"k%d:" % len(key), key, b"v%d:" % len(value), value, _header_part(letter.headers)]
    for field, text in letter.fields:
        parts += (b"f%d:%d:" % (len(field), len(text)), field, text)
    if letter.envelope is not None:
        parts.append(repr(letter.envelope.properties).encode())
    return hashlib.blake2b(b"".join(parts), digest_size=16).digest()


@lru_cache(maxsize=16)
def _header_part(headers: tuple[Header, ...]) -> bytes:
    """The headers in one piece: the dead letters of one moment often have the same."""
    parts: list[bytes] = []
    for name, content, kind in sorted(headers, key=itemgetter(0)):
        if name not in DELIVERY_COUNT_HEADERS:
            parts += (_header_label(name, kind), content or b"", b"\0")
    return b"".join(parts)


@lru_cache(maxsize=4096)
def _header_label(name: str, kind: str) -> bytes:
    return b"h" + name_bytes(name) + b"\0" + kind.encode() + b"\0"


class JournalKey(NamedTuple):
    """How the journal identifies a letter. `fingerprint` is empty where the broker gives positions or ids."""

    name: str
    fingerprint: bytes
    was_in_flight: bool
    """Whether it was in flight when an earlier process of this run died."""

    was_stored: bool = False
    """Whether that process journaled that it is stored, and not that it is removed."""


class OutcomeCounter:
    """The outcomes of a run. `planned` is the sum of them all (C8); None: as many as are tried.

    `before` are outcomes that an earlier process of this run journaled, `in_flight` its letters without an outcome, of
    which it had `stored` some; `suspects` names possible duplicates; `refused` are tried again, under the same names.
    """

    def __init__(
        self,
        run: str,
        planned: int | None,
        before: Mapping[str, int] | None = None,
        in_flight: Iterable[InFlight] = (),
        suspects: Iterable[str] = (),
        stored: Iterable[str] = (),
        refused: Iterable[InFlight] = (),
    ) -> None:
        self.run = run
        self.planned = planned
        self.suspects: list[str] = [*suspects]
        self.reasons: Counter[str] = Counter()
        self.gone = 0
        """Letters that somebody other than a run of mqtui took from the source."""

        self.unknown_names: list[str] = []
        """Names of unknown letters about which no broker knows more."""

        self.stored = frozenset(stored)
        self._in_flight: dict[str | bytes, list[InFlight]] = {}
        for mark in in_flight:
            self._in_flight.setdefault(mark[1] or mark[0], []).append(mark)
        self._refused: dict[bytes, list[str]] = {}
        for name, digest, _ in refused:
            self._refused.setdefault(digest, []).append(name)
        self._counts: Counter[Outcome] = Counter()
        for outcome, number in (before or {}).items():
            self._counts[Outcome(outcome)] += number
        self._session = token_hex(3)
        self._fingerprinted = 0
        self._started = monotonic()

    def key_for(self, letter: Message) -> JournalKey:
        """The key of a letter: its position, or a name of our own where the broker gives none; kept over a crash."""
        if type(letter.position) is not Delivery:
            text = str(letter.position)
            met = self._match_in_flight(text) is not None if self._in_flight else False
            return JournalKey(text, b"", met, met and text in self.stored)
        digest = fingerprint(letter)
        known = self._match_in_flight(digest)
        if known is not None:
            return JournalKey(known[0], digest, was_in_flight=True, was_stored=known[0] in self.stored)
        if before := self._refused.get(digest):
            return JournalKey(before.pop(), digest, was_in_flight=False)
        self._fingerprinted += 1
        return JournalKey(f"{self._session}-{self._fingerprinted}", digest, was_in_flight=False)

    def _match_in_flight(self, key: str | bytes) -> InFlight | None:
        waiting = self._in_flight.get(key)
        if not waiting:
            return None
        mark = waiting.pop(0)
        if not waiting:
            del self._in_flight[key]
        return mark

    @property
    def has_unmatched(self) -> bool:
        """Whether letters that were in flight at the crash were not met in the source yet."""
        return bool(self._in_flight)

    def add(self, outcome: Outcome, number: int = 1, reason: str = "") -> None:
        """Count letters."""
        self._counts[outcome] += number
        if reason and number:
            self.reasons[reason] += number

    def unmatched(self) -> list[InFlight]:
        """Letters that were in flight at the crash and were not met in the source."""
        return [mark for waiting in self._in_flight.values() for mark in waiting]

    def resolve(self, mark: InFlight) -> None:
        """Take an unmatched letter off the list: its outcome was found out otherwise."""
        key = mark[1] or mark[0]
        self._in_flight[key].remove(mark)
        if not self._in_flight[key]:
            del self._in_flight[key]

    @property
    def counted(self) -> int:
        """Letters with an outcome so far."""
        return sum(self._counts.values())

    def count(self, outcome: Outcome) -> int:
        """Letters with this outcome so far."""
        return self._counts[outcome]

    @property
    def untried(self) -> int:
        """Planned letters without an outcome yet."""
        accounted = self.counted + len(self.unmatched())
        return 0 if self.planned is None else max(0, self.planned - accounted)

    @property
    def known_in_source(self) -> int:
        """Letters of the plan that are in the source for all that is known: refused, left, or not tried yet."""
        return self._counts[Outcome.REFUSED] + self._counts[Outcome.LEFT] + self.untried

    def result(self) -> Result:
        """The figures as of now. Letters without an outcome count as left."""
        counts = Counter(self._counts)
        counts[Outcome.UNKNOWN] += len(self.unmatched())
        counts[Outcome.LEFT] += self.untried
        planned = sum(counts.values())
        return Result(
            run=self.run,
            planned=planned,
            moved=counts[Outcome.MOVED],
            refused=counts[Outcome.REFUSED],
            unknown=counts[Outcome.UNKNOWN],
            skipped=counts[Outcome.SKIPPED],
            left=counts[Outcome.LEFT],
            suspects=tuple(map(_escape_undecodable, self.suspects)),
            seconds=round(monotonic() - self._started, 3),
            reasons=tuple((_escape_undecodable(reason), number) for reason, number in self.reasons.most_common()),
            gone=self.gone,
            unknowns=tuple(map(_escape_undecodable, self.unknown_names)),
        )


def _escape_undecodable(text: str) -> str:
    """Text for any file or terminal: bytes that are not UTF-8 are escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
