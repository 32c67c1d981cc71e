"""Rates, time until nothing waits, and the age of what waits: known, bounded or not known, and never made up."""

from __future__ import annotations

import pytest

from mqtui.domain.end_timeline import CAPACITY, EndTimeline, position_number
from mqtui.domain.figure import Exactness, about, at_least, exact, unknown
from mqtui.domain.lag_movement import NEVER, Movement, PartitionChange, compare, duration_text, measure, oldest
from mqtui.domain.topology import GroupLag
from tests.domain.test_lag_assessment import group, queue, stream

AGE = exact(7)


def moved(before: GroupLag, now: GroupLag, seconds: float) -> Movement:
    return measure(compare(before, now), now.total, seconds, AGE)


@pytest.mark.parametrize(
    ("before", "now", "seconds", "rates", "eta"),
    [
        (group((0, 9_000)), group((300, 9_030)), 3.0, (10, 100), "≈ 1m"),
        (group((0, 9_000)), group((3, 9_300)), 3.0, (100, 1), "never"),
        (group((0, 9)), group((9, 9)), 3.0, (0, 3), "0s"),
        (queue(90), queue(30), 3.0, (None, None), "≈ 1s"),
        (queue(30), queue(90), 3.0, (None, None), "never"),
        (queue(90, 100, 10), queue(60, 100, 40), 3.0, (None, None), "≈ 6s"),
        (queue(90, 100, 10), queue(60, 100, 40), 30.0, (0, 1), "≈ 1m"),
        (stream("5-0", 9), stream("6-0", 3), 3.0, (None, None), "≈ 1s"),
        (group((9, 9)), group((4, 9)), 3.0, (0, 0), "never"),
    ],
)
def test_rates_and_eta(
    before: GroupLag, now: GroupLag, seconds: float, rates: tuple[int | None, int | None], eta: str
) -> None:
    found = moved(before, now, seconds)
    assert (found.rate_in.number, found.rate_out.number) == rates
    assert duration_text(found.eta) == eta
    assert found.time_lag is AGE


def test_one_look_tells_no_rate_and_no_end() -> None:
    found = measure([], group((0, 9)).total, 0.0, AGE)
    assert [figure.number for figure in (found.rate_in, found.rate_out, found.eta)] == [None, None, None]
    assert measure([], exact(0), 0.0, AGE).eta.number == 0
    assert measure([PartitionChange(*group((0, 9), (0, 9)).parts)], unknown("no right"), 3.0, AGE).eta.why == "no right"


def test_the_age_of_what_waits_is_interpolated_between_two_looks() -> None:
    ends: EndTimeline[str] = EndTimeline()
    for time, end in ((100.0, 1_000), (110.0, 2_000), (120.0, 2_000)):
        ends.begin(time)
        ends.set("p", end)
    assert ends.age_of("p", 1_500) == about(15.0, "interpolated between two looks")
    assert ends.age_of("p", 999) == at_least(20.0, "it arrived before the first look")
    assert ends.age_of("p", 2_000) == exact(0)
    assert ends.age_of("other", 5) is None


def test_one_look_tells_no_age() -> None:
    ends: EndTimeline[str] = EndTimeline()
    ends.begin(100.0)
    ends.set("p", 1_000)
    found = ends.age_of("p", 10)
    assert found is not None and found.number is None


def test_a_partition_that_appears_later_has_a_bound_from_then_on() -> None:
    ends: EndTimeline[str] = EndTimeline()
    for turn in range(5):
        ends.begin(turn * 10.0)
        if turn >= 2:
            ends.set("late", 500 + turn)
    found = ends.age_of("late", 3)
    assert found is not None and (found.number, found.sort) == (20.0, Exactness.AT_LEAST)


def test_a_topic_that_was_created_again_begins_anew() -> None:
    ends: EndTimeline[str] = EndTimeline()
    for time, end in ((0.0, 9_000), (10.0, 9_100), (20.0, 50), (30.0, 60)):
        ends.begin(time)
        ends.set("p", end)
    found = ends.age_of("p", 40)
    assert found is not None and (found.number, found.sort) == (10.0, Exactness.AT_LEAST)


def test_memory_is_flat_and_the_oldest_look_stays() -> None:
    """Ten thousand looks: a message that came with the first ones is still known to be that old, about."""
    ends: EndTimeline[str] = EndTimeline()
    for turn in range(10_000):
        ends.begin(turn * 2.0)
        ends.set("p", turn * 10)
        if turn < 50:
            ends.set("gone", turn)
    assert len(ends._times) <= CAPACITY
    assert set(ends._ends) == {"p"}
    for position in (500, 90_000, 99_950):
        found = ends.age_of("p", position)
        assert found is not None and found.number is not None
        assert abs(found.number - (19_998 - position / 10 * 2)) <= 2.1, position


def test_the_oldest_of_several_ages() -> None:
    assert oldest([]) == exact(0)
    assert oldest([exact(3), about(9)]) == about(9)
    assert oldest([exact(3), unknown("no position")]) == at_least(3, "no position")
    assert oldest([unknown("no position")]).number is None


def test_positions_as_numbers() -> None:
    assert position_number("118203") == 118203
    assert position_number("1795475111678-2") == 1795475111678.002
    assert [position_number(text) for text in ("", "?", "abc")] == [None, None, None]


def test_durations_say_how_exact_they_are() -> None:
    texts = [duration_text(figure) for figure in (NEVER, unknown("x"), at_least(7_300), about(61), exact(5))]
    assert texts == ["never", "?", "≥ 2h", "≈ 1m", "5s"]
