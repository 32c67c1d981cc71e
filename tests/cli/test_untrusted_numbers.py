"""Times and counts of strangers: any 64-bit number may come, and costs no other row."""

from __future__ import annotations

import struct
import sys
import time

import pika
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from kafka import KafkaProducer
from redis import Redis

from tests.cli.broker_fixtures import BrokerFixture
from tests.cli.command_line import Mqtui
from tests.contract.worlds import address_of
from tests.terminal import Terminal

MICROSECONDS = int(time.time() * 1_000_000)


@pytest.fixture
def odd_times(kafka: BrokerFixture) -> str:
    """A topic that takes any time, with one of microseconds between two of today."""
    topic: str = kafka.world.name("times")
    hosts = ",".join(f"{host}:{port}" for host, port in address_of(kafka.url).hosts)
    admin = AdminClient({"bootstrap.servers": hosts})
    settings = {"message.timestamp.after.max.ms": str(2**63 - 1), "retention.ms": "-1"}
    admin.create_topics([NewTopic(topic, 1, 1, config=settings)])[topic].result()
    producer = Producer({"bootstrap.servers": hosts})
    for value, stamp in ((b"first", 0), (b"second", MICROSECONDS), (b"third", 2**62), (b"last", 0)):
        producer.produce(topic, value, timestamp=stamp)
        producer.flush()
    return topic


def test_a_record_of_another_calendar_is_a_row(mqtui: Mqtui, kafka: BrokerFixture, odd_times: str) -> None:
    seen = mqtui("peek", kafka.url, odd_times, "--from", "oldest").ok()
    assert [line.split()[-1] for line in seen.text.splitlines()] == ["first", "second", "third", "last"]
    assert str(MICROSECONDS) in seen.text and str(2**62) in seen.text
    rows = mqtui("peek", kafka.url, odd_times, "--from", "oldest", "--json").ok().rows()
    assert [row["timestamp"] for row in rows][1:3] == [MICROSECONDS, 2**62]


def test_a_record_without_a_time_has_none(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    """C12: -1 is no time (kafka-node#812): not the last second of 1969, in any face, and no hindrance to a move."""
    dlq, home = kafka.world.create("dlq").name, kafka.world.create("home").name
    told = [("kafka_dlt-original-topic", home.encode()), ("kafka_dlt-exception-fqcn", b"shop.Bad")]
    producer = KafkaProducer(bootstrap_servers=f"127.0.0.1:{kafka.port}")
    for value in (b"first", b"second"):
        assert producer.send(dlq, value, timestamp_ms=-1, headers=told).get(20).timestamp == -1
    producer.close()
    assert mqtui("peek", kafka.url, dlq).ok().text.split() == ["0/0", "first", "0/1", "second"]
    assert [row["timestamp"] for row in mqtui("peek", kafka.url, dlq, "--json").ok().rows()] == [None, None]
    (cause,) = mqtui("dlq", kafka.url, dlq, "--json").ok().rows()
    assert (cause["letters"], cause["first"], cause["last"]) == (2, None, None)
    environment = mqtui.environment() | {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
    with Terminal([sys.executable, "-m", "mqtui", kafka.url, dlq], environment, (160, 50)) as console:
        console.reads("2 · 1 cause")
        console.press("\r")
        console.reads("Letter 1 of 2")
        console.press("\x11")
        assert console.ended() == 0
        assert b"1969" not in console.written and b"1970" not in console.written
    assert mqtui("redrive", kafka.url, dlq, "--yes", "--json").ok().rows()[-1]["moved"] == 2
    assert [row["value"] for row in mqtui("peek", kafka.url, home, "--json").ok().rows()] == ["first", "second"]


def test_an_entry_of_another_calendar_is_a_row(mqtui: Mqtui, redis: BrokerFixture) -> None:
    key = redis.world.create("ids.dlq").name
    client = Redis.from_url(redis.url)
    for entry in ("253402300800000-0", "1700000000000000-0", "18446744073709551614-3"):
        client.xadd(key, {"k": entry}, id=entry)
    seen = mqtui("peek", redis.url, key, "--from", "oldest").ok()
    assert len(seen.text.splitlines()) == 3
    causes = mqtui("dlq", redis.url, key).ok()
    assert causes.text.splitlines()[1].rstrip().endswith("?"), causes.text
    (cause,) = mqtui("dlq", redis.url, key, "--json").ok().rows()
    assert (cause["letters"], cause["first"], cause["last"]) == (3, None, None)


def test_a_time_of_death_that_is_none_is_unknown(mqtui: Mqtui, redis: BrokerFixture) -> None:
    key = redis.world.create("fa.dlq").name
    Redis.from_url(redis.url).xadd(key, {"failed_at": "1700000000000000", "original_stream": "fa", "error": "boom"})
    causes = mqtui("dlq", redis.url, key).ok()
    assert "boom" in causes.text


def test_a_message_of_another_calendar_is_a_row(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    queue = rabbitmq.world.create("times").name
    host, port = rabbitmq.world.address.hosts[0]
    with pika.BlockingConnection(pika.ConnectionParameters(host, port)) as connection:
        channel = connection.channel()
        for stamp in (1, 2**62, 2**63 - 1):
            channel.basic_publish("", queue, b"%d" % stamp, pika.BasicProperties(timestamp=stamp))
    seen = mqtui("peek", rabbitmq.url, queue).ok()
    assert [line.split()[-1] for line in seen.text.splitlines()] == ["1", str(2**62), str(2**63 - 1)]


def test_the_console_shows_the_number(mqtui: Mqtui, kafka: BrokerFixture, odd_times: str) -> None:
    environment = mqtui.environment() | {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
    with Terminal([sys.executable, "-m", "mqtui", kafka.url, odd_times], environment, (160, 50)) as console:
        console.reads("second")
        console.reads(str(MICROSECONDS)[:6])
        for key in "uuukkj\r":
            console.press(key)
            time.sleep(0.3)
        console.press("\x1b")
        time.sleep(1)
        console.press("q")
        assert console.ended() == 0
        assert b"Traceback" not in console.written


def test_sixty_four_bits_of_time() -> None:
    from mqtui.domain.times import format_time, to_datetime

    for number in (0, -1, 2**63 - 1, -(2**63), 253402300799999, -62135596800000, struct.unpack(">q", b"\x7f" * 8)[0]):
        shown = format_time(number, "%Y-%m-%d %H:%M:%S.%f")
        assert shown == str(number) if to_datetime(number) is None else shown[4:5] == "-"
