"""RabbitMQ streams: read at no cost, by offset, time or edge; followed (C10)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from mqtui.brokers.optional_port import ScansNewest
from mqtui.domain.errors import BadInput, NotFound, Refused, Unsupported
from mqtui.domain.message import EntryId, Message, Offset
from mqtui.domain.read_range import FREE_PEEK, At, Edge, ReadRange, Since, StartPoint
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.scan import RecordColumns
from tests.contract.rabbitmq_test_client import STREAM, Rabbit, adapter, queue_ref, until, without_management

MANY = [b"%05d" % number for number in range(2500)]


@pytest.fixture
def rabbit(rabbitmq_url: str) -> Iterator[Rabbit]:
    opened = Rabbit(rabbitmq_url)
    yield opened
    opened.close()


@pytest.fixture
def stream(rabbit: Rabbit) -> Ref:
    """A stream of 2,500 records in chunks as they came."""
    name = rabbit.queue(STREAM)
    rabbit.fill(name, MANY, timestamp=1_700_000_000)
    return Ref(Kind.STREAM, name)


async def read(
    rabbit: Rabbit, ref: Ref, start: StartPoint, limit: int | None = None, until: int | None = None
) -> list[Message]:
    async with adapter(rabbit.address) as broker:
        batches = broker.broker.reader.read(ref, ReadRange(start, until=until), limit=limit)
        return [message async for batch in batches for message in batch]


def bodies(messages: list[Message]) -> list[bytes | None]:
    return [message.value for message in messages]


async def test_a_stream_is_read_from_edges_offsets_and_times(rabbit: Rabbit, stream: Ref) -> None:
    """Chunks begin before the wanted offset: what lies before is dropped. Positions are offsets of partition -1."""
    first = await read(rabbit, stream, Edge.OLDEST, 3)
    assert bodies(first) == MANY[:3]
    assert [message.position for message in first] == [Offset(-1, 0), Offset(-1, 1), Offset(-1, 2)]
    assert [header for message in first for header in message.headers] == []
    assert first[0].timestamp == 1_700_000_000_000
    assert bodies(await read(rabbit, stream, Edge.NEWEST, 7)) == MANY[-7:]
    assert bodies(await read(rabbit, stream, At(Offset(-1, 1234)), 4)) == MANY[1234:1238]
    assert bodies(await read(rabbit, stream, At(Offset(-1, 2498)), 10)) == MANY[2498:]
    assert await read(rabbit, stream, At(Offset(-1, 9999)), 10) == []
    assert bodies(await read(rabbit, stream, Since(0), 2)) == MANY[:2]
    assert await read(rabbit, stream, Since(4_000_000_000_000), 2) == []
    assert await read(rabbit, stream, Edge.OLDEST, 2, until=1_700_000_000_000) == []
    assert await read(rabbit, stream, Edge.OLDEST, 0) == []


async def test_the_whole_stream_comes_in_bounded_batches_and_ends(rabbit: Rabbit, stream: Ref) -> None:
    async with adapter(rabbit.address) as broker:
        batches = [batch async for batch in broker.broker.reader.read(stream, ReadRange(), limit=None)]
        extent = await broker.broker.reader.extent(stream)
        assert await broker.broker.reader.peek_cost(stream, 5) is FREE_PEEK
    assert [message.value for batch in batches for message in batch] == MANY
    assert max(map(len, batches)) <= 1000
    assert (extent.first[-1], extent.end[-1], extent.count.number) == (Offset(-1, 0), Offset(-1, 2500), 2500)
    rabbit.wait_until_ready(stream.name, 2500)


async def test_an_empty_stream_has_no_messages(rabbit: Rabbit) -> None:
    ref = Ref(Kind.STREAM, rabbit.queue(STREAM))
    assert await read(rabbit, ref, Edge.NEWEST, 5) == []
    async with adapter(rabbit.address) as broker:
        assert (await broker.broker.reader.extent(ref)).count.number == 0


async def test_tail_follows_a_stream_and_refuses_a_queue(rabbit: Rabbit, stream: Ref) -> None:
    """C10."""
    queue = rabbit.queue()
    async with adapter(rabbit.address) as broker:
        tail = broker.broker.reader.tail(stream)
        following = asyncio.ensure_future(anext(aiter(tail)))
        await asyncio.to_thread(
            until, lambda: rabbit.management_row(stream.name).get("consumers") == 1, "somebody follows"
        )
        rabbit.publish("", stream.name, b"new")
        assert bodies(list(await asyncio.wait_for(following, 10))) == [b"new"]
        with pytest.raises(Unsupported, match="can't be followed"):
            await anext(aiter(broker.broker.reader.tail(queue_ref(queue))))


async def test_what_is_no_stream_is_not_read_at_no_cost(rabbit: Rabbit, stream: Ref) -> None:
    """A queue is peeked; a stream's positions are offsets; without the management API nobody guesses."""
    queue = rabbit.queue()
    with pytest.raises(Refused):
        await read(rabbit, queue_ref(queue), Edge.OLDEST, 1)
    with pytest.raises(BadInput):
        await read(rabbit, stream, At(EntryId(1, 2)), 1)
    with pytest.raises(NotFound):
        await read(rabbit, Ref(Kind.STREAM, rabbit.name()), Edge.OLDEST, 1)
    async with adapter(without_management(rabbit.address)) as broker:
        with pytest.raises(Unsupported):
            await broker.broker.catalog.describe(stream)
        with pytest.raises(Refused):
            await anext(aiter(broker.broker.reader.read(stream, ReadRange(), limit=1)))


async def test_the_newest_messages_of_streams_are_scanned(rabbit: Rabbit, stream: Ref) -> None:
    """Each message once, whatever chunks it came in; a stream that is gone, and an empty one, cost only themselves."""
    empty, gone = Ref(Kind.STREAM, rabbit.queue(STREAM)), Ref(Kind.STREAM, f"{stream.name}.gone")
    wanted = {MANY[0], MANY[1800], MANY[2499]}

    def test(records: RecordColumns) -> list[tuple[int, bool]]:
        return [(index, False) for index, value in enumerate(records.values) if value in wanted]

    async with adapter(rabbit.address) as broker:
        reader = broker.broker.reader
        assert isinstance(reader, ScansNewest)
        for depth, found in ((1, [2499]), (700, [1800, 2499]), (5000, [0, 1800, 2499])):
            parts = reader.scan_newest([stream, empty, gone], depth, None, test)
            steps = [step async for part in parts for step in part]
            assert sorted(str(message.position) for step in steps for message, _ in step.candidates) == sorted(
                map(str, found)
            )
            assert sum(step.scanned for step in steps if step.ref == stream) == min(depth, len(MANY))
            last = {step.ref: step for step in steps if step.is_last}
            assert last[stream].has_older == (depth < len(MANY)) and last[stream].error is None
            assert not last[empty].scanned and isinstance(last[gone].error, NotFound)
