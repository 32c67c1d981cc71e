"""`search --share` with three processes, one of which is killed. The full form is tests/chaos/shared_search.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from mqtui.domain.resource import Kind, Ref
from mqtui.domain.shared_scan import SharedProgress, decode_progress, group_of
from tests.brokers import Brokers
from tests.chaos.shared_search import kill_one_of_three


@pytest.mark.timeout(240)
def test_the_hits_of_all_are_the_hits_of_one(brokers: Brokers, tmp_path: Path) -> None:
    """Though one is killed: what it was scanning is scanned by the others, and named as perhaps scanned twice."""
    told = kill_one_of_three(brokers.kafka(), tmp_path, 12_000)
    assert not told.missed and not told.found.keys() - told.wanted
    assert not told.unnamed and told.repeated
    assert "is shared by another search" in told.refusal
    assert not told.groups


def test_a_part_is_an_eighth_within_bounds() -> None:
    for size, part in ((500, 500), (5_000, 1_000), (80_000, 10_000), (8_000_000, 100_000)):
        assert SharedProgress("s", 10, 10 + size).next_end(10) - 10 == part
    assert SharedProgress("s", 0, 5_000).next_end(4_900) == 5_000


def test_commits_of_others_are_no_progress() -> None:
    own = SharedProgress("s", 1, 2, "ann at host, process 7")
    assert decode_progress(own.encode()) == own
    for foreign in (None, "", "{}", "\udcff", "rack-1", '{"scan": 1}'):
        assert decode_progress(foreign) is None
    assert group_of("mqtui", "night") == Ref(Kind.GROUP, "mqtui.search.night")
