"""A bare RabbitMQ client for tests, with queues of its own; and short ways to an adapter, a lease and a transfer."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any
from urllib.parse import quote

import httpx2
import pika

from mqtui.brokers.guard import WriteGrant
from mqtui.brokers.port import Address, Lease
from mqtui.brokers.rabbitmq.adapter import RabbitAdapter, RabbitWriter, connect
from mqtui.domain.capability import Verb
from mqtui.domain.figure import exact
from mqtui.domain.message import Message
from mqtui.domain.plan import Deliver, Plan, Step, Take
from mqtui.domain.redrive import CountBound, LeaseOptions, PublishStatus, Receipt, Selection, Source, Transfer
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.profiles.url import parse_url
from tests.contract.worlds import TRUSTS_NOBODY

QUORUM: Mapping[str, Any] = {"x-queue-type": "quorum"}
STREAM: Mapping[str, Any] = {"x-queue-type": "stream"}
RUN = "0123456789abcdef0123456789abcdef"
TIMEOUT = 15.0


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition with a deadline."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.02)


class Rabbit:
    """A bare client of the broker under test, and names nobody else uses."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.address: Address = parse_url(url)[0]
        host, port = self.address.hosts[0]
        self._parameters = pika.ConnectionParameters(host, port, heartbeat=0)
        self.connection = pika.BlockingConnection(self._parameters)
        self.channel = self.connection.channel()
        self.channel.confirm_delivery()
        self.management = httpx2.Client(
            base_url=self.address.options["management"] + "/api",
            auth=("guest", "guest"),
            trust_env=False,
            timeout=20,
            verify=TRUSTS_NOBODY,
        )
        self._queues: list[str] = []
        self._exchanges: list[str] = []
        self._policies: list[str] = []

    @cached_property
    def version(self) -> str:
        """The broker's version."""
        return str(self.management.get("/overview").json()["rabbitmq_version"])

    @property
    def version_numbers(self) -> tuple[int, ...]:
        """The version in numbers: (3, 10, 8)."""
        return tuple(int(part) for part in self.version.split("-")[0].split("."))

    @property
    def quorum_without_limit(self) -> Mapping[str, Any]:
        """Arguments of a quorum queue without a delivery limit: 4.0 has one of 20 by default."""
        return QUORUM if self.version_numbers < (4,) else {**QUORUM, "x-delivery-limit": -1}

    def name(self, stem: str = "q") -> str:
        return f"test.{stem}.{secrets.token_hex(4)}"

    def queue(self, arguments: Mapping[str, Any] | None = None, *, name: str = "", **flags: bool) -> str:
        name = name or self.name()
        self.channel.queue_declare(name, durable=flags.pop("durable", True), arguments=dict(arguments or {}), **flags)
        self._queues.append(name)
        return name

    def exchange(self, sort: str = "direct", arguments: Mapping[str, Any] | None = None) -> str:
        name = self.name("x")
        channel: Any = self.channel
        channel.exchange_declare(name, sort, durable=True, arguments=dict(arguments or {}))
        self._exchanges.append(name)
        return name

    def policy(self, pattern: str, definition: Mapping[str, Any], *, operator: bool = False) -> None:
        name = self.name("policy")
        path = f"/{'operator-policies' if operator else 'policies'}/%2F/{name}"
        body = {"pattern": pattern, "definition": dict(definition), "apply-to": "queues"}
        assert self.management.put(path, json=body).status_code in (201, 204)
        self._policies.append(path)

    def fill(self, queue: str, bodies: Sequence[bytes], **properties: Any) -> None:
        marked = pika.BasicProperties(delivery_mode=2, **properties)
        with closing(self.connection.channel()) as channel:
            for body in bodies:
                channel.basic_publish("", queue, body, marked)
            until(lambda: self.ready(queue) >= len(bodies), f"{queue} holds them")

    def publish(self, exchange: str, key: str, body: bytes, **properties: Any) -> None:
        self.channel.basic_publish(exchange, key, body, pika.BasicProperties(delivery_mode=2, **properties))

    def ready(self, queue: str) -> int:
        answer: Any = self.channel.queue_declare(queue, passive=True)
        return int(answer.method.message_count)

    def wait_until_ready(self, queue: str, count: int) -> None:
        until(lambda: self.ready(queue) == count, f"{queue} holds {count}, not {self.ready(queue)}")

    def bodies(self, queue: str) -> list[bytes]:
        """Everything ready, taken out."""
        return [body for _, _, body in self.drain(queue)]

    def drain(self, queue: str) -> list[tuple[Any, Any, bytes]]:
        found: list[tuple[Any, Any, bytes]] = []
        channel: Any = self.channel
        while (got := channel.basic_get(queue, auto_ack=True))[0] is not None:
            found.append(got)
        return found

    @contextmanager
    def consumer(self, queue: str) -> Iterator[None]:
        """Somebody who reads the queue and never acknowledges."""
        with closing(pika.BlockingConnection(self._parameters)) as other:
            channel = other.channel()
            channel.basic_qos(prefetch_count=1)
            channel.basic_consume(queue, lambda *_: None, consumer_tag="somebody")
            yield

    def has_consumer(self, queue: str) -> bool:
        """Whether the management API has counted a consumer, up to 5 s late."""
        return bool(self.management.get(f"/queues/%2F/{queue}").json().get("consumers"))

    def close_consumer_connections(self, queue: str) -> None:
        """Close the connections that consume from a queue, as an operator or a network would."""
        names: list[str] = []

        def found() -> bool:
            rows = self.management.get("/consumers/%2F").json()
            ours = [row["channel_details"] for row in rows if row["queue"]["name"] == queue]
            names[:] = [channel["connection_name"] for channel in ours if channel]
            return bool(names)

        until(found, f"somebody consumes from {queue}")
        for name in names:
            self.management.delete(f"/connections/{quote(name, safe='')}")

    def close_mqtui_connections(self) -> None:
        """Close every connection of mqtui, as an operator or a network would."""
        names: list[str] = []

        def found() -> bool:
            rows = self.management.get("/connections").json()
            names[:] = [row["name"] for row in rows if row.get("client_properties", {}).get("product") == "mqtui"]
            return bool(names)

        until(found, "somebody is connected")
        for name in names:
            self.management.delete(f"/connections/{quote(name, safe='')}")

    @contextmanager
    def user(self, *, configure: str = ".*", write: str = ".*", read: str = ".*") -> Iterator[Address]:
        """The address of a user with these rights on the vhost."""
        name = self.name("user")
        put = self.management.put
        assert put(f"/users/{name}", json={"password": "secret", "tags": "management,policymaker"}).is_success
        rights = {"configure": configure, "write": write, "read": read}
        assert put(f"/permissions/%2F/{name}", json=rights).is_success
        yield replace(self.address, user=name, secret="secret")
        self.management.delete(f"/users/{name}")

    def close(self) -> None:
        if self.connection.is_open:
            for queue in self._queues:
                self.connection.channel().queue_delete(queue)
            for exchange in self._exchanges:
                self.connection.channel().exchange_delete(exchange)
            self.connection.close()
        for path in self._policies:
            self.management.delete(path)
        self.management.close()

    def management_row(self, queue: str) -> dict[str, Any]:
        found: dict[str, Any] = self.management.get(f"/queues/%2F/{quote(queue, safe='')}").json()
        return found


@asynccontextmanager
async def adapter(address: Address) -> AsyncIterator[RabbitAdapter]:
    opened = connect(address)
    try:
        yield opened
    finally:
        await opened.close()


def without_management(address: Address) -> Address:
    return replace(address, options={})


def queue_ref(name: str) -> Ref:
    return Ref(Kind.QUEUE, name)


def plan_of(source: Source, *targets: Ref, count: int | None = None) -> Plan:
    number = exact(count if count is not None else (source.count.number or 0))
    steps: tuple[Step, ...] = (Take(source, Selection()), *(Deliver(target, number) for target in targets))
    return Plan("0" * 32, Verb.REDRIVE, "test", BrokerKind.RABBITMQ, steps, number)


def writer(opened: RabbitAdapter) -> RabbitWriter:
    source = Source(queue_ref(""), "", CountBound(0, 0), exact(0))
    return opened.open_writer(WriteGrant(plan_of(source)))


def lease_options(
    max_in_flight: int = 100, limit: int | None = None, *, run: str = RUN, shared: bool = False
) -> LeaseOptions:
    return LeaseOptions(run, "tester", "hash", max_in_flight, limit, shared=shared)


def transfers_to(letters: Sequence[Message], target: Ref, routing_key: str = "") -> list[Transfer]:
    return [Transfer(letter, target, routing_key) for letter in letters]


async def move_all(lease: Lease, target: Ref, size: int = 100) -> list[Receipt]:
    receipts: list[Receipt] = []
    async for batch in lease.batches(size):
        receipts += await lease.move(transfers_to(list(batch), target))
    return receipts


def states(receipts: Sequence[Receipt]) -> list[PublishStatus]:
    return [receipt.state for receipt in receipts]


async def peek_messages(opened: RabbitAdapter, name: str, count: int) -> list[Message]:
    found: list[Message] = []
    async for batch in writer(opened).peek_unacked(queue_ref(name), count):
        found += batch
    return found


def numbered(count: int) -> list[bytes]:
    return [b"%05d" % number for number in range(count)]


@asynccontextmanager
async def open_lease(rabbit: Rabbit, source: str, options: LeaseOptions) -> AsyncIterator[Lease]:
    async with adapter(rabbit.address) as broker:
        snapshot = await broker.broker.snapshot(queue_ref(source))
        async with writer(broker).lease(snapshot, options) as lease:
            yield lease
