"""Counting what becomes of each letter, over a crash and back."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from time import monotonic

from mqtui.domain.message import Delivery, Message
from mqtui.domain.redrive import Outcome
from mqtui.domain.resource import name_bytes
from mqtui.domain.plan import Result

VOLATILE = frozenset({"x-delivery-count", "x-acquired-count"})


def fingerprint(letter: Message) -> bytes:
    """16 bytes that name a letter a queue gives no id to: over everything but what a delivery itself changes."""
    digest = hashlib.blake2b(digest_size=16)
    add = digest.update
    add(b"k%d:" % len(letter.key or b"") + (letter.key or b""))
    add(b"v%d:" % len(letter.value or b"") + (letter.value or b""))
    for name, value, kind in letter.headers:
        if name not in VOLATILE:
            add(b"h" + name_bytes(name) + b"\0" + kind.encode() + b"\0" + (value or b"") + b"\0")
    for field, content in letter.fields:
        add(b"f%d:%d:" % (len(field), len(content)) + field + content)
    if letter.envelope is not None:
        add(repr(letter.envelope.properties).encode())
    return digest.digest()


def identity(letter: Message) -> str:
    """What names the letter in the journal: its position, or its fingerprint where a queue only lends it."""
    return fingerprint(letter).hex() if isinstance(letter.position, Delivery) else str(letter.position)


class Ledger:
    """The outcomes of a run. `planned` is the sum of them all (C8).

    `before` are outcomes an earlier process of this run wrote down, `open` the letters it had in hand when it died.
    """

    def __init__(
        self, run: str, planned: int | None, before: Mapping[str, int] | None = None, open_letters: Iterable[str] = ()
    ) -> None:
        self.run = run
        self.planned = planned
        self.suspects: list[str] = []
        self.reasons: Counter[str] = Counter()
        self.seen = 0
        self._open = Counter(open_letters)
        self._counts: Counter[Outcome] = Counter()
        for name, number in (before or {}).items():
            self._counts[Outcome(name)] += number
        self._started = monotonic()

    def meet(self, name: str) -> bool:
        """Note a letter met in the source; whether it was in hand when the earlier process died."""
        if self._open and self._open[name] > 0:
            self._open[name] -= 1
            return True
        return False

    def add(self, outcome: Outcome, number: int = 1, reason: str = "") -> None:
        """Count letters."""
        self._counts[outcome] += number
        if reason:
            self.reasons[reason] += number

    def not_met(self) -> list[str]:
        """Letters that were in hand at the crash and are not in the source any more."""
        return list((+self._open).elements())

    def result(self, *, complete: bool) -> Result:
        """The sum. `complete` says that the source was walked to its end: what was not met was handled by others."""
        counts = Counter(self._counts)
        gone = len(self.not_met())
        counts[Outcome.MOVED if complete else Outcome.UNKNOWN] += gone
        tried = sum(counts.values())
        planned = tried if self.planned is None else max(self.planned, tried)
        counts[Outcome.SKIPPED if complete else Outcome.LEFT] += planned - tried
        return Result(
            run=self.run,
            planned=planned,
            moved=counts[Outcome.MOVED],
            refused=counts[Outcome.REFUSED],
            unknown=counts[Outcome.UNKNOWN],
            skipped=counts[Outcome.SKIPPED],
            left=counts[Outcome.LEFT],
            suspects=tuple(self.suspects),
            seconds=round(monotonic() - self._started, 3),
            reasons=tuple(self.reasons.most_common()),
        )
