"""The short form of the table: the cases on the suite's brokers, beside the calls that the brokers' tools make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mqtui.domain.figure import about, at_least, at_most, exact, unknown
from tests.beside.kafka_rows import KafkaCases, compare_kafka
from tests.beside.kafka_theirs import by_calls
from tests.beside.ours import Ours, look_at
from tests.beside.rabbitmq_rows import RabbitCases, compare_rabbitmq
from tests.beside.redis_rows import RedisCases, compare_redis
from tests.beside.rows import Row, judge, table

MANY = 1_000


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG", "STATE"):
        monkeypatch.setenv(f"MQTUI_{name}_DIR", str(tmp_path / name.lower()))


def own(ours: Ours, names: dict[str, str]) -> Ours:
    """What belongs to the cases."""
    lags = {name: row for name, row in ours.lags.items() if name in names or name.rpartition("/")[0] in names}
    return Ours({name: row for name, row in ours.rows.items() if name in names}, ours.groups, lags, ours.missing)


def held(rows: list[Row]) -> dict[str, list[str]]:
    """Figures by case, where none differs."""
    assert not [row for row in rows if row.differs], "\n".join(table(rows, every=True))
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.case, []).append(f"{row.ours} / {row.theirs}")
    return found


async def test_kafka(kafka_url: str) -> None:
    cases = KafkaCases(kafka_url, share=False)
    try:
        ours = own(await look_at(kafka_url), cases.case_of)
        told = by_calls(cases.bootstrap, ours.lags)
        found = held([*compare_kafka(ours, told, cases.bootstrap, cases.case_of)])
    finally:
        cases.close()
    assert found == {
        "C48": ["≈ 9 / 9", "≤ 6 / 6"],
        "C49": ["≈ 4 / 4", "≤ 4 / 16"],
        "C45": ["≈ 7 / 7", "≤ 7 / 7"],
        "C46": ["≈ 100 / 100", "0 / 0"],
    }


async def test_rabbitmq(rabbitmq_url: str) -> None:
    cases = RabbitCases(rabbitmq_url)
    try:
        told: dict[str, Any] = {name: {} for name in cases.case_of}
        ours = own(await look_at(rabbitmq_url), cases.case_of)
        rows = [*compare_rabbitmq(ours, cases.rabbit, told, cases.case_of)]
    finally:
        cases.close()
    assert len(held([row for row in rows if row.what == "waiting"])["depth"]) == len(cases.case_of)


async def test_redis(redis_url: str) -> None:
    cases = RedisCases(redis_url, MANY)
    try:
        ours = own(await look_at(redis_url), cases.case_of)
        found = held([*compare_redis(ours, cases.stage.client, cases.case_of)])
    finally:
        cases.close()
    assert found["C50"] == ["1,000 / 1,000", "0 / 0", "1,000 / 1,000", "0 / 0"]
    assert found["C47"][0] == "61 / 61"
    assert found["C47"][1].startswith("60 /")


def test_what_differs_is_found() -> None:
    """An exact figure that is not the truth, a bound that does not hold, and `?` without a reason."""
    wrong = [
        (exact(5), 6, None),
        (exact(6), 6, 5),
        (at_most(4, "why"), 9, 5),
        (at_least(6, "why"), 9, 5),
        (unknown(""), 5, None),
        (exact(5), None, None),
    ]
    right = [
        (exact(5), 5, None),
        (exact(5), -39, 5),
        (at_most(6, "why"), 6, 0),
        (at_least(2, "why"), None, 6),
        (unknown("why"), 5, None),
        (about(7, "why"), 5, None),
    ]
    assert [judge(*row)[0] for row in wrong] == [True] * len(wrong)
    assert [judge(*row)[0] for row in right] == [False] * len(right)
