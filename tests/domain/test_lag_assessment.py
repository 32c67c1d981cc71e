"""How a group goes: each state by its figures, and nothing claimed that one look can't tell."""

from __future__ import annotations

import pytest

from mqtui.domain.figure import at_most, exact, total, unknown
from mqtui.domain.lag_assessment import assess
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import GroupLag, PartitionLag
from mqtui.services.lag_looks import LagLooks

ORDERS = Ref(Kind.TOPIC, "orders")
SECONDS = 3.0


def group(*parts: tuple[int, int], state: str = "Stable") -> GroupLag:
    """A group that stands at these offsets of partitions with these ends."""
    rows = tuple(
        PartitionLag(ORDERS, number, str(at), str(end), at_most(end - at, "offsets") if end > at else exact(0))
        for number, (at, end) in enumerate(parts)
    )
    return GroupLag(Ref(Kind.GROUP, "shipping"), state, rows, total(row.lag for row in rows))


def queue(waiting: int) -> GroupLag:
    row = PartitionLag(Ref(Kind.QUEUE, "work"), 0, "", "", exact(waiting))
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
        (group((7, 900), (0, 50)), group((7, 960), (45, 60)), "stuck", "stuck on 0/7 for 3s, while others move; ≤ 953"),
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


def test_a_look_is_compared_with_one_of_half_a_minute() -> None:
    """At most three looks are kept, whatever their number, so that memory stays flat."""
    looks: LagLooks[str] = LagLooks()
    for turn in range(100):
        row = group((turn * 10, 5_000 + turn * 20))
        looks.add(turn * 2.0, {"g": row})
        assert looks.tells_movement is (turn > 0)
    assert len(looks._looks) <= 3
    assert looks.assess("g", row).words == "slow: 10/s in, 5/s out: falls behind 5/s"
    assert "one look" in looks.assess("other", row).words


def test_a_screen_that_is_drawn_again_has_seen_nothing_new() -> None:
    """Nor has one that is drawn while a poll goes on: its figures are new, their time is that of the poll before."""
    looks: LagLooks[str] = LagLooks()
    first, second = {"g": group((10, 5_000))}, {"g": group((40, 5_000))}
    looks.add(1.0, first)
    looks.add(2.0, first)
    assert not looks.tells_movement
    looks.add(1.0, second)
    looks.add(3.0, second)
    assert "stalled" not in looks.assess("g", second["g"]).words
