"""C14: to answer about one thing, one thing is asked; what the broker was asked is counted by the broker."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from redis import Redis

from tests.cli.driver import Mqtui
from tests.cli.grounds import CountingRedis, Ground

MANY = 20_000


@pytest.fixture
def stream(redis: Ground) -> str:
    """A stream of many entries, all in the hands of one consumer but one."""
    assert isinstance(redis.world, CountingRedis)
    name = redis.world.create("jobs").name
    with Redis.from_url(redis.url) as client:
        pipe = client.pipeline(transaction=False)
        for number in range(MANY):
            pipe.xadd(name, {"number": number})
        pipe.execute()
        client.xgroup_create(name, "g", "0")
        client.xreadgroup("g", "second", {name: ">"}, count=1)
        client.xreadgroup("g", "first", {name: ">"}, count=MANY)
    return name


class Asked:
    """What a Redis was asked while this was entered."""

    def __init__(self, url: str) -> None:
        self._client = Redis.from_url(url)
        self._before: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.answered = 0

    def __enter__(self) -> Asked:
        self._before, self.answered = self._read()
        return self

    def __exit__(self, *_: object) -> None:
        after, answered = self._read()
        self.calls = after - self._before
        self.answered = answered - self.answered
        self._client.close()

    def _read(self) -> tuple[Counter[str], int]:
        stats: Any = self._client.info("commandstats")
        traffic: Any = self._client.info("stats")
        calls = {name.removeprefix("cmdstat_"): told["calls"] for name, told in stats.items()}
        return Counter(calls), int(traffic["total_net_output_bytes"])


def test_c103_pending_tells_a_summary_and_as_many_entries_as_were_asked_for(
    mqtui: Mqtui, redis: Ground, stream: str
) -> None:
    with Asked(redis.url) as asked:
        lines = mqtui("pending", redis.url, stream, "g", "-n", 3).ok().text.splitlines()
    assert [line.split() for line in lines[:3]] == [["CONSUMER", "PENDING"], ["first", "19,999"], ["second", "1"]]
    assert lines[4].split() == ["ID", "CONSUMER", "IDLE", "DELIVERIES"]
    assert [line.split()[1] for line in lines[5:]] == ["second", "first", "first"]
    assert asked.calls["xpending"] == 2
    assert asked.answered < 20_000
    with Asked(redis.url) as asked:
        rows = mqtui("pending", redis.url, stream, "g", "--consumer", "second", "--json").ok().rows()
    assert [row["consumer"] for row in rows] == ["second"]
    assert asked.calls["xpending"] == 1
    assert "first" not in mqtui("pending", redis.url, stream, "g", "--consumer", "second").ok().text
    assert len(mqtui("pending", redis.url, stream, "g", "-n", 1_200, "--json").ok().rows()) == 1_200


def test_c103_pending_gives_rows_as_they_come(mqtui: Mqtui, redis: Ground, stream: str) -> None:
    """Who reads three lines and goes costs the broker a few pages, not all of them."""
    for words in ((), ("--json",)):
        with Asked(redis.url) as asked, mqtui.start("pending", redis.url, stream, "g", *words) as process:
            assert process.stdout is not None
            assert [process.stdout.readline() for _ in range(3)]
            process.stdout.close()
            assert process.wait(60) == 0
        assert 0 < asked.calls["xpending"] < MANY / 500 / 2, words
