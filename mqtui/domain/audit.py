"""What was done, by whom, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit. Times are ms since the epoch. `event` is `begin` or `end`; `run` is the plan's id.

    `n` is its number in the chain, from 1 (0: not yet in it).
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
