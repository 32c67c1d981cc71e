"""No conversation: the error says which kind it is, and what to do."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from mqtui.brokers import protocol_probe
from mqtui.brokers.port import Address, Broker, Connect
from mqtui.brokers.protocol_probe import ProbeTarget, detect_other_protocol
from mqtui.brokers.registry import connect
from mqtui.brokers.tls import TlsSettings
from mqtui.domain.capability import Verb
from mqtui.domain.errors import CannotConnect, NotAuthenticated, Unreachable
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.profiles.url import format_url
from tests.brokers import Brokers
from tests.contract.asking import publish, read
from tests.contract.worlds import address_of
from tests.memory import MemoryWorld

KINDS = list(BrokerKind)
PLACES = {BrokerKind.KAFKA: Kind.TOPIC, BrokerKind.RABBITMQ: Kind.QUEUE, BrokerKind.REDIS: Kind.STREAM}


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def assert_refused(address: Address, kind: type[CannotConnect], how: Connect = connect) -> None:
    """Every first call says the same, and closing is no trouble."""
    ref = Ref(PLACES[address.kind], "anything")
    calls: list[Callable[[Broker], Awaitable[object]]] = [
        lambda broker: broker.catalog.describe_cluster(),
        lambda broker: broker.catalog.describe(ref),
        lambda broker: broker.reader.extent(ref),
        lambda broker: broker.snapshot(ref),
        lambda broker: broker.groups.list_groups(),
    ]
    for call in calls:
        adapter = how(address)
        try:
            with pytest.raises(kind) as refused:
                await call(adapter.broker)
            assert refused.value.title
            assert refused.value.hint
            assert "wr0ng" not in f"{refused.value!s}{refused.value!r}{refused.value.__cause__!r}"
        finally:
            await adapter.close()


PATIENT = {
    BrokerKind.KAFKA: {"api.version.request.timeout.ms": "60000"},
    BrokerKind.RABBITMQ: {"timeout-ms": "60000"},
    BrokerKind.REDIS: {"timeout-ms": "60000"},
}
"""How long a connection may take to open."""


@asynccontextmanager
async def waiting_for_more() -> AsyncIterator[int]:
    """A port that answers nothing before two line ends, as servers of HTTP do, and then in its own words."""
    talks: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await writer.drain()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        for talk in talks:
            talk.close()
            with suppress(ConnectionError):
                await talk.wait_closed()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_port_that_hangs_is_asked_what_it_speaks(kind: BrokerKind) -> None:
    """Long before the patience for an answer is over; one that says nothing at all is waited for."""
    async with waiting_for_more() as port:
        address = Address(kind, (("127.0.0.1", port),), path="/", options=PATIENT[kind])
        if kind is BrokerKind.REDIS:
            address = replace(address, path="0")
        adapter = connect(address)
        async with asyncio.timeout(40):
            with pytest.raises(Unreachable, match="speaks HTTP, not"):
                await adapter.broker.catalog.describe_cluster()
        await adapter.close()


def test_what_is_silent_or_right_is_not_told_wrong(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While an answer is waited for only what a port says counts."""
    host, port = address_of(redis_url).hosts[0]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        slow = ProbeTarget("127.0.0.1", silent.getsockname()[1], "Redis", None)
        redis, kafka = ProbeTarget(host, port, "Redis", None), ProbeTarget(host, port, "Kafka", None)
        nobody = ProbeTarget("127.0.0.1", closed_port(), "Kafka", None)
        secured = replace(kafka, tls=TlsSettings())
        for places in ([kafka], [nobody, kafka]):
            told = detect_other_protocol(places)
            assert told is not None and "speaks Redis, not Kafka" in told.title
        told = detect_other_protocol([secured])
        assert told is not None and "does not speak TLS" in told.title
        assert [detect_other_protocol(places) for places in ([redis], [nobody], [kafka, redis])] == [None] * 3
        for name in ("CONNECT_SECONDS", "REPLY_SECONDS"):
            monkeypatch.setattr(protocol_probe, name, 0.1)
        assert detect_other_protocol([slow]) is None


@pytest.mark.parametrize("kind", KINDS)
async def test_nobody_listens(kind: BrokerKind) -> None:
    port = closed_port()
    options = {"management": f"http://127.0.0.1:{closed_port()}"} if kind is BrokerKind.RABBITMQ else {}
    address = Address(kind, (("127.0.0.1", port),), "guest", "wr0ng", path="/", options=options)
    if kind is BrokerKind.REDIS:
        address = replace(address, path="0", user="", secret="")
    if kind is BrokerKind.KAFKA:
        address = replace(address, path="", user="", secret="")
    await assert_refused(address, Unreachable)


@pytest.mark.parametrize("kind", KINDS)
async def test_no_such_host(kind: BrokerKind) -> None:
    address = Address(kind, (("no-such-host.invalid", 1),), path={BrokerKind.REDIS: "0"}.get(kind, ""))
    adapter = connect(address)
    try:
        with pytest.raises(Unreachable):
            await adapter.broker.catalog.describe_cluster()
    finally:
        await adapter.close()


async def test_rabbitmq_refuses_a_wrong_password(rabbitmq_url: str) -> None:
    await assert_refused(replace(address_of(rabbitmq_url), secret="wr0ng"), NotAuthenticated)


async def test_redis_refuses_a_wrong_password(brokers: Brokers) -> None:
    url = brokers.servers.start_redis("redis-secret", config=["requirepass right"])
    try:
        wrong = replace(address_of(url), secret="wr0ng")
        await assert_refused(wrong, NotAuthenticated)
        await assert_refused(replace(wrong, secret=""), NotAuthenticated)
        adapter = connect(replace(wrong, secret="right"))
        assert (await adapter.broker.catalog.describe_cluster()).version
        await adapter.close()
    finally:
        brokers.servers.stop("redis-secret")


async def test_kafka_refuses_a_wrong_password(brokers: Brokers) -> None:
    brokers.servers.start_kafka("kafka-secret", sasl_users={"alice": "right"})
    try:
        place = ("127.0.0.1", brokers.servers.ports("kafka-secret")["sasl"])
        wrong = Address(BrokerKind.KAFKA, (place,), "alice", "wr0ng")
        await assert_refused(wrong, NotAuthenticated)
        adapter = connect(replace(wrong, secret="right"))
        assert (await adapter.broker.catalog.describe_cluster()).kind is BrokerKind.KAFKA
        await adapter.close()
    finally:
        brokers.servers.stop("kafka-secret")


@pytest.mark.parametrize("kind", KINDS)
async def test_memory_refuses_too(kind: BrokerKind) -> None:
    world = MemoryWorld()
    address = Address(kind, (("memory", 1),), secret="wr0ng")
    world.server(address).faults.password = "right"
    await assert_refused(address, NotAuthenticated, world.connect)
    world.server(address).faults.unreachable = True
    await assert_refused(address, Unreachable, world.connect)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_secret_is_not_shown(kind: BrokerKind) -> None:
    address = Address(kind, (("memory", 1),), "alice", "wr0ng")
    assert "wr0ng" not in repr(address)
    assert "wr0ng" not in format_url(address)
    assert "alice@" in format_url(address)


async def test_a_read_and_a_write_of_memory_meet_the_same_trouble() -> None:
    world = MemoryWorld()
    server = world.redis()
    ref = server.make("work")
    adapter = world.connect(server.address)
    server.faults.denied.add(Verb.PUBLISH)
    assert (await adapter.broker.can(Verb.PUBLISH, ref)).hint
    server.faults.unreachable = True
    with pytest.raises(Unreachable):
        await read(adapter, ref)
    with pytest.raises(Unreachable):
        await publish(adapter, [])
