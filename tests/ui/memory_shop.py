"""The failing shop of the screens, in memory: a clock that stands still, three brokers, profiles for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from mqtui.domain.field_table import string
from mqtui.domain.message import Header, Offset, Outgoing
from mqtui.domain.partitioner import partition_for
from mqtui.domain.policy import Environment
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.store import ProfileStore
from mqtui.ui.app import Console
from tests.domain.dead_letters import death, x_death
from tests.memory import MemoryWorld
from tests.memory.clock import START

CAUSES = (
    ("shop.billing.SchemaMismatch", 'field "amount" missing', 19),
    ("shop.payments.Timeout", "no answer after 5001 ms", 9),
    ("shop.stock.NoStock", "17 of order lines have no stock", 3),
)
URLS = {
    BrokerKind.KAFKA: "kafka://memory:9092",
    BrokerKind.RABBITMQ: "amqp://memory:5672/",
    BrokerKind.REDIS: "redis://memory:6379/0",
}
HOST = "memory"
HOSTS = {Environment.PROD: "prod", Environment.STAGE: "stage"}
PARTITIONS = 6
STALLED = 4
"""The partition of `orders` on which `shipping` stands still."""

TRADE = 3_000
"""Milliseconds of one round of trade."""


class MemoryShop:
    """Orders die on Kafka, invoices on RabbitMQ, payments on Redis. `trade` lets three seconds pass."""

    def __init__(self) -> None:
        self.world = world_of_profiles()
        self.kafka = self.world.kafka()
        self.rabbitmq = self.world.rabbitmq()
        self.redis = self.world.redis()
        self.world.clock.now = START - 7_200_000
        self._number = 118_000
        self._placed: dict[int, Offset] = {}
        self._open_orders()
        self._open_invoices()
        self._open_payments()
        self.world.clock.now = START

    def console(self, target: str = "", resource: str = "", *, ascii_only: bool = False) -> Console:
        """A console on this world."""
        return Console((target, resource), adapters=self.world.connect, ascii_only=ascii_only)

    def profiles(self) -> None:
        """The profiles of the screens: protected, read-only, and open. There are none yet."""
        file = ProfileStore().path
        assert not file.exists()
        file.touch(0o600)
        file.write_bytes(_profiles())

    @property
    def now(self) -> int:
        """The time on the brokers' clock, in ms."""
        return self.world.clock.now

    # -- business

    def trade(self) -> None:
        """Three seconds: orders come in, billing reads them, shipping stands still."""
        for _ in range(6):
            self.world.clock.advance(TRADE // 6)
            self.order()
        self._commit("billing", behind=0)
        self._commit("reporting", behind=1)
        self._commit("shipping", behind=0)

    def book(self) -> None:
        """Three seconds in which the consumers of invoices acknowledge all that waits for them."""
        self.world.clock.advance(TRADE)
        self.rabbitmq.queues["work.invoices"].items.clear()

    def fail_orders(self, thrown: str, why: str, minutes_ago: Sequence[int]) -> None:
        """An order dies at each of these times; they have to be later than those before."""
        now = self.world.clock.now
        for turn, minutes in enumerate(minutes_ago):
            self.world.clock.now = now - minutes * 60_000
            self._order_dies(self._number - 60 + turn, thrown, why)
        self.world.clock.now = now

    def order(self) -> int:
        """One order more; its number."""
        self._number += 1
        stored = self.kafka.store(self.order_record(self._number))
        assert isinstance(stored.position, Offset)
        self._placed[self._number] = stored.position
        return self._number

    def order_record(self, number: int, *, whole: bool = True) -> Outgoing:
        """An order as it is sent."""
        name = "amount" if whole else "total"
        body = json.dumps({"id": number, "user": f"u{number % 90}", name: round(number % 97 / 4, 2)})
        headers: tuple[Header, ...] = (("trace-id", f"{number * 7919:016x}".encode(), ""),)
        key = f"u{number % 90}".encode()
        return Outgoing(self.orders, body.encode(), key, headers, partition=partition_for(key, PARTITIONS))

    # -- Kafka

    def _open_orders(self) -> None:
        self.orders = self.kafka.make("orders", PARTITIONS)
        self.orders_dlq = self.kafka.make("orders.DLQ", 2)
        clicks = self.kafka.make("clicks", 3)
        self.kafka.make("__consumer_offsets", 1)
        for _ in range(240):
            self.world.clock.advance(20_000)
            self.order()
        for sort, (thrown, why, count) in enumerate(CAUSES):
            for turn in range(count):
                self.world.clock.advance(7_000)
                self._order_dies(self._number - 200 + 40 * sort + turn, thrown, why)
        for group, behind in (("billing", 0), ("reporting", 1), ("shipping", 0)):
            self._commit(group, behind)
        self.kafka.commit("backfill", clicks, 0, 0, "Empty")
        self.kafka.commit("shipping", self.orders, STALLED, 3)

    def _order_dies(self, number: int, thrown: str, why: str) -> None:
        order = self.order_record(number, whole=False)
        origin = self._placed[number]
        frames = "".join(f"\tat org.springframework.kafka.listener.X{n}.run(X.java:{n})\n" for n in range(31))
        trace = f"{thrown}: {why}\n\tat shop.billing.Parser.parse(Parser.java:88)\n{frames}"
        told: Sequence[tuple[str, bytes]] = (
            ("app-version", b"1.4.2"),
            ("kafka_deliveryAttempt", b"\x00\x00\x00\x03"),
            ("kafka_dlt-exception-fqcn", thrown.encode()),
            ("kafka_dlt-exception-message", why.encode()),
            ("kafka_dlt-exception-stacktrace", trace.encode()),
            ("kafka_dlt-original-topic", b"orders"),
            ("kafka_dlt-original-partition", origin.partition.to_bytes(4, "big")),
            ("kafka_dlt-original-offset", origin.offset.to_bytes(8, "big")),
            ("kafka_dlt-original-consumer-group", b"billing"),
        )
        headers = tuple((name, value, "") for name, value in told)
        self.kafka.store(Outgoing(self.orders_dlq, order.value, order.key, headers, partition=number % 2))

    def _commit(self, group: str, behind: int) -> None:
        for number, partition in enumerate(self.kafka.topics["orders"].partitions):
            if group != "shipping" or number != STALLED:
                self.kafka.commit(group, self.orders, number, max(0, partition.next - behind))

    # -- RabbitMQ

    def _open_invoices(self) -> None:
        self.invoices = self.rabbitmq.declare("work.invoices", "quorum", limit=3, dead_to="work.invoices.dlq")
        self.invoices_dlq = self.rabbitmq.declare("work.invoices.dlq", "quorum", limit=3)
        self.rabbitmq.declare("work.refunds", "classic", dead_to="refunds.dlx")
        self.rabbitmq.exchange("shop.events", "topic")
        self.rabbitmq.queues["work.invoices"].consumers += ["inv-1", "inv-2", "inv-3", "inv-4"]
        for number in range(12):
            self.rabbitmq.store(Outgoing(self.invoices, b'{"inv":%d,"eur":"7.00"}' % (9_900 + number)))
        for number in range(19):
            self.world.clock.advance(60_000)
            died = x_death(death("work.invoices", "rejected", seconds=self.world.clock.now // 1000))
            headers: tuple[Header, ...] = (
                ("x-exception-message", string("tax number DE81 unknown"), "string"),
                ("x-exception-fqcn", string("shop.invoicing.UnknownTaxNumber"), "string"),
                died,
            )
            body = b'{"inv":%d,"eur":"12.50"}' % (9_912 + number)
            self.rabbitmq.store(
                Outgoing(self.invoices_dlq, body, headers=headers, properties=(("message_id", f"m{number}"),))
            )

    # -- Redis

    def _open_payments(self) -> None:
        self.payments = self.redis.make("payments")
        self.payments_dlq = self.redis.make("payments:dlq")
        self.redis.group(self.payments, "settle")
        self.world.clock.now = START - 11_000_000
        for number in range(57):
            self.world.clock.advance(1_000)
            self.pay(118_200 + number)
        self.redis.deliver(self.payments, "settle", "worker-7", 42)
        self.world.clock.now = START - 4_000
        self.redis.deliver(self.payments, "settle", "worker-1", 9)
        self.redis.deliver(self.payments, "settle", "worker-2", 6)
        for number in range(4):
            self.world.clock.advance(1)
            fields = (
                (b"dlq_stream", b"payments"),
                (b"dlq_reason", b"CardDeclined: code 51"),
                (b"value", b'{"pay":%d}' % (118_300 + number)),
            )
            self.redis.store(Outgoing(self.payments_dlq, fields=fields))

    def pay(self, number: int) -> None:
        """One payment more."""
        fields = ((b"pay", b"%d" % number), (b"eur", b"12.50"))
        self.redis.store(Outgoing(self.payments, fields=fields))


def world_of_profiles() -> MemoryWorld:
    """An empty world whose brokers answer under the hosts of every profile."""
    world = MemoryWorld()
    world.hosts |= dict.fromkeys(HOSTS.values(), HOST)
    return world


@cache
def _profiles() -> bytes:
    """The file of the shop's profiles, as the store writes it: the same for every test."""
    with TemporaryDirectory() as folder:
        store = ProfileStore(Path(folder) / "profiles.toml")
        store.add(_profile("prod-eu", Environment.PROD, [BrokerKind.KAFKA], protected=True))
        store.add(_profile("prod-mq", Environment.PROD, [BrokerKind.RABBITMQ], protected=True))
        store.add(_profile("prod-cache", Environment.PROD, [BrokerKind.REDIS], read_only=True))
        store.add(_profile("shop", Environment.STAGE, list(BrokerKind), protected=True))
        store.add(_profile("dev", Environment.DEV, list(BrokerKind)))
        return store.path.read_bytes()


def _profile(
    name: str,
    environment: Environment,
    kinds: Sequence[BrokerKind],
    *,
    protected: bool = False,
    read_only: bool = False,
) -> Profile:
    """Each environment has a host of its own: what protects one broker does not hold for the others."""
    host = HOSTS.get(environment, HOST)
    brokers = {kind: BrokerEndpoint(URLS[kind].replace(HOST, host)) for kind in kinds}
    return Profile(name, brokers, environment, protected=protected, read_only=read_only)


def many(shop: MemoryShop, count: int) -> None:
    """So many topics more."""
    for number in range(count):
        shop.kafka.make(f"topic-{number:06d}")
