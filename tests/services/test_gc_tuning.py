"""The collector's thresholds have one owner, whoever wants what in whatever order."""

from __future__ import annotations

import gc

import pytest

from mqtui.services.gc_tuning import FEW_COLLECTIONS, NEVER, GcThresholds

USUAL = (700, 10, 10)


@pytest.fixture
def thresholds(monkeypatch: pytest.MonkeyPatch) -> GcThresholds:
    """Those of a process that nobody has tuned, kept apart from this one's."""
    kept = list(USUAL)

    def set_threshold(*told: int) -> None:
        kept[:] = told

    monkeypatch.setattr(gc, "get_threshold", lambda: tuple(kept))
    monkeypatch.setattr(gc, "set_threshold", set_threshold)
    return GcThresholds()


def test_a_run_within_a_console_leaves_the_console_its_own(thresholds: GcThresholds) -> None:
    thresholds.suspend_full_collections()
    with thresholds.fewer_collections():
        assert gc.get_threshold() == (FEW_COLLECTIONS, 10, NEVER)
    assert gc.get_threshold() == (700, 10, NEVER)
    thresholds.resume_full_collections()
    assert gc.get_threshold() == USUAL


def test_the_first_of_two_runs_to_end_changes_nothing_for_the_other(thresholds: GcThresholds) -> None:
    with thresholds.fewer_collections():
        with thresholds.fewer_collections():
            pass
        assert gc.get_threshold() == (FEW_COLLECTIONS, 10, 10)
    assert gc.get_threshold() == USUAL
