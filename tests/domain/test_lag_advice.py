"""Advice is given only where the figures support it."""

from __future__ import annotations

import pytest

from mqtui.domain.figure import exact
from mqtui.domain.lag_advice import LOOK, START, advise
from mqtui.domain.lag_assessment import LagState
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import GroupLag, PartitionLag


def group(partitions: int, members: int | None, *, assigned: bool = True) -> GroupLag:
    parts = tuple(
        PartitionLag(Ref(Kind.TOPIC, "t"), number, "1", "9", exact(8), member=f"m{number}" if assigned else "")
        for number in range(partitions)
    )
    return GroupLag(Ref(Kind.GROUP, "g"), "Stable", parts, exact(8 * partitions), members)


@pytest.mark.parametrize(
    ("state", "lag", "advice"),
    [
        (LagState.SLOW, group(12, 5), "5 members for 12 partitions: up to 7 more members can share them"),
        (LagState.SLOW, group(2, 1), "1 member for 2 partitions: up to 1 more member can share them"),
        (LagState.SLOW, group(3, 3), "each of 3 partitions has its member: more members need more partitions"),
        (LagState.SLOW, group(1, 4), "the only partition has its member: more members need more partitions"),
        (LagState.SLOW, group(3, 2, assigned=False), ""),
        (LagState.SLOW, group(3, None), ""),
        (LagState.SLOW, group(0, 1), ""),
        (LagState.SKEWED, group(12, 5), ""),
        (LagState.RECOVERING, group(12, 5), ""),
        (LagState.STALLED, group(12, 5), ""),
        (LagState.STUCK, group(12, 5), LOOK),
        (LagState.STOPPED, group(3, 0), START),
    ],
)
def test_what_to_do(state: LagState, lag: GroupLag, advice: str) -> None:
    told = advise(state, lag)
    assert told.startswith(advice) and bool(told) == bool(advice)
