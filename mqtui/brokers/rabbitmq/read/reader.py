"""Looking at messages: streams are read for nothing; what a queue lends has a price (R3)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from mqtui.brokers.port import Batch
from mqtui.brokers.rabbitmq.connection.session import Access
from mqtui.brokers.rabbitmq.messages import STREAM_PARTITION
from mqtui.brokers.rabbitmq.read import peek_cost, streams
from mqtui.brokers.rabbitmq.read.queue_info import queue_facts
from mqtui.brokers.rabbitmq.read.streams import Start
from mqtui.domain.errors import BadInput, NotFound, Refused, Unsupported
from mqtui.domain.figure import about, exact
from mqtui.domain.message import Offset
from mqtui.domain.read_range import FREE_PEEK, At, Edge, Extent, PeekCost, ReadRange, Since
from mqtui.domain.resource import Kind, Ref

NO_TAIL = "a queue gives each message to one reader: following it would take messages from the consumers"
TAIL_HINT = "Follow a stream, or the exchange's other queues; a copy of an exchange's traffic needs a queue of its own."


class RabbitReader:
    """Reads streams; says what looking at a queue costs."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def extent(self, ref: Ref, partition: int | None = None) -> Extent:
        """Ready messages of a queue; first offset, end and their difference for a stream."""
        facts = await queue_facts(self._access, _held(ref))
        if facts.sort != "stream":
            return Extent(exact(facts.ready))
        ends = await self._access.io.call(streams.ends(self._access, facts.ref, facts.ready))
        if ends is None:
            return Extent(exact(0))
        first, last = ends
        count = about(last - first + 1, "offsets of a stream, which may have gaps")
        return Extent(
            count,
            {STREAM_PARTITION: Offset(STREAM_PARTITION, first)},
            {STREAM_PARTITION: Offset(STREAM_PARTITION, last + 1)},
        )

    async def peek_cost(self, ref: Ref, count: int) -> PeekCost:
        """What reading `count` messages costs: nothing for a stream."""
        facts = await queue_facts(self._access, _held(ref))
        return FREE_PEEK if facts.sort == "stream" else await peek_cost.of(self._access, facts)

    async def read(self, ref: Ref, span: ReadRange, *, limit: int | None) -> AsyncIterator[Batch]:
        """Messages of a stream up to its end as of now.

        A time starts at the chunk that holds it; `until` is compared with the property `timestamp` where there is one.

        Raises:
            Refused: it is a queue, whose messages are lent.
        """
        facts = await queue_facts(self._access, _held(ref))
        if facts.sort != "stream":
            raise Refused(f"{ref} lends its messages", facts.why, "That look has a price: it is asked for as a spend.")
        if limit == 0:
            return
        start = _start(span, limit)
        access, ready = self._access, facts.ready

        def reading() -> AsyncGenerator[Batch, None]:
            return streams.read(access, facts.ref, start, ready, limit, span.until)

        batches = access.io.iterate(reading)
        async for batch in batches:
            yield batch

    async def tail(self, ref: Ref, partition: int | None = None) -> AsyncIterator[Batch]:
        """Messages that arrive in a stream from now on.

        Raises:
            Unsupported: a queue can't be followed (C10).
        """
        facts = await queue_facts(self._access, _held(ref))
        if facts.sort != "stream":
            raise Unsupported(f"{ref} can't be followed", facts.why or NO_TAIL, TAIL_HINT)
        async for batch in self._access.io.iterate(lambda: streams.follow(self._access, facts.ref)):
            yield batch


def _held(ref: Ref) -> str:
    if ref.kind not in (Kind.QUEUE, Kind.STREAM):
        raise NotFound(f"{ref} holds no messages", "Only queues and streams do.")
    return ref.name


def _start(span: ReadRange, limit: int | None) -> Start:
    """Where to begin."""
    first = span.after.get(STREAM_PARTITION, 0)
    match span.start:
        case At(position=Offset(offset=offset)):
            return Start(max(offset, first))
        case At(position=position):
            raise BadInput(f"{position} is no position in a stream", "", "A stream's position is its offset.")
        case Since(time=time):
            return Start(first, time)
        case Edge.NEWEST if limit is not None:
            return Start(first, newest=limit)
        case _:
            return Start(first)
