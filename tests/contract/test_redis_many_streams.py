"""Thousands of streams: what they are asked grows with their number, the round trips and scripts hardly do (C14)."""

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
from tests.contract.redis_stage import Stage, own_server
from tests.contract.test_redis_scripts import limited

MANY = 400
WAY = 0.01
"""Seconds that a message takes to a server far away."""


@pytest.fixture
def stage(brokers: Brokers) -> Iterator[Stage]:
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


def streams(stage: Stage) -> list[Ref]:
    return [Ref(Kind.STREAM, f"{stage.prefix}:{number:04}") for number in range(MANY)]


def groups(stage: Stage, name: str) -> list[Ref]:
    return [group_ref(ref, name) for ref in streams(stage)]


async def listed(adapter: Adapter) -> dict[Ref, Destination]:
    found: dict[Ref, Destination] = {}
    async for page in adapter.broker.catalog.list_destinations():
        found.update({row.ref: row for row in page.items})
    return found


async def lags(adapter: Adapter, asked: list[Ref]) -> list[GroupLag]:
    return [row async for row in adapter.broker.groups.lag(asked)]


def scripts(stage: Stage) -> int:
    """How often a script was run since this was asked."""
    calls = int(stage.client.info("commandstats").get("cmdstat_eval_ro", {}).get("calls", 0))
    stage.client.config_resetstat()
    return calls


@asynccontextmanager
async def far_away(stage: Stage) -> AsyncIterator[int]:
    """A port behind which the server is some way off."""
    host, port = stage.address.hosts[0]
    serving: set[asyncio.Task[Any]] = set()

    async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(1 << 16):
            asyncio.get_running_loop().call_later(WAY, sink.write, data)
        await asyncio.sleep(WAY)
        sink.close()
        await sink.wait_closed()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, answers = await asyncio.open_connection(host, port)
        await asyncio.gather(carry(reader, answers), carry(there, writer))

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.ensure_future(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.wait(serving)


async def test_a_list_of_many_streams_takes_few_scripts(stage: Stage) -> None:
    adapter = stage.adapter()
    try:
        scripts(stage)
        found = await listed(adapter)
        counting = MANY  # the lag of `half` is counted once for each
        assert scripts(stage) <= MANY / STREAMS_PER_SCRIPT_CALL + counting + 2
        assert {row.backlog for row in found.values()} == {exact(2)} and len(found) == MANY
        await listed(adapter)
        assert scripts(stage) <= MANY / STREAMS_PER_SCRIPT_CALL + 2
        assert {row.total for row in await lags(adapter, groups(stage, "half"))} == {exact(1)}
        assert scripts(stage) <= MANY / STREAMS_PER_SCRIPT_CALL + 2
    finally:
        await adapter.close()


async def test_a_server_far_away_is_not_asked_stream_by_stream(stage: Stage) -> None:
    async with far_away(stage) as port:
        adapter = connect(replace(stage.address, hosts=(("127.0.0.1", port),), prefix=stage.prefix))
        try:
            began = monotonic()
            assert len(await listed(adapter)) == MANY
            assert {row.total for row in await lags(adapter, groups(stage, "all"))} == {exact(2)}
            assert monotonic() - began < MANY * 2 * WAY / 2, "as one round trip each would take"
        finally:
            await adapter.close()


async def test_a_stream_that_is_closed_or_large_costs_the_others_nothing(stage: Stage) -> None:
    """A script over many keys is refused because of one, and ends where it went through much: the rest is asked for."""
    large = streams(stage)[:8]
    for ref in large:
        stage.call("XADD", ref.name, "4-0", "v", b"x" * 3_000_000)
    closed = streams(stage)[20]
    stage.call("RENAME", closed.name, f"closed:{stage.prefix}")
    async with limited(stage, f"~{stage.prefix}:* +@all") as adapter:
        found = await listed(adapter)
        rows = {row.group: row.total for row in await lags(adapter, groups(stage, "all"))}
    stage.call("RENAME", f"closed:{stage.prefix}", closed.name)
    hidden = found.pop(Ref(Kind.STREAM, f"closed:{stage.prefix}"))
    assert hidden.messages.number is None
    assert len(found) == MANY - 1
    assert {row.arrived for row in found.values()} == {exact(3), exact(4)}
    assert {ref for ref, row in found.items() if row.arrived == exact(4)} == set(large)
    assert rows.pop(group_ref(closed, "all")).number is None
    assert {ref for ref, total in rows.items() if total == exact(3)} == {group_ref(ref, "all") for ref in large}
    assert set(rows.values()) == {exact(2), exact(3)}


async def test_without_the_right_to_scripts_nobody_is_asked_twice(stage: Stage) -> None:
    async with limited(stage, "~* +@all -@scripting") as adapter:
        stage.client.config_resetstat()
        found = await listed(adapter)
        refused = stage.client.info("commandstats").get("cmdstat_eval_ro", {}).get("rejected_calls", 0)
    assert {row.messages for row in found.values()} == {exact(2)}
    assert {row.backlog.sort for row in found.values()} == {Exactness.AT_MOST}
    assert refused <= MANY / STREAMS_PER_SCRIPT_CALL + 2 * MANY, (
        "once for all ends; alone only for a lag that has to be counted"
    )
