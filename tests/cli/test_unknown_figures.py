"""Unknown, absent and partial are never figures: what `ls`, `lag`, `groups` and `peek` say where a broker can't."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py
from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewTopic

from mqtui.demo.shop.names import RabbitNames
from mqtui.domain.figure import Exactness, about, unknown
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.topology import Destination
from mqtui.services.browse import list_destinations
from mqtui.services.poller import BrokerSnapshot
from mqtui.services.session import open_session
from mqtui.ui.render.destinations.destinations import lines_of
from tests.cli.command_line import Mqtui
from tests.cli.conftest import Shop
from tests.contract.asking import eventually
from tests.contract.kafka_cluster import KafkaCluster, wait_until
from tests.contract.redis_server import RedisServer


@pytest.fixture
def streams(redis_url: str) -> Iterator[RedisServer]:
    made = RedisServer(redis_url)
    yield made
    made.close()


@pytest.fixture
def topics(kafka_url: str) -> Iterator[KafkaCluster]:
    made = KafkaCluster(kafka_url)
    yield made
    made.close()


def row_of(rows: list[dict[str, Any]], name: str, by: str = "resource") -> dict[str, Any]:
    """The row with that name."""
    (found,) = [row for row in rows if row[by] == name]
    return found


def test_lag_that_cannot_be_is_counted_and_fails(mqtui: Mqtui, streams: RedisServer) -> None:
    """C47: ENTRIESREAD 100 on a stream of one entry, then 60: the server says -39."""
    name = streams.name("s")
    streams.call("XADD", name, "*", "a", "b")
    streams.call("XGROUP", "CREATE", name, "g", "$", "ENTRIESREAD", 100)
    for _ in range(60):
        streams.call("XADD", name, "*", "a", "b")
    failed = mqtui("lag", streams.url, f"{name}/g", "--fail", 10, "--json").fails(1, "lag 60 is 10 or more")
    assert failed.rows()[0]["lag"] == 60
    assert row_of(mqtui("ls", streams.url, "--filter", name, "--json").ok().rows(), name)["backlog"] == 60
    streams.call("XTRIM", name, "MAXLEN", 20)
    streams.call("XGROUP", "CREATE", name, "h", "0-1", "ENTRIESREAD", 0)
    told = mqtui("lag", streams.url, "--fail", 21)
    assert f"{name}/h" in told.text and "41 lost to trimming" in told.text
    assert f"{name}/h" not in told.err


def test_no_group_at_all_fails_a_check(mqtui: Mqtui, redis_url: str) -> None:
    """C36: a Redis that was flushed has no group that could be behind; a look without a limit is no check."""
    url = f"{redis_url.removesuffix('/0').rstrip('/')}/9"
    client = redis_py.Redis.from_url(url)
    assert client.dbsize() == 0
    client.close()
    mqtui("lag", url, "--fail", 10).fails(1, "no group")
    mqtui("lag", url).ok()


def test_streams_that_may_not_be_asked_are_not_forgotten(mqtui: Mqtui, streams: RedisServer) -> None:
    """Groups of a stream this user has no right to are unknown: a check fails, a list says so."""
    open_, closed = streams.name("open"), streams.name("closed")
    for name in (open_, closed):
        streams.call("XADD", name, "*", "a", "b")
        streams.call("XGROUP", "CREATE", name, "g", "$")
    user = f"user-{streams.prefix}"
    streams.call("ACL", "SETUSER", user, "reset", "on", ">secret", "+@all", f"~{open_}")
    try:
        host, port = streams.address.hosts[0]
        url = f"redis://{user}:secret@{host}:{port}"
        told = mqtui("groups", url, "--json").ok()
        assert row_of(told.rows(), f"{open_}/g", "group")
        assert "are not known" in told.err
        mqtui("lag", url, "--fail", 10).fails(1, "are not known")
        mqtui("lag", url, f"{closed}/g", "--fail", 10).fails(1, "lag unknown")
    finally:
        streams.call("ACL", "DELUSER", user)


def test_a_search_that_was_cut_says_so(mqtui: Mqtui, streams: RedisServer) -> None:
    """`ls`, `lag` and `dlq` of a search that ended at its budget are a part; a check over a part fails."""
    pipe = streams.client.pipeline(transaction=False)
    for number in range(5000):
        pipe.set(f"{streams.prefix}:k{number}", "")
    pipe.execute()
    name = streams.name("s")
    streams.call("XADD", name, "*", "a", "b")
    url = f"{streams.url}?scan-keys=1000"

    for verb in ("ls", "dlq"):
        assert "ended after 1,000 keys" in mqtui(verb, url).ok().err
    mqtui("lag", url, "--fail", 1000).fails(1, "may be more")


def test_a_look_says_what_it_does_not_show(mqtui: Mqtui, topics: KafkaCluster) -> None:
    """C45, C46: what is in an open transaction; a start past the end, before the first, and nothing at all."""
    ref, empty = topics.topic("work"), topics.topic("empty")
    topics.fill(ref, 1)
    producer = topics.producer(transactional_id=topics.prefix)
    producer.init_transactions(30)
    producer.begin_transaction()
    for number in range(6):
        producer.produce(ref.name, b"%d" % number, partition=0)
    assert producer.flush(30) == 0
    told = mqtui("peek", topics.url, ref.name, "--json").ok()
    assert len(told.rows()) == 1
    assert "6 in an open transaction" in told.err
    assert "6 in an open transaction" in mqtui("dlq", topics.url, ref.name).ok().err
    producer.commit_transaction(30)
    wait_until(lambda: len(topics.records(ref)) == 7, 30, "its marker is written")
    cut = [TopicPartition(ref.name, 0, 3)]
    topics.admin.delete_records(cut)[cut[0]].result(30)
    past = mqtui("peek", topics.url, ref.name, "--from", "0/99999").ok()
    assert (past.text, past.err.strip()) == ("", "no message from 0/99999 on: the end is 0/8")
    gone = mqtui("peek", topics.url, ref.name, "--from", "0/1", "--json").ok()
    assert "0/1 is gone: the first that is there is 0/3" in gone.err
    assert [row["offset"] for row in gone.rows()] == [3, 4, 5, 6]
    assert "is empty" in mqtui("peek", topics.url, empty.name).ok().err


def test_a_look_past_the_end_of_a_stream_says_so(mqtui: Mqtui, streams: RedisServer) -> None:
    """C46 on Redis: an id past the last, a time in the future, an id that was trimmed."""
    name = streams.name("s")
    for number in range(4):
        streams.call("XADD", name, f"{number + 1}-0", "n", number)
    streams.call("XTRIM", name, "MAXLEN", 2)
    assert "no message from 99-0 on: the end is 4-1" in mqtui("peek", streams.url, name, "--from", "99-0").ok().err
    assert "1-0 is gone: the first that is there is 3-0" in mqtui("peek", streams.url, name, "--from", "1-0").ok().err
    assert "no messages since then" in mqtui("peek", streams.url, name, "--from", "-1s").ok().err


def test_a_profile_of_several_brokers_is_looked_at_whole(
    mqtui: Mqtui, topics: KafkaCluster, streams: RedisServer
) -> None:
    """C53: every broker of the profile, the silent one named; nothing of it passes as a whole."""
    topic, stream = Ref(Kind.TOPIC, f"{topics.prefix}.DLQ"), streams.stream("", 3, name=f"{streams.prefix}:dlq")
    topics.admin.create_topics([NewTopic(topic.name, 1)])[topic.name].result(30)
    topics.fill(topic, 2)
    streams.group(stream, "g")
    for url in (topics.url, streams.url):
        mqtui("profile", "add", "both", url).ok()
    told = mqtui("dlq", "both", "--json").ok().rows()
    assert {(row["target"], row["resource"]) for row in told} >= {
        ("both/kafka", topic.name),
        ("both/redis", stream.name),
    }
    assert {row["target"] for row in mqtui("ls", "both", "--json").ok().rows()} == {"both/kafka", "both/redis"}
    mqtui("profile", "add", "both", "amqp://127.0.0.1:1").ok()
    for verb, name in (("dlq", topic.name), ("lag", f"{stream.name}/g")):
        told_too = mqtui(verb, "both").fails(1, "✗ both/rabbitmq: ")
        assert name in told_too.text
        assert told_too.text.split()[0] == "TARGET"
    assert mqtui("ls", "both/redis").ok().text.split()[0] == "NAME"


async def listed(url: str) -> dict[str, Destination]:
    """Every destination by name."""
    async with open_session(url) as session:
        return {row.ref.name: row for row in await list_destinations(session.broker)}


async def test_what_comes_in_is_not_the_change_of_depth(
    shop: Shop, topics: KafkaCluster, streams: RedisServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """C43: a queue that is emptied as fast as it is filled has the broker's rate; capped and cut logs count on."""
    monkeypatch.setenv("MQTUI_STATE_DIR", str(tmp_path))
    name = RabbitNames(shop.prefix).feed_search

    async def told() -> bool:
        row = (await listed(shop.urls["rabbitmq"]))[name]
        return (row.rate_in.number or 0) > 0 and row.rate_in.sort is Exactness.ABOUT and (row.messages.number or 0) < 10

    await eventually(told, "RabbitMQ tells the rate of a queue that stays empty")

    async def idle() -> bool:
        row = (await listed(shop.urls["rabbitmq"]))[RabbitNames(shop.prefix).refunds_errors]
        return row.rate_in.number in (0.0, None)

    await eventually(idle, "RabbitMQ tells that nothing comes into a queue of letters any more")
    ref = topics.topic("work")
    topics.fill(ref, 10)
    stream = streams.name("s")
    for number in range(30):
        streams.call("XADD", stream, "MAXLEN", 5, "*", "n", number)
    cut = [TopicPartition(ref.name, 0, 8)]
    topics.admin.delete_records(cut)[cut[0]].result(30)
    topic, capped = (await listed(topics.url))[ref.name], (await listed(streams.url))[stream]
    assert (topic.messages.number, topic.arrived.number) == (2, 10)
    assert (capped.messages.number, capped.arrived.number) == (5, 30)
    seen = BrokerSnapshot(
        destinations=[topic, replace(topic, rate_in=unknown("no rates")), replace(topic, rate_in=about(9.4))]
    )
    for time, come in enumerate((0, 10, 20)):
        seen.trend(ref, "arrived").add(float(time), come)
    assert [line.rate_in for line in lines_of(BrokerKind.KAFKA, seen)] == [10.0, None, 9.4]
