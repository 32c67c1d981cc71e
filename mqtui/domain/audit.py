"""Entries of the audit log, and what can be proved of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A line of the audit log. Times are ms since the epoch. `event` is `begin`, `end` or `note`; `run` is a plan's id.

    A note is about the audit log itself; its text is in `result`. `n` is its place in the chain, from 1 (0: not yet).
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
    """What is wrong at a line of the file, counted from 1; one more than there are means the end of the file."""

    line: int
    why: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.why}"


@dataclass(frozen=True, slots=True)
class AuditContents:
    """The readable lines of the audit log, and what is damaged.

    `unkeyed` is the number of lines whose hash has no key, so that anybody may have written them; `unchecked` that of
    lines whose key is not in the keyring.
    """

    entries: Sequence[AuditEntry]
    damages: Sequence[Damage]
    unkeyed: int = 0
    unchecked: int = 0

    @property
    def notes(self) -> Sequence[str]:
        """What the chain can't prove, a sentence each."""
        many = f"of {len(self.entries):,} lines"
        found = []
        if self.unkeyed:
            found.append(
                f"{self.unkeyed:,} {many} unkeyed: there only the journal can show that the file was rewritten"
            )
        if self.unchecked:
            found.append(f"{self.unchecked:,} {many} can't be checked: their key is not in the keyring")
        return found
