"""No conversation: the error says which kind it is, and what to do."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from mqtui.brokers.adapters import connect
from mqtui.brokers.port import Address, Broker, Connect
from mqtui.domain.capability import Verb
from mqtui.domain.errors import CannotConnect, NotAuthenticated, Unreachable
from mqtui.domain.resource import BrokerKind, Kind, Ref
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
        lambda broker: broker.catalog.cluster(),
        lambda broker: broker.catalog.detail(ref),
        lambda broker: broker.reader.extent(ref),
        lambda broker: broker.snapshot(ref),
        lambda broker: broker.groups.groups(),
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
            await adapter.broker.catalog.cluster()
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
        assert (await adapter.broker.catalog.cluster()).version
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
        assert (await adapter.broker.catalog.cluster()).kind is BrokerKind.KAFKA
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
    assert "wr0ng" not in address.shown
    assert "alice@" in address.shown


async def test_a_read_and_a_write_of_memory_meet_the_same_trouble() -> None:
    world = MemoryWorld()
    shelf = world.redis()
    ref = shelf.make("work")
    adapter = world.connect(shelf.address)
    shelf.faults.denied.add(Verb.PUBLISH)
    assert (await adapter.broker.can(Verb.PUBLISH, ref)).hint
    shelf.faults.unreachable = True
    with pytest.raises(Unreachable):
        await read(adapter, ref)
    with pytest.raises(Unreachable):
        await publish(adapter, [])
