"""What is wrong as it stands: stopped, full, losing; and what is not (C113, C114, C116)."""

from __future__ import annotations

import pytest

from mqtui.domain.figure import Figure, exact, unknown
from mqtui.domain.problems import find_destination_problems, find_group_problem, problems_by_destination
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import Destination, Group, GroupLag, Member, PartitionLag

TOPIC = Ref(Kind.TOPIC, "orders")
QUEUE = Ref(Kind.QUEUE, "work")
GROUP = Ref(Kind.GROUP, "billing")
HOUR = 3_600_000


def lag(waiting: Figure, ref: Ref = TOPIC) -> GroupLag:
    return GroupLag(GROUP, "Empty", (PartitionLag(ref, 0, "1", "9", waiting),), waiting)


def group(*members: Member, pending: int = 0) -> Group:
    return Group(GROUP, "classic", "Empty", members, (TOPIC,), exact(pending))


@pytest.mark.parametrize(
    ("one", "waiting", "words"),
    [
        (group(), exact(1140), "stopped: no members, 1,140 waiting"),
        (group(), exact(0), ""),
        (group(), unknown("no commit"), ""),
        (group(Member("a")), exact(1140), ""),
        (group(pending=3), exact(0), "no members, 3 pending"),
        (group(Member("a", pending=3, idle=5 * HOUR), pending=3), exact(0), "idle for 5 h"),
        (group(Member("a", pending=3, idle=900), pending=3), exact(0), ""),
        (group(Member("a", pending=0, idle=5 * HOUR)), exact(0), ""),
    ],
)
def test_a_group(one: Group, waiting: Figure, words: str) -> None:
    told = find_group_problem(one, lag(waiting))
    assert words in told
    assert bool(told) is bool(words)
    found = problems_by_destination([Destination(TOPIC, "topic")], [one], {GROUP: lag(waiting)})
    assert found == ({TOPIC: (f"billing {told}",)} if words else {})


@pytest.mark.parametrize(
    ("held", "facts", "words"),
    [
        (exact(500), {"max_length": 500, "consumers": 0}, "full (500 of 500): drops the oldest, no consumer"),
        (exact(500), {"max_length": 500, "overflow": "reject-publish"}, "full (500 of 500): refuses new ones"),
        (exact(499), {"max_length": 500}, ""),
        (unknown("down"), {"max_length": 500}, ""),
        (exact(1), {"dead_letter_exchange": "gone"}, "its dead letters are lost: there is no exchange gone"),
        (exact(1), {"dead_letter_exchange": "there"}, ""),
        (exact(1), {"dead_letter_exchange": "", "dead_letter_routing_key": "x"}, "lost: there is no queue x"),
        (exact(1), {"dead_letter_exchange": "", "dead_letter_routing_key": "work"}, ""),
        (exact(1), {"dead_letter_exchange": ""}, ""),
    ],
)
def test_a_queue(held: Figure, facts: dict[str, str | int | bool | None], words: str) -> None:
    row = Destination(QUEUE, "classic", messages=held, facts=facts)
    told = find_destination_problems(row, {QUEUE, Ref(Kind.EXCHANGE, "there")})
    assert [words in each for each in told] == ([True] if words else [])
