"""The letters that a put back returns: the last outcome counts, and offsets are in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from mqtui.domain.bulk import OffsetRange
from mqtui.domain.message import Offset
from mqtui.domain.redrive import Outcome
from mqtui.services.redrive.putback.returnable_letters import ReturnableLetters, sort_into_ranges
from mqtui.state.journal import Journal, OutcomeRow

RUN = "a" * 32


def test_offsets_are_sorted_by_partition() -> None:
    found = sort_into_ranges(["1/7", "0/5", "0/4", "1/8", "0/3", "10/1"])
    assert found.ranges == (OffsetRange(0, 3, 3), OffsetRange(1, 7, 2), OffsetRange(10, 1, 1))
    assert [Offset(0, 5) in found, Offset(0, 6) in found, Offset(1, 8) in found] == [True, False, True]


@pytest.mark.parametrize("with_unknown", [True, False])
def test_the_last_outcome_of_a_letter_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, with_unknown: bool
) -> None:
    monkeypatch.setenv("MQTUI_STATE_DIR", str(tmp_path))
    journal = Journal()
    rows: list[OutcomeRow] = [
        ("0/1", Outcome.MOVED, "orders 0/11", ""),
        ("0/2", Outcome.UNKNOWN, "", "lost"),
        ("0/3", Outcome.UNKNOWN, "", "lost"),
        ("0/4", Outcome.MOVED, "orders 0/14", ""),
        ("0/5", Outcome.MOVED, "orders 0/15", ""),
        ("0/2", Outcome.MOVED, "orders 0/12", ""),
        ("0/4", Outcome.REFUSED, "", "too large"),
    ]
    journal.record_outcomes(RUN, 0, rows)
    found = ReturnableLetters.read(RUN, journal, {"0/5"}, with_unknown=with_unknown)
    journal.close()
    moved = {"0/1": "orders 0/11", "0/2": "orders 0/12"}
    assert found.positions == moved | ({"0/3": ""} if with_unknown else {})
    assert found.unknown == ({"0/3"} if with_unknown else set())
    assert {topic: len(copies) for topic, copies in found.copies().items()} == {"orders": 2}
    found.keep({"0/1"})
    assert (found.names(), found.unknown) == ({"0/1"}, set())
