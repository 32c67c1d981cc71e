"""How a group goes: each state by its figures, and nothing claimed that one look can't tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mqtui.domain.figure import at_most, exact, total, unknown
from mqtui.domain.lag_assessment import LAG_RULES, LagState, Memory, Standstill, assess
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import GroupLag, PartitionLag

ORDERS = Ref(Kind.TOPIC, "orders")
SECONDS = 3.0
STUCK = "stuck on 0/7 for 3s, while others move, or its consumers commit more rarely; ≤ 953"


def group(*parts: tuple[int, int], state: str = "Stable") -> GroupLag:
    """A group that stands at these offsets of partitions with these ends."""
    rows = tuple(
        PartitionLag(ORDERS, number, str(at), str(end), at_most(end - at, "offsets") if end > at else exact(0))
        for number, (at, end) in enumerate(parts)
    )
    return GroupLag(Ref(Kind.GROUP, "shipping"), state, rows, total(row.lag for row in rows))


def queue(waiting: int, arrived: int | None = None, read: int | None = None) -> GroupLag:
    row = PartitionLag(Ref(Kind.QUEUE, "work"), 0, "", "", exact(waiting), arrived=arrived, read=read)
    return GroupLag(Ref(Kind.GROUP, "work"), "running", (row,), row.lag)


def stream(delivered: str, waiting: int, state: str = "members") -> GroupLag:
    row = PartitionLag(Ref(Kind.STREAM, "payments"), 0, delivered, "9-0", exact(waiting))
    return GroupLag(Ref(Kind.GROUP, "payments/ledger"), state, (row,), row.lag)


@pytest.mark.parametrize(
    ("before", "now", "state", "words"),
    [
        (None, group((9, 9)), "ok", "nothing waits"),
        (None, group((0, 9)), "unknown", "≤ 9 waiting: one look does not tell whether it moves"),
        (None, group((0, 9), state="Empty"), "stopped", "stopped: no members, ≤ 9 waiting"),
        (group((0, 9)), group((0, 309), state="Empty"), "stopped", "no members, ≤ 309 waiting, 100/s arrive"),
        (group((5, 900)), group((5, 960)), "stalled", "nothing was committed in 3s"),
        (
            group((7, 900), (0, 50)),
            group((7, 960), (45, 60)),
            "stuck",
            STUCK,
        ),
        (group((7, 900), (9, 9)), group((7, 960), (30, 30)), "stuck", "stuck on 0/7"),
        (group((7, 900), (9, 9)), group((7, 960), (9, 9)), "stalled", "nothing was committed"),
        (group((90, 900)), group((10, 900)), "rewound", "partition 0 of orders from 90 back to 10"),
        (group((0, 9000)), group((1920, 11436)), "slow", "812/s in, 640/s out: falls behind 172/s"),
        (group((0, 9000)), group((900, 9030)), "recovering", "10/s in, 300/s out, done in 28s"),
        (group((0, 30)), group((290, 330)), "ok", "100/s in, 97/s out, ≤ 40 waiting"),
        (
            group((0, 9000), (0, 10), (0, 10), (0, 10)),
            group((3, 9900), (9, 20), (9, 20), (9, 20)),
            "skewed",
            "1 of 4 partitions carries 100%: more consumers will not help",
        ),
        (queue(5), queue(35), "slow", "falls behind 10/s, 35 waiting"),
        (queue(35), queue(5), "recovering", "10/s less, done in 0s"),
        (queue(5), queue(5), "ok", "5 waiting as before"),
        (stream("5-0", 9), stream("5-0", 9), "stalled", "stalled"),
        (stream("5-0", 9), stream("2-0", 30), "rewound", "from 5-0 back to 2-0"),
        (stream("5-0", 9), stream("6-0", 3), "recovering", "2/s less"),
        (None, stream("5-0", 9, "empty"), "stopped", "no members, 9 waiting"),
    ],
)
def test_each_state(before: GroupLag | None, now: GroupLag, state: str, words: str) -> None:
    assessment = assess(now, before, SECONDS if before else 0.0)
    assert (assessment.state, words in assessment.words) == (state, True), assessment


def test_what_is_not_known_is_said() -> None:
    row = GroupLag(Ref(Kind.GROUP, "g"), "Stable", (), unknown("no committed offset"))
    assert assess(row, row, SECONDS).words == "not known: no committed offset"


def assigned(*parts: tuple[int, int, str], members: int) -> GroupLag:
    """A group whose partitions have a member each, and its number of members."""
    plain = group(*((at, end) for at, end, _ in parts))
    rows = tuple(replace(row, member=member) for row, (_, _, member) in zip(plain.parts, parts, strict=True))
    return replace(plain, parts=rows, members=members)


def test_a_stopped_group_says_since_when() -> None:
    stopped = group((0, 9), state="Empty")
    memory = Memory(stopped="since 02:53")
    assert assess(stopped, memory=memory).words == "stopped since 02:53: no members, ≤ 9 waiting"


def test_a_stuck_group_says_for_how_long_and_that_its_member_is_alive() -> None:
    member = "ship-2-84dc126f-1548-4d4d-93d3-3ae7e639ce62"
    before = assigned((7, 900, member), (0, 50, "ship-1"), members=2)
    now = assigned((7, 960, member), (45, 60, "ship-1"), members=2)
    told = assess(now, before, 30.0, Memory(standstill=lambda part: Standstill(1020.0)))
    assert told.words == ("stuck on 0/7 for 17m, while others move and its member ship-2 is alive; ≤ 953 waiting there")


def test_a_group_of_one_partition_says_where_it_stalls() -> None:
    before, now = assigned((7, 900, "ship-2"), members=1), assigned((7, 960, "ship-2"), members=1)
    told = assess(now, before, 30.0, Memory(standstill=lambda part: Standstill(1020.0, at_least=True)))
    assert told.words == (
        "stalled at 0/7: nothing was committed in at least 17m and its member ship-2 is alive; ≤ 953 waiting"
    )


def test_more_members_than_partitions_are_told_where_it_falls_behind() -> None:
    before = assigned((0, 9_000, "a"), (0, 9_000, "b"), (0, 9_000, "c"), members=5)
    now = assigned((9, 9_900, "a"), (9, 9_900, "b"), (9, 9_900, "c"), members=5)
    assert assess(now, before, SECONDS).words.endswith("; 5 members for 3 partitions: 2 have nothing to do")


def test_counters_of_a_queue_tell_rates_once_the_looks_are_far_enough_apart() -> None:
    """The management API samples them every few seconds."""
    before, now = queue(500, 1_500, 1_000), queue(600, 2_100, 1_500)
    assert assess(now, before, 3.0).words == "slow: falls behind 33/s, 600 waiting"
    assert assess(now, before, 30.0).words == "slow: 20/s in, 17/s out: falls behind 3/s"
    still = assess(queue(600, 1_600, 1_000), before, 30.0)
    assert (still.state, still.words) == ("stalled", "stalled at work: nothing was read in 30s; 600 waiting")


def test_what_two_near_looks_tell_is_not_settled() -> None:
    """Consumers that commit every five seconds look stalled for three."""
    before, now = group((5, 900)), group((5, 960))
    assert [assess(now, before, seconds).is_settled for seconds in (3.0, 30.0)] == [False, True]
    assert assess(group((0, 9), state="Empty")).is_settled
    assert assess(group((9, 9))).is_settled
    assert not assess(group((0, 9))).is_settled


def test_every_state_has_its_rule() -> None:
    assert set(LAG_RULES) == set(LagState)
