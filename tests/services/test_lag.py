"""Groups and their lag; unknown is never zero (K14)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mqtui.domain.errors import NotFound
from mqtui.domain.figure import Figure, about, at_least, at_most, exact, unknown
from mqtui.domain.resource import Kind, Ref, parse_name
from mqtui.domain.topology import GroupLag
from mqtui.services import lag
from mqtui.services.session import Session, open_session
from tests.services.memory_fixtures import KafkaFixture, RedisFixture


@pytest.fixture
def kafka() -> KafkaFixture:
    broker = KafkaFixture()
    broker.add_dead_letters(range(10))
    broker.server.commit("slow", broker.source, 0, 1)
    broker.server.commit("slow", broker.source, 1, 5)
    broker.server.commit("fast", broker.source, 0, 5)
    return broker


@pytest.fixture
async def session(kafka: KafkaFixture) -> AsyncIterator[Session]:
    async with open_session(kafka.url, adapters=kafka.connect) as one:
        yield one


async def test_groups_by_name(kafka: KafkaFixture, session: Session) -> None:
    assert [group.ref.name for group in await lag.list_groups(session)] == ["fast", "slow"]
    assert len(await lag.list_groups(session, kafka.source)) == 2
    assert not await lag.list_groups(session, kafka.origin)


async def test_lag_of_one_or_all(session: Session) -> None:
    assert {row.group.name: row.total.number for row in await lag.read_lag(session)} == {"slow": 4, "fast": 0}
    (slow,) = await lag.read_lag(session, parse_name("slow"))
    assert {part.partition: part.lag.number for part in slow.parts} == {0: 4, 1: 0}
    with pytest.raises(NotFound, match="nobody"):
        await lag.read_lag(session, parse_name("nobody"))


async def test_streams_name_groups_by_stream_too() -> None:
    broker = RedisFixture()
    broker.add_dead_letters(range(4))
    broker.server.group(broker.source, "billing")
    async with open_session(broker.url, adapters=broker.connect) as session:
        (row,) = await lag.read_lag(session, parse_name("billing"))
    assert row.total == exact(4)


def row(name: str, total: Figure) -> GroupLag:
    return GroupLag(Ref(Kind.GROUP, name), "Stable", (), total)


@pytest.mark.parametrize(
    ("total", "warn", "fail", "failed", "warned"),
    [
        (exact(9), None, 10, 0, 0),
        (exact(10), None, 10, 1, 0),
        (exact(10), 5, 20, 0, 1),
        (exact(30), 5, 20, 1, 0),
        (exact(0), 0, None, 0, 1),
        (about(12, "sampled"), None, 10, 1, 0),
        (about(3, "a sum of bounds"), None, 10, 1, 0),
        (at_most(9, "markers"), None, 10, 0, 0),
        (at_most(10, "markers"), None, 10, 1, 0),
        (at_most(10, "markers"), 10, 20, 0, 1),
        (unknown("no committed offset"), None, 10, 1, 0),
        (unknown("no committed offset"), 5, None, 0, 1),
        (unknown("no committed offset"), None, None, 0, 0),
        (at_least(3, "a partition is unknown"), None, 10, 1, 0),
        (at_least(30, "a partition is unknown"), None, 10, 1, 0),
        (at_least(3, "a partition is unknown"), 10, None, 0, 1),
        (at_least(3, "a partition is unknown"), None, None, 0, 0),
    ],
)
def test_verdicts(total: Figure, warn: int | None, fail: int | None, failed: int, warned: int) -> None:
    verdict = lag.check_lag([row("billing", total)], warn=warn, fail=fail)
    assert (len(verdict.failed), len(verdict.warned)) == (failed, warned)
    for sentence in (*verdict.failed, *verdict.warned):
        assert sentence.startswith("billing: lag ")
        assert total.why in sentence or total.number is not None


def test_a_verdict_names_each_group() -> None:
    rows = [row("a", exact(5)), row("b", unknown("no committed offset")), row("c", exact(50))]
    verdict = lag.check_lag(rows, warn=None, fail=50)
    assert verdict.failed == ("b: lag unknown: no committed offset", "c: lag 50 is 50 or more")


def test_a_check_over_a_part_or_nothing_fails() -> None:
    assert lag.check_lag([], warn=None, fail=10).failed == ("no group: there is none that could be behind",)
    assert lag.check_lag([], warn=None, fail=None).failed == ()
    verdict = lag.check_lag([row("a", exact(1))], ["some groups have no coordinator"], warn=None, fail=10)
    assert verdict.failed == ("lag unknown in part: some groups have no coordinator",)
