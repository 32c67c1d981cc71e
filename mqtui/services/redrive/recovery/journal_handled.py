"""Handled letters as this machine's journal knows them, where the broker can't record them (K2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mqtui.domain.capability import LETTER_VERBS
from mqtui.domain.message import Offset
from mqtui.domain.offset_spans import OffsetSpans
from mqtui.domain.redrive import Handled, OffsetBounds, Outcome, Source
from mqtui.domain.times import parse_offset
from mqtui.services.redrive.putback.history import MAX_RUNS, find_put_backs, returned_names
from mqtui.services.redrive.request import decode_request
from mqtui.state.journal import Journal, RunRecord


def add_handled_from_journal(source: Source, runs: Journal) -> Source:
    """The source, with letters that runs of this machine moved and did not put back counted as handled too."""
    if not isinstance(source.bounds, OffsetBounds):
        return source
    above = {partition: list(offsets.spans()) for partition, offsets in source.handled.above.items()}
    for at in _moved_offsets(source, runs):
        above.setdefault(at.partition, []).append((at.offset, at.offset + 1))
    known = Handled(source.handled.watermark, {partition: OffsetSpans.of(spans) for partition, spans in above.items()})
    return replace(source, handled=known)


def _moved_offsets(source: Source, runs: Journal) -> Iterator[Offset]:
    listed = runs.list_runs(limit=MAX_RUNS)
    for record in listed:
        if record.verb not in LETTER_VERBS or not _is_run_of(record, source):
            continue
        returned = {name for put_back in find_put_backs(record, listed) for name in returned_names(put_back, runs)}
        for name, outcome, _, _ in runs.read_outcomes(record.id):
            if outcome == Outcome.MOVED and name not in returned:
                yield parse_offset(name)


def _is_run_of(record: RunRecord, source: Source) -> bool:
    return record.source == source.ref and decode_request(record.plan).identity == source.identity
