"""What this machine's journal knows as handled, where the broker may not be asked to keep it (K2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mqtui.domain.capability import Verb
from mqtui.domain.message import Offset
from mqtui.domain.redrive import Handled, OffsetBounds, Outcome, Source
from mqtui.domain.times import offset
from mqtui.services.redrive.order import read_recipe
from mqtui.services.redrive.returned import MOST, back, put_backs
from mqtui.state.runs import RunRecord, Runs


def recalled(source: Source, runs: Runs) -> Source:
    """The source with letters that runs of this machine moved, and did not put back, as handled too."""
    if not isinstance(source.bounds, OffsetBounds):
        return source
    above = {partition: set(offsets) for partition, offsets in source.handled.above.items()}
    for at in _moved(source, runs):
        above.setdefault(at.partition, set()).add(at.offset)
    known = Handled(source.handled.watermark, {partition: frozenset(offsets) for partition, offsets in above.items()})
    return replace(source, handled=known)


def _moved(source: Source, runs: Runs) -> Iterator[Offset]:
    listed = runs.list(limit=MOST)
    for record in listed:
        if record.verb == Verb.PUT_BACK or not _of(record, source):
            continue
        returned = {name for put_back in put_backs(record, listed) for name in back(put_back, runs)}
        for name, outcome, _, _ in runs.outcomes(record.id):
            if outcome == Outcome.MOVED and name not in returned:
                yield offset(name)


def _of(record: RunRecord, source: Source) -> bool:
    return record.source == source.ref and read_recipe(record.plan).identity == source.identity
