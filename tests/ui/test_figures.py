"""Unknown, absent and partial are never figures: what the console says where a broker can't, or a read was cut."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mqtui.brokers.port import Batch, Broker
from mqtui.domain.redrive import Source
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.store import ProfileStore
from mqtui.services.redrive.planning.scan import read_unhandled
from mqtui.ui.app import Console
from mqtui.ui.screens.dead_letters import causes
from mqtui.ui.screens.destinations import pending
from tests.contract.kafka_cluster import KafkaCluster
from tests.contract.redis_server import RedisServer
from tests.ui.driver import at_console


@pytest.fixture
def streams(redis_url: str) -> Iterator[RedisServer]:
    made = RedisServer(redis_url)
    yield made
    made.close()


async def test_pending_entries_that_were_not_all_read(streams: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """C50: the list and the keys say how many of how many; all of them is said only where it is so."""
    monkeypatch.setattr(pending, "MAX_ENTRIES", 100)
    ref = streams.stream("work", 250, name=streams.prefix)
    streams.group(ref, "g", take=250)
    async with at_console(Console((streams.url, ""))) as user:
        await user.is_at("DestinationsScreen").sees(ref.name).presses("2").is_at("GroupsScreen")
        await user.moves_to(f"{ref.name}/g").presses("enter").is_at("PendingScreen").sees("100 of 250")
        await user.sees_no("all read").sees("C claim 100 of 250")
        await user.presses("tab", "space").sees("1 marked").sees("C claim 1")
    monkeypatch.setattr(pending, "MAX_ENTRIES", 250)
    async with at_console(Console((streams.url, ""))) as user:
        await user.is_at("DestinationsScreen").sees(ref.name).presses("2").is_at("GroupsScreen")
        await user.moves_to(f"{ref.name}/g").presses("enter").is_at("PendingScreen").sees("250, all read")


@pytest.fixture
def topics(kafka_url: str) -> Iterator[KafkaCluster]:
    made = KafkaCluster(kafka_url)
    yield made
    made.close()


async def test_a_list_that_is_a_part_says_so(streams: RedisServer) -> None:
    """The rule over a list says that the search for streams was cut."""
    pipe = streams.client.pipeline(transaction=False)
    for number in range(5000):
        pipe.set(f"{streams.prefix}:k{number}", "")
    pipe.execute()
    streams.stream("work", 1)
    async with at_console(Console((f"{streams.url}?scan-keys=1000", ""))) as user:
        await user.is_at("DestinationsScreen").sees("ø the search ended after 1,000 keys")


@asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """A port that takes connections and never says a word."""
    held: list[asyncio.StreamWriter] = []

    def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in held:
            writer.close()


async def test_a_broker_that_has_not_answered_is_named(topics: KafkaCluster, folders: Path) -> None:
    """C44: the lists of a profile say which broker is still read, until it is known."""
    ref = topics.topic("work")
    topics.fill(ref, 3)
    async with silent() as port:
        wait = BrokerEndpoint(f"redis://127.0.0.1:{port}", {"timeout-ms": "600000"})
        ProfileStore().add(Profile("both", {BrokerKind.KAFKA: BrokerEndpoint(topics.url), BrokerKind.REDIS: wait}))
        async with at_console(Console(("both", ""))) as user:
            await user.is_at("DestinationsScreen").sees(ref.name, "reading redis …")
            await user.presses("2").is_at("GroupsScreen").presses("1").sees(ref.name, "reading redis …")


async def test_causes_that_are_being_read_are_no_figure(streams: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """C44: neither 0 letters before any was read, nor what was read so far as the whole."""
    gate, ref = asyncio.Event(), streams.stream("", 3, name=f"{streams.prefix}:dlq")

    async def later(broker: Broker, source: Source) -> AsyncIterator[Batch]:
        async for batch in read_unhandled(broker, source):
            yield batch[:1]
            await gate.wait()
            yield batch[1:]

    monkeypatch.setattr(causes, "read_unhandled", later)
    async with at_console(Console((streams.url, ""))) as user:
        await (
            user.is_at("DestinationsScreen")
            .sees(ref.name)
            .presses("3")
            .is_at("DeadLetterOverviewScreen")
            .moves_to(ref.name)
        )
        await user.presses("enter").is_at("CausesScreen").sees("reading … 1 so far").sees_no("· 0 causes")
        gate.set()
        await user.sees("3 · 1 cause").sees_no("so far")
