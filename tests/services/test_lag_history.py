"""What a series of looks tells of groups: states, since when, rates, ages; memory that stays flat."""

from __future__ import annotations

from dataclasses import replace

from mqtui.domain.figure import Exactness
from mqtui.domain.lag_assessment import LagState
from mqtui.domain.topology import GroupLag
from mqtui.services.lag_history import LagHistory
from tests.domain.test_lag_assessment import assigned, group, queue

SHIPPING = group((0, 0)).group
NOON = 1_795_000_000.0


def watched(*looks: GroupLag, seconds: float = 2.0) -> LagHistory:
    """A history of looks at one group, so many seconds apart."""
    history = LagHistory()
    for turn, row in enumerate(looks):
        history.add(turn * seconds, NOON + turn * seconds, {row.group: row})
    return history


def test_a_look_is_compared_with_one_of_half_a_minute() -> None:
    """At most three looks are kept, whatever their number, so that memory stays flat."""
    history = watched(*(group((turn * 10, 5_000 + turn * 20)) for turn in range(100)))
    report = history.reports[SHIPPING]
    assert len(history._looks) <= 3
    assert report.assessment.words == "slow: 10/s in, 5/s out: falls behind 5/s"
    assert (report.state, report.since, report.is_since_first_look) == (LagState.SLOW, NOON + 2, True)


def test_figures_that_are_drawn_again_are_no_look_of_their_own() -> None:
    history = watched(group((10, 5_000)))
    history.add(0.0, NOON + 5, {SHIPPING: group((40, 5_000))})
    assert not history.tells_movement
    assert "one look" in history.reports[SHIPPING].assessment.words


def test_since_when_a_group_is_stopped() -> None:
    reads, empty = group((5, 9)), group((5, 9), state="Empty")
    seen = watched(reads, empty, empty, seconds=60.0).reports[SHIPPING]
    assert (seen.state, seen.since, seen.is_since_first_look) == (LagState.STOPPED, NOON + 60, False)
    assert seen.assessment.words.startswith("stopped since ") and "before" not in seen.assessment.words
    before = watched(empty, empty, seconds=60.0).reports[SHIPPING]
    assert before.assessment.words.startswith("stopped since before ")
    assert before.is_since_first_look


def test_how_long_a_partition_stands() -> None:
    """From the look at which its position was new, or messages began to wait there."""
    rows = [group((9, 9), (turn, 99)) for turn in range(3)] + [
        group((9, 50 + turn), (9 + turn, 99)) for turn in range(9)
    ]
    history = watched(*rows, seconds=60.0)
    stands = history.standstill_of(SHIPPING, rows[-1].parts[0])
    assert stands is not None and (stands.seconds, stands.at_least) == (480.0, False)
    assert "stuck on 0/9 for 8m" in history.reports[SHIPPING].assessment.words
    assert history.standstill_of(SHIPPING, rows[-1].parts[1]) is None
    first = watched(*rows[3:], seconds=60.0).standstill_of(SHIPPING, rows[-1].parts[0])
    assert first is not None and first.at_least


def test_the_age_of_what_waits() -> None:
    history = watched(*(group((0, turn * 10), (1, 1)) for turn in range(10)), seconds=10.0)
    waits, read = history.movements_of(group((0, 90), (1, 1)))
    assert (waits.time_lag.number, waits.time_lag.sort) == (90.0, Exactness.ABOUT)
    assert read.time_lag.number == 0
    assert history.reports[SHIPPING].movement.time_lag.number == 90.0


def test_a_queue_has_no_age_and_says_why() -> None:
    row = queue(9)
    report = watched(row, row).reports[row.group]
    assert report.movement.time_lag.number is None
    assert "does not say" in report.movement.time_lag.why


def test_rebalances_are_counted() -> None:
    a, b = assigned((1, 9, "a"), (1, 9, "b"), members=2), assigned((2, 9, "b"), (2, 9, "a"), members=2)
    report = watched(a, b, b, a, seconds=10.0).reports[SHIPPING]
    assert (report.rebalances, report.rebalanced) == (2, NOON + 30)
    joined = watched(replace(a, parts=()), a).reports[SHIPPING]
    assert joined.rebalances == 0


def test_what_is_gone_is_forgotten() -> None:
    history = watched(group((1, 9)), group((1, 9)))
    history.add(9.0, NOON + 9, {})
    assert not history.reports
    assert not history._standing
