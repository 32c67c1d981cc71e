"""Thousands of streams: commands grow with their number, round trips and script calls hardly do (C14)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest

from mqtui.brokers.port import Adapter
from mqtui.brokers.redis.adapter import connect
from mqtui.brokers.redis.read.groups import group_ref
from mqtui.brokers.redis.read.stream_info import STREAMS_PER_SCRIPT_CALL
from mqtui.domain.figure import Exactness, exact
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import Destination, GroupLag
from tests.brokers import Brokers
from tests.contract.redis_server import RedisServer, own_server
from tests.contract.test_redis_move_scripts import user_with_rights

MANY = 400
DELAY = 0.01
"""Seconds that the proxy delays a message."""


@pytest.fixture
def server(brokers: Brokers) -> Iterator[RedisServer]:
    """A server with streams of two entries and two groups: one has read nothing, the lag of the other is counted."""
    with own_server(brokers) as (_, made):
        pipe = made.client.pipeline(transaction=False)
        add: Callable[..., Any] = pipe.execute_command
        for ref in streams(made):
            for number in (1, 2, 3):
                add("XADD", ref.name, f"{number}-0", "n", number)
            add("XGROUP", "CREATE", ref.name, "all", "0")
            add("XGROUP", "CREATE", ref.name, "half", "1-0")
            add("XDEL", ref.name, "2-0")
        pipe.execute()
        yield made


def streams(server: RedisServer) -> list[Ref]:
    return [Ref(Kind.STREAM, f"{server.prefix}:{number:04}") for number in range(MANY)]


def groups(server: RedisServer, name: str) -> list[Ref]:
    return [group_ref(ref, name) for ref in streams(server)]


async def list_streams(adapter: Adapter) -> dict[Ref, Destination]:
    found: dict[Ref, Destination] = {}
    async for page in adapter.broker.catalog.list_destinations():
        found.update({row.ref: row for row in page.items})
    return found


async def lags(adapter: Adapter, asked: list[Ref]) -> list[GroupLag]:
    return [row async for row in adapter.broker.groups.lag(asked)]


def script_calls(server: RedisServer) -> int:
    """How often a script was run since this was asked."""
    calls = int(server.client.info("commandstats").get("cmdstat_eval_ro", {}).get("calls", 0))
    server.client.config_resetstat()
    return calls


@asynccontextmanager
async def slow_port(server: RedisServer) -> AsyncIterator[int]:
    """The port of a proxy to the server that delays each message."""
    host, port = server.address.hosts[0]
    serving: set[asyncio.Task[Any]] = set()

    async def forward(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(1 << 16):
            asyncio.get_running_loop().call_later(DELAY, sink.write, data)
        await asyncio.sleep(DELAY)
        sink.close()
        await sink.wait_closed()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, answers = await asyncio.open_connection(host, port)
        await asyncio.gather(forward(reader, answers), forward(there, writer))

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.ensure_future(serve(reader, writer)))

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        await asyncio.wait(serving)


async def test_a_list_of_many_streams_takes_few_script_calls(server: RedisServer) -> None:
    adapter = server.adapter()
    try:
        script_calls(server)
        found = await list_streams(adapter)
        counting = MANY  # the lag of `half` is counted once for each
        assert script_calls(server) <= MANY / STREAMS_PER_SCRIPT_CALL + counting + 2
        assert {row.backlog for row in found.values()} == {exact(2)} and len(found) == MANY
        await list_streams(adapter)
        assert script_calls(server) <= MANY / STREAMS_PER_SCRIPT_CALL + 2
        assert {row.total for row in await lags(adapter, groups(server, "half"))} == {exact(1)}
        assert script_calls(server) <= MANY / STREAMS_PER_SCRIPT_CALL + 2
    finally:
        await adapter.close()


async def test_a_list_of_many_streams_takes_few_round_trips(server: RedisServer) -> None:
    async with slow_port(server) as port:
        adapter = connect(replace(server.address, hosts=(("127.0.0.1", port),), prefix=server.prefix))
        try:
            began = monotonic()
            assert len(await list_streams(adapter)) == MANY
            assert {row.total for row in await lags(adapter, groups(server, "all"))} == {exact(2)}
            assert monotonic() - began < MANY * 2 * DELAY / 2, "as one round trip each would take"
        finally:
            await adapter.close()


async def test_an_unreadable_or_large_stream_hides_no_other(server: RedisServer) -> None:
    """A script over many keys is refused because of one, and ends where it went through much: the rest is asked for."""
    large = streams(server)[:8]
    for ref in large:
        server.call("XADD", ref.name, "4-0", "v", b"x" * 3_000_000)
    closed = streams(server)[20]
    server.call("RENAME", closed.name, f"closed:{server.prefix}")
    async with user_with_rights(server, f"~{server.prefix}:* +@all") as adapter:
        found = await list_streams(adapter)
        rows = {row.group: row.total for row in await lags(adapter, groups(server, "all"))}
    server.call("RENAME", f"closed:{server.prefix}", closed.name)
    hidden = found.pop(Ref(Kind.STREAM, f"closed:{server.prefix}"))
    assert hidden.messages.number is None
    assert len(found) == MANY - 1
    assert {row.arrived for row in found.values()} == {exact(3), exact(4)}
    assert {ref for ref, row in found.items() if row.arrived == exact(4)} == set(large)
    assert rows.pop(group_ref(closed, "all")).number is None
    assert {ref for ref, total in rows.items() if total == exact(3)} == {group_ref(ref, "all") for ref in large}
    assert set(rows.values()) == {exact(2), exact(3)}


async def test_without_the_right_to_scripts_no_stream_is_asked_twice(server: RedisServer) -> None:
    async with user_with_rights(server, "~* +@all -@scripting") as adapter:
        server.client.config_resetstat()
        found = await list_streams(adapter)
        refused = server.client.info("commandstats").get("cmdstat_eval_ro", {}).get("rejected_calls", 0)
    assert {row.messages for row in found.values()} == {exact(2)}
    assert {row.backlog.sort for row in found.values()} == {Exactness.AT_MOST}
    assert refused <= MANY / STREAMS_PER_SCRIPT_CALL + 2 * MANY, (
        "once for all ends; alone only for a lag that has to be counted"
    )
