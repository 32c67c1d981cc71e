"""What the console's poll may ask of a broker, as the broker or a proxy in front of it counts it.

In full, on a big world beside another checkout: python -m tests.perf.polls --tree FOLDER.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from time import monotonic
from typing import Any, cast

from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from mqtui.demo.servers.ports import free_ports
from mqtui.demo.shop.connections import amqp_connection, kafka_settings, redis_client
from mqtui.services import deadletters
from mqtui.services.conventions import load_for_profile
from mqtui.services.poller import Poller
from mqtui.services.session import open_session
from tests.brokers import Brokers
from tests.perf.counting_proxy import CountingProxy, Seen, amqp_methods, http_requests, kafka_requests

GROUPS = 12
PLAIN = 20
LETTERS = 5
STATE = "mqtui.state"


@asynccontextmanager
async def polled(
    url: str, asked: Callable[[], Seen]
) -> AsyncIterator[tuple[Poller, Callable[[], AsyncIterator[Seen]]]]:
    """A watch that has looked twice, and what each further poll asks."""
    async with open_session(url) as session:
        watch = Poller(session, load_for_profile().conventions, lambda: None)
        for _ in range(2):
            await watch.poll()
            assert watch.snapshot.error is None, watch.snapshot.error

        async def polls() -> AsyncIterator[Seen]:
            while True:
                asked()
                await watch.poll()
                assert watch.snapshot.error is None, watch.snapshot.error
                yield asked()

        yield watch, polls


async def test_a_poll_of_kafka(brokers: Brokers) -> None:
    """Topics, groups, commits and offsets once; no consumer, no connection, whatever lies in dead letters, and after a
    redrive too. Before, all topics are looked into by one consumer, and where only names tell of letters nobody asks
    for groups.
    """
    (port,) = free_ports(1)
    url = brokers.servers.start_kafka("polled", listeners={"counted": f"PLAINTEXT@127.0.0.1:{port}"})
    behind = brokers.servers.ports("polled")["counted"]
    with closing(CountingProxy(("127.0.0.1", behind), kafka_requests, port)) as proxy:
        fill_kafka(url)
        proxy.take()
        async with open_session(f"kafka://127.0.0.1:{port}") as session:
            letters = await deadletters.find_dead_letters(session, load_for_profile().conventions)
        first = proxy.take()
        end_with_a_marker(url)
        proxy.take()
        async with polled(f"kafka://127.0.0.1:{port}", proxy.take) as (watch, polls):
            seen = await anext(polls())
    brokers.servers.discard("polled")
    assert {place.ref.name for place in watch.snapshot.dead_letters} == {f"t{number}.DLT" for number in range(LETTERS)}
    assert {place.letters.number for place in watch.snapshot.dead_letters} == {1}
    assert len(letters.destinations) == LETTERS
    assert letters.unclassified == 0
    assert first.connections <= 6
    assert (first.requests["OffsetFetch"], first.requests.total() <= 40) == (0, True), first.requests
    assert len(watch.snapshot.groups) == GROUPS
    asked = seen.requests
    assert seen.connections == 0
    assert (asked["Fetch"], asked["ListGroups"], asked["DescribeGroups"]) == (0, 1, 0), asked
    assert (asked["FindCoordinator"], asked["OffsetFetch"]) == (1, 1), asked
    assert asked["ListOffsets"] <= 3
    assert asked.total() <= 10, asked


def fill_kafka(url: str) -> None:
    admin = AdminClient(kafka_settings(url))
    names = [f"t{number}" for number in range(PLAIN)] + [f"t{number}.DLT" for number in range(LETTERS)]
    for made in admin.create_topics([NewTopic(name, 2, 1) for name in names]).values():
        made.result(30)
    producer = Producer(kafka_settings(url))
    for name in names:
        producer.produce(name, b"{}", partition=0)
    assert producer.flush(30) == 0
    until = monotonic() + 60
    for number in range(GROUPS):
        place = [TopicPartition(f"t{number % PLAIN}", 0, 1)]
        while not commits(admin, ConsumerGroupTopicPartitions(f"g{number}", place)):
            assert monotonic() < until, f"the commit of g{number} is refused"


def end_with_a_marker(url: str) -> None:
    """A state topic as each redrive leaves it: a transaction's marker is its last record."""
    admin = AdminClient(kafka_settings(url))
    (made,) = admin.create_topics([NewTopic(STATE, 1, 1)]).values()
    made.result(30)
    redrive = Producer(kafka_settings(url) | {"transactional.id": "polled"})
    redrive.init_transactions(30)
    redrive.begin_transaction()
    redrive.produce(STATE, b"{}", b"another-topic/0/0")
    redrive.commit_transaction(30)


def commits(admin: AdminClient, asked: ConsumerGroupTopicPartitions) -> bool:
    """Whether it was taken: a coordinator that still loads refuses it."""
    (promise,) = admin.alter_consumer_group_offsets([asked]).values()
    return all(place.error is None for place in promise.result(30).topic_partitions)


async def test_a_poll_of_rabbitmq(brokers: Brokers) -> None:
    """Each list once, and no AMQP connection, however many queues there are and die into others."""
    url = brokers.servers.start_rabbitmq("polled")
    ports = brokers.servers.ports("polled")
    fill_rabbitmq(url)
    with (
        closing(CountingProxy(("127.0.0.1", ports["amqp"]), amqp_methods)) as amqp,
        closing(CountingProxy(("127.0.0.1", ports["management"]), http_requests)) as management,
    ):

        def asked() -> Seen:
            by_amqp, by_http = amqp.take(), management.take()
            return Seen(by_http.requests, by_amqp.connections + by_http.connections, by_http.answered)

        counted = url.replace(f":{ports['amqp']}", f":{amqp.port}")
        counted = counted.replace(f":{ports['management']}", f":{management.port}")
        async with polled(counted, asked) as (watch, polls):
            seen = await anext(polls())
    brokers.servers.discard("polled")
    assert {place.ref.name for place in watch.snapshot.dead_letters} == {f"q{number}.dlq" for number in range(LETTERS)}
    assert seen.connections == 0
    paths = Counter({path.rpartition("/api/")[2].partition("/")[0]: count for path, count in seen.requests.items()})
    assert paths == dict.fromkeys(paths, 1) | {"queues": 2}, seen.requests
    assert set(paths) <= {"queues", "exchanges", "bindings", "policies", "operator-policies"}


def fill_rabbitmq(url: str) -> None:
    with closing(amqp_connection(url)) as connection:
        channel = connection.channel()
        for number in range(PLAIN):
            name = f"q{number}"
            arguments = {"x-dead-letter-exchange": f"dlx{number}"} if number < LETTERS else None
            if arguments is not None:
                channel.exchange_declare(f"dlx{number}", cast("Any", "fanout"))
                channel.queue_declare(f"{name}.dlq", arguments={"x-queue-type": "quorum"}, durable=True)
                channel.queue_bind(f"{name}.dlq", f"dlx{number}")
            channel.queue_declare(name, arguments=arguments)
            channel.basic_publish("", name, b"{}")


async def test_a_poll_of_redis(brokers: Brokers) -> None:
    """One SCAN, two questions a stream, one script for all, and bytes that do not grow with what lies in streams."""
    url = brokers.servers.start_redis("polled")
    with closing(redis_client(url)) as client:

        def asked() -> Seen:
            stats = client.info("commandstats")
            answered = int(client.info("stats")["total_net_output_bytes"])
            connections = int(client.info("stats")["total_connections_received"])
            client.config_resetstat()
            named = {name.removeprefix("cmdstat_"): int(told["calls"]) for name, told in stats.items()}
            own = {"info", "config|resetstat"}
            requests = Counter({name: calls for name, calls in named.items() if name not in own})
            return Seen(requests, connections, answered)

        sizes = []
        for value in (b"x", b"x" * 100_000):
            client.flushall()
            for number in range(PLAIN):
                client.xadd(f"s{number}", {"field": value})
                for group in range(3):
                    client.xgroup_create(f"s{number}", f"g{group}", "0-1")
            async with polled(url, asked) as (watch, polls):
                seen = await anext(polls())
            sizes.append(seen.answered)
            assert len(watch.snapshot.groups) == 3 * PLAIN
            assert seen.connections == 0
            assert seen.requests == {"scan": 1, "xinfo|groups": PLAIN, "xlen": PLAIN, "eval_ro": 1} | inner(seen)
    brokers.servers.discard("polled")
    assert sizes[1] < sizes[0] + 5_000


def inner(seen: Seen) -> dict[str, int]:
    """What scripts call within the server is counted among commands too."""
    return {name: seen.requests[name] for name in ("xrange", "xrevrange", "xinfo|stream") if seen.requests[name]}
