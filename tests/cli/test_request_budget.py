"""C14: to answer about one thing, one thing is asked; what the broker was asked is counted by the broker."""

from __future__ import annotations

import os
import re
from collections import Counter
from contextlib import closing
from typing import Any

import pytest
from redis import Redis

from tests.brokers import Brokers
from tests.cli.broker_fixtures import BrokerFixture, RedisDeadLetters
from tests.cli.command_line import Mqtui
from tests.contract.worlds import Letter
from tests.perf.counting_proxy import CountingProxy, http_requests

MANY = 20_000


@pytest.fixture
def stream(redis: BrokerFixture) -> str:
    """A stream of many entries, all in the hands of one consumer but one."""
    assert isinstance(redis.world, RedisDeadLetters)
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
    mqtui: Mqtui, redis: BrokerFixture, stream: str
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


def test_c103_pending_gives_rows_as_they_come(mqtui: Mqtui, redis: BrokerFixture, stream: str) -> None:
    """Who reads three lines and goes costs the broker a few pages, not all of them."""
    for words in ((), ("--json",)):
        with Asked(redis.url) as asked, mqtui.start("pending", redis.url, stream, "g", *words) as process:
            assert process.stdout is not None
            assert [process.stdout.readline() for _ in range(3)]
            process.stdout.close()
            assert process.wait(60) == 0
        assert 0 < asked.calls["xpending"] < MANY / 500 / 2, words


def test_c102_the_lag_of_one_group_asks_its_stream_alone(mqtui: Mqtui, redis: BrokerFixture, stream: str) -> None:
    """No search of the keyspace: it may be large, and need not be allowed."""
    group = f"{stream}/g"
    with Asked(redis.url) as asked:
        (row,) = mqtui("lag", redis.url, group, "--json").ok().rows()
    assert (row["group"], row["lag"]) == (group, 0)
    assert asked.calls["scan"] == 0
    assert asked.calls["xinfo|groups"] <= 2
    with Redis.from_url(redis.url) as client:
        client.execute_command("ACL", "SETUSER", "noscan", "on", ">pw", "+@all", "-scan", "~*")
        client.execute_command("ACL", "SETUSER", "other", "on", ">pw", "+@all", "~elsewhere*")
    for user in ("noscan", "other"):
        told = mqtui("lag", redis.url.replace("://", f"://{user}:pw@"), group, "--json").ok().rows()
        assert told[0]["lag"] == (0 if user == "noscan" else None)
    for missing in (f"{stream}/nobody", f"{stream}x/g"):
        mqtui("lag", redis.url, missing).fails(1, "No consumer group")


def test_c101_a_look_at_one_stream_counts_the_lag_of_none_of_its_groups(mqtui: Mqtui, redis: BrokerFixture) -> None:
    """Groups that were made at an id have no lag of the server's: it is counted where it is shown, never sent."""
    name = redis.world.create("jobs").name
    with Redis.from_url(redis.url) as client:
        ids = [client.xadd(name, {"payload": "x" * 2_000}) for _ in range(600)]
        for number in range(20):
            client.xgroup_create(name, f"g{number}", ids[300])
        client.xreadgroup("g0", "worker", {name: ">"}, count=5)
    for words in (
        ("peek", redis.url, name, "-n", 1),
        ("pending", redis.url, name, "g0"),
        ("ack", redis.url, name, "g0", ids[301].decode(), "--dry-run"),
        ("groups", redis.url, name),
    ):
        with Asked(redis.url) as asked:
            mqtui(*words).ok()
        assert asked.calls["eval_ro"] + asked.calls["eval"] <= 1, words
        assert asked.answered < 20_000, words
    with Asked(redis.url) as asked:
        (row,) = mqtui("lag", redis.url, f"{name}/g1", "--json").ok().rows()
    assert row["lag"] == 299
    assert asked.answered < 20_000
    with Asked(redis.url) as asked:
        told = {row["resource"]: row for row in mqtui("ls", redis.url, "--json").ok().rows()}
    assert told[name]["backlog"] == 299
    assert asked.answered < 20_000


@pytest.fixture
def counted(kafka: BrokerFixture, brokers: Brokers) -> tuple[CountingProxy, str]:
    """Kafka behind a proxy that counts."""
    if os.environ.get("MQTUI_KAFKA"):
        pytest.skip("a Kafka of somebody else's has no listener that is counted")
    proxy = brokers.counted_kafka
    return proxy, f"kafka://127.0.0.1:{proxy.port}"


def test_one_group_and_one_topic_among_many(
    mqtui: Mqtui, kafka: BrokerFixture, counted: tuple[CountingProxy, str]
) -> None:
    """The lag of one group asks for its commits and ends alone; that of all asks for every group at once."""
    proxy, url = counted
    groups = 12
    ref = kafka.world.create("work", partitions=3)
    kafka.world.put(ref, [Letter(b"x")])
    names = [f"{kafka.world.prefix}.g{number:02}" for number in range(groups)]
    for number in range(groups):
        kafka.world.consume(ref, f"g{number:02}", 0)

    def asked(*words: object) -> Counter[str]:
        proxy.take()
        mqtui(*words).ok()
        return proxy.take().requests

    told = mqtui("lag", url, names[7], "--json").ok().rows()
    assert [(row["group"], row["broker_state"], row["lag"]["at_most"]) for row in told] == [(names[7], "Empty", 1)]
    one = asked("lag", url, names[7])
    assert (one["OffsetFetch"], one["ListGroups"]) == (1, 2)
    assert one["ConsumerGroupDescribe"] + one["DescribeGroups"] == 0, "an empty group has no members"
    assert one["ListOffsets"] == 3
    everybody = asked("lag", url)
    there = len(mqtui("lag", url, "--json").ok().rows())
    assert groups <= there
    assert (everybody["FindCoordinator"], everybody["OffsetFetch"]) == (1, 1)
    assert everybody["ConsumerGroupDescribe"] + everybody["DescribeGroups"] <= there - groups
    assert everybody["ListGroups"] == 2
    peeked = asked("peek", url, ref.name, "-n", 1)
    assert peeked["OffsetFetch"] + peeked["ListGroups"] == 0
    assert peeked.total() < 60


def test_one_id_in_many_topics_and_streams(
    mqtui: Mqtui, kafka: BrokerFixture, redis: BrokerFixture, counted: tuple[CountingProxy, str]
) -> None:
    """All topics are fetched by one consumer; a stream of few entries is asked for by one or two commands."""
    proxy, url = counted
    topics, streams = 12, 12
    for number in range(topics):
        kafka.world.put(kafka.world.create(f"work{number}"), [Letter(b"AB-%d" % each) for each in range(3)])
    entries = [Letter(fields=((b"order", b"AB-%d" % each),)) for each in range(3)]
    for number in range(streams):
        redis.world.put(redis.world.create(f"work{number}"), entries)
    there = len(mqtui("ls", url, "--json").ok().rows())
    proxy.take()
    with Asked(redis.url) as asked:
        rows = mqtui("find", url, redis.url, "AB-2", "--json").rows()
    seen = proxy.take().requests
    ours = [row for row in rows if row["resource"].startswith((kafka.world.prefix, redis.world.prefix))]
    assert len(ours) == topics + streams
    assert seen["ListOffsets"] <= 10 and seen["Metadata"] <= 10, seen
    assert seen["Fetch"] <= 20 + there and seen["ListGroups"] <= 2 and seen["OffsetFetch"] <= 4, seen
    assert asked.calls["xrevrange"] <= 2 * len(mqtui("ls", redis.url, "--json").rows()) + 8, asked.calls


def test_one_queue_among_many(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    """What is asked about one queue lists neither the others nor all consumers."""
    ref = rabbitmq.world.create("work")
    rabbitmq.world.put(ref, [Letter(b"x")])
    port = re.search(r"management=http://[^:]+:(\d+)", rabbitmq.url)
    assert port is not None
    with closing(CountingProxy(("127.0.0.1", int(port[1])), http_requests)) as proxy:
        url = rabbitmq.url.replace(f":{port[1]}", f":{proxy.port}")
        for words in (("lag", url, ref.name), ("groups", url, ref.name), ("peek", url, ref.name)):
            proxy.take()
            mqtui(*words).ok()
            seen = proxy.take()
            assert "GET /api/consumers/%2F" not in seen.requests, words
            assert seen.answered < 30_000, (words, seen)
