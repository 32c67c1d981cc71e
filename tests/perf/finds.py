"""One id in 1,200 topics, 100 queues and 100 streams of 1,000 messages: python -m tests.perf.finds [--rounds 3].

Printed are the seconds to the first hit and to the end, the CPU of this process, and what the brokers were asked: Kafka
behind a counting proxy in a round of its own, Redis by `INFO commandstats`. Three records have the id: one is the 50th
from the end of its topic, one the 990th, one lies in a stream. Queues are listed; what they lend is not read.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from time import perf_counter, process_time, sleep
from typing import Any

import redis
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from mqtui.demo.servers import Servers
from mqtui.demo.servers.ports import free_ports
from mqtui.demo.shop.connections import amqp_connection, kafka_settings, redis_client
from mqtui.services.find.find import Find
from mqtui.services.find.request import FindRequest
from mqtui.services.search.text_needle import TextNeedle
from mqtui.services.session import open_session
from tests.perf.counting_proxy import CountingProxy, kafka_requests

TOPICS, QUEUES, STREAMS, DEPTH = 1_200, 100, 100, 1_000
ID = b"AB-991"
FIRST_PROMISED, WHOLE_PROMISED = 1.0, 10.0
WAIT = 180.0
SETTLES = 5.0
"""Seconds in which RabbitMQ counts what was published to its streams."""


@dataclass(frozen=True, slots=True)
class Found:
    """Seconds to the first hit and to the end, CPU of this process, hits, places and messages."""

    first: float
    whole: float
    cpu: float
    hits: int
    places: int
    scanned: int

    def __str__(self) -> str:
        return (
            f"first hit {self.first:.2f} s, all {self.whole:.2f} s, CPU {self.cpu:.2f} s; "
            f"{self.hits} hits, {self.places:,} places, {self.scanned:,} messages"
        )


def body(number: int) -> bytes:
    """An order of about 100 bytes."""
    return b'{"order":"AC-%d","user":"u%d","total":%d,"note":"%s"}' % (number, number % 11, number % 1000, b"x" * 40)


def fill_kafka(url: str, topics: int, depth: int) -> None:
    """Topics of one partition; two of them have the id."""
    settings = kafka_settings(url)
    admin = AdminClient(settings)
    names = [f"find.orders.{number:04}" for number in range(topics)]
    for start in range(0, topics, 100):
        new = [NewTopic(name, 1, 1) for name in names[start : start + 100]]
        for made in admin.create_topics(new, request_timeout=WAIT, operation_timeout=WAIT).values():
            made.result(WAIT)
    waits: dict[str, str | int | float | bool] = {"linger.ms": 50, "queue.buffering.max.messages": 1_000_000}
    producer = Producer(settings | waits | {"message.timeout.ms": 180_000})
    wanted = {(names[7], depth - 50), (names[topics // 2], depth - min(990, depth))}
    for name in names:
        for number in range(depth):
            value = b'{"order":{"id":"%b"}}' % ID if (name, number) in wanted else body(number)
            producer.produce(name, value, b"u%d" % (number % 11), 0)
            if number % 1_000 == 0:
                producer.poll(0)
    if producer.flush(WAIT):
        raise TimeoutError("Kafka did not take all records")


def fill_redis(url: str, streams: int, depth: int) -> None:
    """Streams of orders; one of them has the id."""
    with closing(redis_client(url)) as client:
        for stream in range(streams):
            pipe = client.pipeline(transaction=False)
            for number in range(depth):
                has_id = stream == streams // 2 and number == depth - 10
                pipe.xadd(f"find:{stream:03}", {"order": ID if has_id else b"AC-%d" % number, "body": body(number)})
            pipe.execute()


def fill_rabbitmq(url: str, queues: int, streams: int, depth: int) -> None:
    """Queues with a message each, and streams of orders."""
    with closing(amqp_connection(url)) as connection:
        channel = connection.channel()
        for number in range(queues):
            channel.queue_declare(f"find.work.{number:03}", durable=True)
            channel.basic_publish("", f"find.work.{number:03}", b"{}")
        for stream in range(streams):
            channel.queue_declare(f"find.log.{stream:03}", durable=True, arguments={"x-queue-type": "stream"})
            for number in range(depth):
                channel.basic_publish("", f"find.log.{stream:03}", body(number))
        if streams:
            sleep(SETTLES)


async def find(urls: Sequence[str], depth: int) -> Found:
    """One look, in this process."""
    async with AsyncExitStack() as stack:
        sessions = [await stack.enter_async_context(open_session(url)) for url in urls]
        looking = Find(sessions, FindRequest(TextNeedle(ID), depth))
        began, cpu, first, hits = perf_counter(), process_time(), 0.0, 0
        async for batch in looking.hits():
            first = first or perf_counter() - began
            hits += len(batch)
        assert not looking.coverage.missing, looking.coverage.notes(looking.request)
        whole, used = perf_counter() - began, process_time() - cpu
        return Found(first, whole, used, hits, looking.coverage.places, looking.coverage.scanned)


def redis_calls(client: redis.Redis) -> int:
    """Commands that a Redis was asked since the last call."""
    stats: Any = client.info("commandstats")
    client.config_resetstat()
    own_calls = {"info", "config|resetstat", "hello", "client|setinfo", "auth", "select"}
    named = {name.removeprefix("cmdstat_"): int(told["calls"]) for name, told in stats.items()}
    return sum(count for name, count in named.items() if name not in own_calls)


def main() -> int:
    """Print the figures; 1 where a promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--topics", type=int, default=TOPICS)
    parser.add_argument("--rabbitmq-streams", type=int, default=0, help="so many streams of RabbitMQ too")
    given = parser.parse_args()
    with Servers() as servers:
        (port,) = free_ports(1)
        kafka = servers.start_kafka(listeners={"counted": f"PLAINTEXT@127.0.0.1:{port}"}, java_flags=("-Xmx1g",))
        rabbit, cache = servers.start_rabbitmq(), servers.start_redis()
        fill_kafka(kafka, given.topics, DEPTH)
        fill_redis(cache, STREAMS, DEPTH)
        fill_rabbitmq(rabbit, QUEUES, given.rabbitmq_streams, DEPTH)
        found = [asyncio.run(find((kafka, rabbit, cache), DEPTH)) for _ in range(given.rounds)]
        print(*found, sep="\n")
        behind = ("127.0.0.1", servers.ports("kafka")["counted"])
        with closing(CountingProxy(behind, kafka_requests, port)) as proxy, closing(redis_client(cache)) as client:
            redis_calls(client)
            asyncio.run(find((f"kafka://127.0.0.1:{port}", cache), DEPTH))
            seen = proxy.take()
            asked = ", ".join(f"{name} {count:,}" for name, count in seen.requests.most_common(8))
            print(f"Kafka was asked {seen.requests.total():,} times [{asked}]; Redis {redis_calls(client):,} times")
    kept = min(each.first for each in found) < FIRST_PROMISED and min(each.whole for each in found) < WHOLE_PROMISED
    return int(not kept)


if __name__ == "__main__":
    raise SystemExit(main())
