"""One test's own destinations on one broker, filled and read by the broker's own client library.

Letters say where they came from: on Kafka in Spring's headers, on Redis in fields, on RabbitMQ by the broker's own
dead lettering. Each carries a number to be told apart by.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit

import pika
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.cimpl import NewTopic
from pika.exchange_type import ExchangeType

from mqtui.domain.resource import BrokerKind, Ref
from tests.cli.command_line import CommandResult, Mqtui
from tests.contract.world_kafka import KafkaWorld
from tests.contract.world_rabbitmq import RabbitMQWorld
from tests.contract.world_redis import RedisWorld
from tests.contract.worlds import Letter

DIED = {"bad": ("shop.Bad", "no amount"), "slow": ("shop.Slow", "no answer in 5001 ms")}
PATIENCE, QUIET = 30.0, 1.0
"""Seconds: how long a queue may take to requeue, and how long it has to stay as it is to count as done."""

OURS = ("x-mqtui-origin", "x-mqtui-run", "x-mqtui-count", "x-mqtui-by", "x-mqtui-at")


class RabbitMQDeadLetters(RabbitMQWorld):
    """RabbitMQ whose own dead lettering fills the queues: `bad` letters are rejected, `slow` ones expire."""

    def quorum(self, limit: int) -> Ref:
        """A quorum queue with a delivery limit."""
        ref = self.ref(self.name("quorum"))
        wanted = {"x-queue-type": "quorum", "x-delivery-limit": limit}
        self._channel.queue_declare(ref.name, durable=True, arguments=wanted)
        return ref

    def stream(self) -> Ref:
        """A stream."""
        ref = self.ref(self.name("stream"))
        self._channel.queue_declare(ref.name, durable=True, arguments={"x-queue-type": "stream"})
        return ref

    def bind(self, origin: Ref, dlq: Ref) -> None:
        """Make the origin anew, so that its dead letters go there."""
        self._channel.queue_delete(origin.name)
        wanted = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dlq.name}
        self._channel.queue_declare(origin.name, durable=True, arguments=wanted)

    def die(self, origin: Ref, dlq: Ref, letters: Sequence[Letter], cause: str) -> None:
        """Let letters die in their origin, and wait until they lie where dead letters go."""
        if not letters:
            return
        before = self.depth(dlq)
        life = {"bad": None, "slow": "0"}[cause]
        for letter in letters:
            properties = pika.BasicProperties(
                headers=dict(letter.headers), delivery_mode=2, message_id="m", priority=3, expiration=life
            )
            self._channel.basic_publish("", origin.name, letter.value or b"", properties, mandatory=True)
        if cause == "bad":
            tags = [self._get(origin) for _ in letters]
            self._channel.basic_nack(tags[-1], multiple=True, requeue=False)
        wait_until(lambda: self.depth(dlq) == before + len(letters))

    def wait_until_requeued(self, ref: Ref) -> None:
        """Wait until no consumer is left and nothing came back for `QUIET` seconds: what a dead process held is ready.

        No consumer is not enough: the last letters of a lease are taken by `basic.get`.
        """
        seen, since = (-1, -1), monotonic()

        def is_quiet() -> bool:
            nonlocal seen, since
            counted = self._channel.queue_declare(ref.name, passive=True).method
            now = (counted.message_count or 0, counted.consumer_count or 0)
            if now != seen:
                seen, since = now, monotonic()
            return not seen[1] and monotonic() - since >= QUIET

        wait_until(is_quiet, PATIENCE)

    @contextmanager
    def holding_all(self, ref: Ref) -> Iterator[None]:
        """Another connection holds everything unacknowledged; when it is closed, the broker requeues it."""
        channel = self._connection.channel()
        while channel.basic_get(ref.name)[0] is not None:
            pass
        try:
            yield
        finally:
            channel.close()

    def empty(self, ref: Ref) -> None:
        """Purge it."""
        self._channel.queue_purge(ref.name)

    def take_first(self, ref: Ref, count: int) -> None:
        """Consume so many."""
        for _ in range(count):
            if self._channel.basic_get(ref.name, auto_ack=True)[0] is None:
                return

    def leave(self) -> None:
        """Close the connections and leave everything there."""
        self._management.close()
        self._connection.close()

    def _get(self, ref: Ref) -> int:
        method, _, _ = self._channel.basic_get(ref.name)
        assert method is not None
        return method.delivery_tag or 0

    def contents(self, ref: Ref) -> list[Letter]:
        """Taken on a channel of its own and given back in one go; header values as pika reads them."""
        channel = self._connection.channel()
        found: list[Letter] = []
        tag = 0
        while (got := channel.basic_get(ref.name))[0] is not None:
            method, properties, body = got
            assert method is not None
            assert properties is not None
            tag = method.delivery_tag or 0
            headers: Any = tuple((properties.headers or {}).items())
            found.append(Letter(cast("bytes", body), headers=headers))
        if tag:
            channel.basic_nack(tag, multiple=True, requeue=True)
        channel.close()
        return found

    def depth(self, ref: Ref) -> int:
        """Messages ready."""
        return self._channel.queue_declare(ref.name, passive=True).method.message_count or 0


class KafkaDeadLetters(KafkaWorld):
    """Kafka that says how far a topic has come, transaction markers included."""

    def leave(self) -> None:
        """Leave everything there: the client library closes its connections itself."""
        self._producer.flush(20)

    @contextmanager
    def reading(self, ref: Ref) -> Iterator[None]:
        """Somebody is in a group that reads a topic."""
        reader = Consumer(self._servers | {"group.id": f"{self.prefix}-reader", "auto.offset.reset": "earliest"})
        reader.subscribe([ref.name])
        try:
            wait_until(lambda: reader.poll(0.2) is not None or bool(reader.assignment()), 40)
            yield
        finally:
            reader.close()

    def empty(self, ref: Ref) -> None:
        """Delete all records."""
        self.take_first(ref, self.depth(ref))

    def take_first(self, ref: Ref, count: int) -> None:
        """Delete records up to an offset."""
        ends = [TopicPartition(ref.name, 0, min(count, self.depth(ref)))]
        for deleted in self._admin.delete_records(ends).values():
            deleted.result(20)

    def small(self, size: int) -> Ref:
        """A topic whose records may be so large at most."""
        name = self.name("small")
        topic = NewTopic(name, 1, 1, config={"max.message.bytes": str(size)})
        self._admin.create_topics([topic])[name].result(20)
        return self.ref(name)

    def depth(self, ref: Ref) -> int:
        """The end of partition 0."""
        reader = Consumer(self._servers | {"group.id": self.prefix})
        _, end = reader.get_watermark_offsets(TopicPartition(ref.name, 0), 20)
        reader.close()
        return end


class RedisDeadLetters(RedisWorld):
    """Redis that says how long a stream is."""

    def leave(self) -> None:
        """Close the connections and leave everything there."""
        self._client.close()

    def empty(self, ref: Ref) -> None:
        """Trim it to nothing."""
        self._call("XTRIM", ref.name, "MAXLEN", 0)

    def take_first(self, ref: Ref, count: int) -> None:
        """Trim so many."""
        self._call("XTRIM", ref.name, "MAXLEN", max(0, self.depth(ref) - count))

    def depth(self, ref: Ref) -> int:
        """Entries of a stream."""
        return int(self._call("XLEN", ref.name))


@dataclass(frozen=True, slots=True)
class BrokerFixture:
    """A broker by its URL, with what a test may create, fill and read there."""

    kind: BrokerKind
    url: str
    world: KafkaDeadLetters | RabbitMQDeadLetters | RedisDeadLetters

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.world.address.hosts[0][1]

    @property
    def redis(self) -> bool:
        return self.kind is BrokerKind.REDIS

    def create_pair(self, count: int, cause: str = "bad", *, partitions: int = 1) -> tuple[Ref, Ref]:
        """A dead-letter destination with so many letters, and the destination they came from."""
        origin = self.world.create("home", partitions=partitions)
        dlq = self.world.create("dead", partitions=partitions)
        if isinstance(self.world, RabbitMQDeadLetters):
            self.world.bind(origin, dlq)
        self.add_dead_letters(dlq, origin, range(count), cause)
        return dlq, origin

    def create_quorum_queue(self, limit: int) -> Ref:
        """A quorum queue whose messages may be delivered so often."""
        assert isinstance(self.world, RabbitMQDeadLetters)
        return self.world.quorum(limit)

    def create_small_topic(self, size: int) -> Ref:
        """A topic whose records may be so large at most."""
        assert isinstance(self.world, KafkaDeadLetters)
        return self.world.small(size)

    def add_dead_letters(
        self, dlq: Ref, origin: Ref, numbers: range, cause: str = "bad", *, partition: int = 0
    ) -> None:
        """Add dead letters of one cause."""
        letters = [self.dead_letter(number, origin, cause) for number in numbers]
        if isinstance(self.world, RabbitMQDeadLetters):
            self.world.die(origin, dlq, letters, cause)
        else:
            self.world.put(dlq, letters, partition=partition)

    def dead_letter(self, number: int, origin: Ref, cause: str = "bad") -> Letter:
        """A dead letter with headers for its origin and error."""
        exception, message = DIED[cause]
        name = origin.name.encode()
        body = json.dumps({"number": number, "odd": bool(number % 2)}).encode()
        if self.kind is BrokerKind.REDIS:
            told = ((b"dlq_stream", name), (b"dlq_exception", exception.encode()), (b"dlq_reason", message.encode()))
            return Letter(fields=((b"value", body), *told))
        if self.kind is BrokerKind.KAFKA:
            headers = (("kafka_dlt-original-topic", name), ("kafka_dlt-exception-fqcn", exception.encode()))
            more = (("kafka_dlt-exception-message", message.encode()), ("kept", b"\xff\x00"))
            return Letter(body, b"k%d" % (number % 5), headers + more)
        return Letter(body, headers=(("kept", b"\xff\x00"),))

    def wait_until_requeued(self, dlq: Ref) -> None:
        """Wait until a queue has requeued what a killed process had unacknowledged; other brokers lend nothing."""
        if isinstance(self.world, RabbitMQDeadLetters):
            self.world.wait_until_requeued(dlq)

    def empty(self, dlq: Ref) -> None:
        """Somebody else purges, trims or deletes everything."""
        self.world.empty(dlq)

    def take_first(self, dlq: Ref, count: int) -> None:
        """Somebody else takes so many of the first letters out."""
        self.world.take_first(dlq, count)

    def numbers(self, ref: Ref) -> list[int]:
        """The numbers of the letters in a destination, in order."""
        return [json.loads(self.body(letter))["number"] for letter in self.world.contents(ref)]

    def body(self, letter: Letter) -> bytes:
        """The value, or the field of that name."""
        return dict(letter.fields)[b"value"] if self.redis else letter.value or b""

    def header_names(self, letter: Letter) -> list[str]:
        """Names of its headers or fields."""
        if self.redis:
            return [name.decode("utf-8", "surrogateescape") for name, _ in letter.fields]
        return [name for name, _ in letter.headers]

    def count_unhandled(self, mqtui: Mqtui, dlq: Ref) -> int:
        """Unhandled letters in the source: on Kafka from a plan, elsewhere from the source itself."""
        if self.kind is not BrokerKind.KAFKA:
            return len(self.world.contents(dlq))
        told = mqtui("discard", self.url, dlq.name, "--dry-run", "--json").ok().rows()[0]["plan"]["count"]
        assert isinstance(told, int)
        return told


def wait_until(holds: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until a condition holds."""
    deadline = monotonic() + seconds
    pause = threading.Event()
    while not holds():
        assert monotonic() < deadline, "it did not come true in time"
        pause.wait(0.02)


def with_dead_letter_exchange(broker: BrokerFixture) -> tuple[Ref, Ref]:
    """A queue whose dead letters go by an exchange of their own."""
    dlq, origin = broker.create_pair(0)
    with pika.BlockingConnection(pika.URLParameters(broker.url.partition("?")[0])) as connection:
        channel = connection.channel()
        channel.queue_delete(origin.name)
        exchange = f"{origin.name}.dlx"
        channel.exchange_declare(exchange, ExchangeType("fanout"), auto_delete=True)
        channel.queue_bind(dlq.name, exchange)
        channel.queue_declare(origin.name, durable=True, arguments={"x-dead-letter-exchange": exchange})
    return dlq, origin


def broker_fixture_of(kind: BrokerKind, url: str) -> BrokerFixture:
    """The fixture of a broker."""
    match kind:
        case BrokerKind.KAFKA:
            return BrokerFixture(kind, url, KafkaDeadLetters(url))
        case BrokerKind.RABBITMQ:
            return BrokerFixture(kind, url, RabbitMQDeadLetters(url))
        case BrokerKind.REDIS:
            return BrokerFixture(kind, url, RedisDeadLetters(url))


BrokerFixtureOn: TypeAlias = Callable[[str], BrokerFixture]


def add_profile(
    mqtui: Mqtui, broker: BrokerFixture, name: str, *flags: str, options: Sequence[tuple[str, str]] = ()
) -> dict[str, Any]:
    """Add a profile of the broker; the password, if any, comes from the environment."""
    parts = urlsplit(broker.url)
    mqtui.extra[f"MQTUI_SECRET_{name.upper()}"] = parts.password or ""
    url = broker.url.replace(f":{parts.password}@", "@") if parts.password else broker.url
    settings = [word for key, value in options for word in ("-o", f"{key}={value}")]
    (row,) = mqtui("profile", "add", name, url, *flags, *settings, "--json").ok().rows()
    return row


def run_result(done: CommandResult) -> dict[str, Any]:
    """The result of a run: the last line."""
    return done.rows()[-1]


def all_file_bytes(folder: Path) -> bytes:
    """All bytes of all files below a folder."""
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())
