"""What was done, by whom, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit. Times are ms since the epoch. `event` is `begin`, `end` or `note`; `run` is the plan's id.

    A note is about the audit itself and says it in `result`. `n` is its number in the chain, from 1 (0: not yet in it).
    """

    event: str
    run: str
    time: int
    operator: str
    host: str
    profile: str
    verb: str
    on: tuple[str, ...]
    planned: int | None
    result: str = ""
    command: str = ""
    n: int = 0


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong at a line of the file, counted from 1; one more than there are: what is wrong at its end."""

    line: int
    why: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.why}"


@dataclass(frozen=True, slots=True)
class AuditContents:
    """The lines that can be read, what is damaged, and what to know about the proof.

    `unkeyed` is how many of the lines anybody may have written; `unchecked` how many have a key that is not here.
    """

    entries: Sequence[AuditEntry]
    damages: Sequence[Damage]
    unkeyed: int = 0
    unchecked: int = 0

    @property
    def notes(self) -> Sequence[str]:
        """What the chain can't prove, in sentences."""
        many = f"of {len(self.entries):,} lines"
        found = []
        if self.unkeyed:
            found.append(
                f"{self.unkeyed:,} {many} unkeyed: a rewritten file can be told there only by what the journal knows"
            )
        if self.unchecked:
            found.append(f"{self.unchecked:,} {many} can't be checked: their key is not in the keyring")
        return found
