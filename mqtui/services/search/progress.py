"""How far a search is, what it found, and what it did not look at."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from time import monotonic

from mqtui.domain.figure import Figure, exact, format_number

MB = 1_000_000
ROUNDED_FROM = 100_000
"""Records from which a figure is written as 3.1M."""


@dataclass(slots=True)
class SearchProgress:
    """Counts of a search over all that it reads, with those of the search that it goes on with."""

    whole: Figure = field(default_factory=lambda: exact(0))
    """How many messages there are to scan."""

    scanned: int = 0
    scanned_before: int = field(default=0, kw_only=True)
    """Those of the search that it goes on with."""

    size: int = 0
    """Bytes scanned since `began`."""

    found: int = 0
    undecodable: int = 0
    failed: int = 0
    """Messages on which the jq program failed."""

    not_looked_at: int = 0
    """Messages that are there and were not scanned, as far as that is known."""

    notes: list[str] = field(default_factory=list)
    """What was not looked at, and why, a sentence each."""

    failure_reasons: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By destination why the jq program failed."""

    began: float = field(default_factory=monotonic)
    ended: float | None = None

    def add_scanned(self, number: int) -> None:
        """Count some more. Where that is more than the broker told of, there are as many as were scanned."""
        self.scanned += number
        if self.whole.number is not None and self.scanned > self.whole.number:
            self.whole = replace(self.whole, number=self.scanned)

    def reasons(self) -> list[str]:
        """Why the jq program failed, in all destinations."""
        return [why for reasons in self.failure_reasons.values() for why in reasons]

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return (monotonic() if self.ended is None else self.ended) - self.began

    @property
    def rate(self) -> float:
        """Bytes a second."""
        return self.size / max(self.seconds, 0.001)

    def describe(self) -> str:
        """`3.1M of 8.0M, 41 MB/s, 7 found, 0 undecodable, 12 not looked at`."""
        parts = [f"{short(self.scanned)} of {_short_figure(self.whole)}"]
        if self.size:
            parts.append(f"{self.rate / MB:.0f} MB/s" if self.rate >= MB else f"{self.rate / 1000:.0f} kB/s")
        parts += [f"{self.found:,} found", f"{self.undecodable:,} undecodable"]
        if self.failed:
            parts.append(f"{self.failed:,} failed")
        return ", ".join([*parts, f"{short(self.not_looked_at)} not looked at"])

    def time_left(self) -> float | None:
        """Seconds until all is scanned at this rate; None where that is not known."""
        done = self.scanned - self.scanned_before
        if not self.whole.known or done <= 0 or self.seconds < 1:
            return None
        return max(0, (self.whole.number or 0) - self.scanned) * self.seconds / done


def count_row(progress: SearchProgress) -> dict[str, int]:
    """The last line of `search --count`."""
    return {
        "count": progress.found,
        "scanned": progress.scanned,
        "undecodable": progress.undecodable,
        "failed": progress.failed,
        "not_looked_at": progress.not_looked_at,
    }


def short(number: int) -> str:
    """A count, from 100,000 on in short: `3.1M`, `412k`."""
    if number < ROUNDED_FROM:
        return f"{number:,}"
    return f"{number / 1e3:.0f}k" if number < 1_000_000 else _millions(number)


def _millions(number: int) -> str:
    return f"{number / 1e6:.1f}M" if number < 1_000_000_000 else format_number(number)


def _short_figure(figure: Figure) -> str:
    if figure.number is None:
        return "?"
    sign = str(figure).partition(" ")[0] if " " in str(figure) else ""
    return f"{sign} {short(int(figure.number))}".strip()
