"""The audit as rows: begin and end of a change are one row."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from mqtui.domain.audit import AuditEntry
from mqtui.domain.resource import Kind, parse_name
from mqtui.domain.times import format_time
from mqtui.ui.render.table_model import Cell, Column, Measure

MAX_ENTRIES = 4_000
"""Entries that are shown; the chain is checked over all of them."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One change. `end` is None while it goes on, and stays None where the process died."""

    begin: AuditEntry
    end: AuditEntry | None
    goes_on: bool = False

    @property
    def n(self) -> int:
        """The number of its first entry in the chain."""
        return self.begin.n

    @property
    def result(self) -> str:
        if self.end is not None:
            return self.end.result or "done"
        return "under way" if self.goes_on else "no end: the process died in it"

    @property
    def never_ended(self) -> bool:
        """Whether it began and never ended."""
        return self.end is None and not self.goes_on

    @property
    def on(self) -> str:
        """What it was done to: `orders.DLQ → orders`."""
        return " → ".join(map(_display_name, self.begin.on))


def _display_name(on: str) -> str:
    """A resource by its name; an exchange with its kind, since a queue may have the same name."""
    return on if parse_name(on).kind is Kind.EXCHANGE else parse_name(on).name


def merge_begin_and_end(entries: Sequence[AuditEntry], going_on: Collection[str] = ()) -> list[AuditRow]:
    """One row of begin and end of each change, the newest first. `going_on` are runs under way."""
    lines: list[AuditRow] = []
    open_at: dict[tuple[str, str, str], list[int]] = {}
    for entry in entries:
        key = (entry.run, entry.profile, entry.verb)
        if entry.event == "begin":
            open_at.setdefault(key, []).append(len(lines))
            lines.append(AuditRow(entry, None))
        elif open_at.get(key):
            index = open_at[key].pop()
            lines[index] = AuditRow(lines[index].begin, entry)
        else:
            lines.append(AuditRow(entry, entry))
    for key, places in open_at.items():
        if key[0] in going_on and places:
            lines[places[-1]] = AuditRow(lines[places[-1]].begin, None, goes_on=True)
    return lines[::-1]


def summarize_change(line: AuditRow) -> list[list[Cell]]:
    """A change in two short lines: when, what and by whom; how it ended."""
    begin = line.begin
    time = format_time(begin.time, "%m-%d %H:%M")
    tone = "danger" if line.never_ended else "live" if line.goes_on else ""
    run = f" · run {begin.run[:4].upper()}" if begin.run else ""
    return [
        [(f"{time} ", "muted"), (f"{begin.verb} ", "accent"), (f"by {begin.operator}", "")],
        [(f"  {line.result}", tone), (run, "muted")],
    ]


class AuditRenderer:
    """How changes are shown in a list."""

    columns = (
        Column("n", "N", 5, right=True, meaning="its number in the chain"),
        Column("time", "TIME", 14, measure=Measure.TIME, meaning="when it began"),
        Column("who", "WHO", 8, priority=3, meaning="the user of this machine"),
        Column("profile", "PROFILE", 12, priority=4),
        Column("verb", "VERB", 8),
        Column("on", "ON", 18, grows=True),
        Column("result", "RESULT", 22, meaning="how it ended, as the audit has it"),
        Column("run", "RUN", 5, priority=2, meaning="the run in the journal"),
    )

    def id(self, item: AuditRow) -> Hashable:
        return item.n

    def cells(self, item: AuditRow) -> Sequence[Cell]:
        begin = item.begin
        time = format_time(begin.time, "%m-%d %H:%M:%S")
        tone = "danger" if item.never_ended else "live" if item.goes_on else ""
        return (
            (str(begin.n), "muted"),
            (time, "muted"),
            (begin.operator, ""),
            (begin.profile, "muted"),
            (begin.verb, ""),
            (item.on, ""),
            (item.result, tone),
            (begin.run[:4].upper(), "muted"),
        )

    def sign(self, item: AuditRow) -> Cell:
        """✗ it never ended, ▸ under way."""
        if item.never_ended:
            return "✗", "danger"
        return ("▸", "live") if item.goes_on else (" ", "")

    def severity(self, item: AuditRow) -> int:
        """0: the order is that of time."""
        return 0

    def text(self, item: AuditRow) -> str:
        begin = item.begin
        return (
            f"{begin.n} {begin.operator} {begin.host} {begin.profile} {begin.verb} {item.on} {item.result} {begin.run}"
        )

    def value(self, item: AuditRow, key: str) -> Any:
        begin = item.begin
        known: dict[str, Any] = {
            "n": begin.n,
            "time": begin.time,
            "who": begin.operator,
            "profile": begin.profile,
            "verb": begin.verb,
            "on": item.on,
            "result": item.result,
            "run": begin.run[:4].upper(),
        }
        return known[key]
