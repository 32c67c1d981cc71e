"""Reading the journal of runs for the console. Everything here blocks: call it in a thread."""

from __future__ import annotations

from dataclasses import replace

from mqtui.brokers.registry import traits_of
from mqtui.domain.redrive import Outcome
from mqtui.services import run_report
from mqtui.state import bundles
from mqtui.state.journal import Journal, OutcomeRow, RunRecord
from mqtui.ui.render.runs.runs import RunRow, describe_interruption

MAX_RUNS = 200
MAX_LETTERS = 20_000
"""Letters of a run that are listed."""


class RunListReader:
    """Reads the list of runs; those that have ended are read once and cached."""

    def __init__(self) -> None:
        self._ended: dict[tuple[str, int | None], RunRow] = {}

    def lines(self) -> list[RunRow]:
        """All runs, the newest first."""
        with Journal() as opened:
            return [self._line(opened, record) for record in opened.list_runs(limit=MAX_RUNS)]

    def _line(self, opened: Journal, record: RunRecord) -> RunRow:
        known = self._ended.get((record.id, record.ended))
        if known is not None:
            return replace(known, short=opened.short_id(record.id))
        line = line_of(opened, record)
        if record.state != "running":
            self._ended[record.id, record.ended] = line
        return line


def line_of(opened: Journal, record: RunRecord) -> RunRow:
    """A run of the journal as a row."""
    summary = run_report.run_row(opened, record)
    outcomes, planned, in_hand = summary["outcomes"], summary["planned"], summary["in_flight"]
    finished = sum(number for name, number in outcomes.items() if name != Outcome.LEFT)
    left = outcomes.get(Outcome.LEFT)
    if left is None:
        left = 0 if record.result is not None else None if planned is None else max(0, planned - finished - in_hand)
    return RunRow(
        id=record.id,
        short=summary["short"],
        verb=record.verb,
        profile=record.profile,
        target=record.target,
        source=record.source.name,
        broker=record.broker,
        state=summary["state"],
        operator=record.operator,
        host=record.host,
        started=record.started,
        planned=planned,
        moved=outcomes.get(Outcome.MOVED, 0),
        left=left,
        refused=outcomes.get(Outcome.REFUSED, 0),
        unknown=outcomes.get(Outcome.UNKNOWN, 0),
        in_hand=in_hand,
        report=run_report.describe_run(opened, record),
        words=run_report.describe_state(record),
        safe=traits_of(record.broker).redrive.keeps_letters or not in_hand or bundles.exists(record.id),
    )


def letters_of(run: str) -> tuple[RunRow, list[OutcomeRow]]:
    """A run and the outcomes of its letters, `MAX_LETTERS` at most; those in flight when it ended are unknown.

    Raises:
        BadInput, NotFound: there is no such run, or there are several.
    """
    with Journal() as opened:
        record = opened.find(run)
        letters: list[OutcomeRow] = [
            (mark[0], str(Outcome.UNKNOWN), "", "in flight when the run ended")
            for mark in opened.unfinished_letters(record.id)
        ][:MAX_LETTERS]
        for done in opened.read_outcomes(record.id):
            if len(letters) >= MAX_LETTERS:
                break
            letters.append(done)
        return line_of(opened, record), letters


def resume_notice() -> str:
    """A notice of runs of this host that were interrupted; "" where there is none."""
    with Journal() as opened:
        waiting = [line for record in opened.list_interrupted() if (line := line_of(opened, record)).can_resume]
    if not waiting:
        return ""
    more = f" · and {len(waiting) - 1} more" if len(waiting) > 1 else ""
    return f"{describe_interruption(waiting[-1])}: 5 then enter resumes{more}"
