"""A run as Markdown for a ticket: what was done and why, the plan, what became of the letters, the audit's numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from mqtui.domain.capability import LETTER_VERBS
from mqtui.domain.figure import pluralize
from mqtui.domain.printable import printable
from mqtui.domain.redrive import Outcome
from mqtui.domain.times import format_time
from mqtui.services.command_line import command_of
from mqtui.services.redrive.request import SavedRequest, decode_request
from mqtui.services.redrive.run.run import UNKNOWN_COUNT
from mqtui.services.run_report import MONITOR_COUNTS, count_outcomes, describe_state, reader_lines
from mqtui.state.audit import Audit
from mqtui.state.journal import Journal, RunRecord

MAX_NAMED = 50
"""Letters of a kind that are named; the others are counted."""

TIME = "%Y-%m-%d %H:%M:%S"
LEFT_OUT = frozenset({"from", "to"})
"""Facts of a plan that the report says itself."""


def read_audit_numbers(run: str) -> list[int]:
    """The numbers of a run's lines in the audit of this machine. Blocks.

    Raises:
        StorageFailed: the audit can't be read.
    """
    return [entry.n for entry in Audit().entries() if entry.run == run and entry.n]


def read_markdown_report(run: str) -> str:
    """The report of a run of this machine. Blocks.

    Raises:
        BadInput, NotFound, StorageFailed: there is no such run, or it can't be read.
    """
    with Journal() as journal:
        record = journal.find(run)
        return markdown_report(journal, record, read_audit_numbers(record.id))


def markdown_report(journal: Journal, record: RunRecord, audit: Sequence[int]) -> str:
    """The report. `audit` are the numbers of its lines in the audit. Blocks."""
    result: dict[str, Any] = msgspec.json.decode(record.result) if record.result and record.state != "running" else {}
    return "\n".join(_lines(journal, record, result, audit))


def _lines(journal: Journal, record: RunRecord, result: dict[str, Any], audit: Sequence[int]) -> Iterator[str]:
    counts = count_outcomes(journal, record)
    moved = counts.get(Outcome.MOVED, 0)
    of = "letters" if record.planned == UNKNOWN_COUNT else pluralize(record.planned, "letter")
    yield f"## {record.verb} {journal.short_id(record.id)}: {describe_state(record)}, {moved:,} of {of} moved"
    yield ""
    yield "| | |"
    yield "|---|---|"
    for label, text in _rows(journal, record, result, counts, audit):
        yield f"| {label} | {text} |"
    yield from _named("Readers", reader_lines(record))
    yield from _named("Came back", map(str, result.get("back") or ()))
    yield from _named("May be there twice", map(str, result.get("suspects") or ()))
    yield from _named("Not moved", (f"{number:,}: {reason}" for reason, number in result.get("reasons") or ()))


def _rows(
    journal: Journal, record: RunRecord, result: dict[str, Any], counts: dict[str, int], audit: Sequence[int]
) -> Iterator[tuple[str, str]]:
    saved = decode_request(record.plan) if record.verb in LETTER_VERBS else None
    yield "profile", f"{_cell(record.profile)} ({record.broker})"
    yield "from", _code(record.source.name)
    if saved is not None:
        yield from _plan_rows(saved)
    ended = format_time(record.ended, TIME) if record.ended else "not ended"
    yield "when", f"{format_time(record.started, TIME)} to {ended}"
    yield "who", _cell(f"{record.operator}@{record.host}")
    parts = [f"{counts[outcome]:,} {outcome}" for outcome in Outcome if counts.get(outcome)]
    parts += [
        f"{result[name]:,} {words}"
        for name, words in MONITOR_COUNTS.items()
        if result.get("verdict") and result[name] is not None and (result[name] or name != "waiting")
    ]
    doubtful = len(journal.unfinished_letters(record.id))
    parts += [f"{doubtful:,} in flight when it ended"] if doubtful else []
    yield "outcome", ", ".join(parts) or "nothing moved"
    for name in ("verdict", "why"):
        if result.get(name):
            yield name, _cell(result[name])
    yield "run", _code(record.id)
    yield "audit", ", ".join(map(str, audit)) or "no line"
    if saved is not None:
        yield "command", _code(command_of(saved.request, record.target))


def _plan_rows(saved: SavedRequest) -> Iterator[tuple[str, str]]:
    """Where to, and what the plan said."""
    where = f" on {saved.request.to_target}" if saved.request.to_target else ""
    yield "to", ", ".join(_code(ref.name) for ref in saved.targets) + _cell(where) or "nowhere"
    facts = [(label, text) for label, text in saved.facts if label not in LEFT_OUT]
    if saved.request.selection.cause and not any(label == "selected" for label, _ in facts):
        yield "cause", _code(saved.request.selection.cause)
    for label, text in facts:
        yield label, _cell(text)


def _named(title: str, items: Iterable[str]) -> Iterator[str]:
    known = list(items)
    if not known:
        return
    yield ""
    yield f"**{title}**"
    yield ""
    for item in known[:MAX_NAMED]:
        yield f"- {_cell(item)}"
    if len(known) > MAX_NAMED:
        yield f"- and {len(known) - MAX_NAMED:,} more"


def _cell(text: str) -> str:
    """Text that Markdown and HTML leave as it is, on one line."""
    shown = printable(text)
    for sign in ("\\", "`", "*", "_", "|", "<", "[", "#"):
        shown = shown.replace(sign, f"\\{sign}")
    return shown


def _code(text: str) -> str:
    """Text in backticks, more of them than it has itself."""
    shown = printable(text).replace("|", "\\|")
    ticks = "`"
    while ticks in shown:
        ticks += "`"
    pad = " " if len(ticks) > 1 else ""
    return f"{ticks}{pad}{shown}{pad}{ticks}"
