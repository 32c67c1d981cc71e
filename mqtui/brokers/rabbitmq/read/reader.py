"""Reading messages: streams at no cost; of a queue only what a peek would cost (R3)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from mqtui.brokers.port import Batch
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.messages import STREAM_PARTITION
from mqtui.brokers.rabbitmq.read import peek_cost, streams
from mqtui.brokers.rabbitmq.read.newest_scan import scan_newest
from mqtui.brokers.rabbitmq.read.queue_info import describe_queue
from mqtui.brokers.rabbitmq.read.streams import StreamStart
from mqtui.domain.errors import BadInput, NotFound, Refused, Unsupported
from mqtui.domain.figure import about, exact
from mqtui.domain.message import Offset
from mqtui.domain.read_range import FREE_PEEK, At, Edge, Extent, PeekCost, ReadRange, Since
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.scan import PlaceStep, RecordTest

NO_TAIL = "a queue gives each message to one reader: following it would take messages from the consumers"
TAIL_HINT = "Follow a stream, or the exchange's other queues; a copy of an exchange's traffic needs a queue of its own."


class RabbitReader:
    """Reads streams, and says what peeking a queue costs. The peek itself is `peek_queue`."""

    def __init__(self, session: RabbitSession) -> None:
        self._session = session

    async def extent(self, ref: Ref, partition: int | None = None) -> Extent:
        """Ready messages of a queue; first offset, end offset and their difference of a stream."""
        queue = await describe_queue(self._session, _name_of(ref))
        if queue.type != "stream":
            return Extent(exact(queue.ready))
        ends = await self._session.io.call(streams.first_and_last(self._session, queue.ref, queue.ready))
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
        queue = await describe_queue(self._session, _name_of(ref))
        return FREE_PEEK if queue.type == "stream" else await peek_cost.cost_of_peek(self._session, queue)

    async def read(self, ref: Ref, span: ReadRange, *, limit: int | None) -> AsyncIterator[Batch]:
        """Messages of a stream up to its last offset as of now.

        A start time means the chunk that holds it. `until` is compared with the property `timestamp` where it is set.

        Raises:
            Refused: it is a queue, which can only be peeked.
        """
        queue = await describe_queue(self._session, _name_of(ref))
        if queue.type != "stream":
            raise Refused(
                f"{ref} is a queue: its messages can only be peeked",
                queue.unreadable_reason,
                "A peek may use up deliveries, so it is asked for by itself.",
            )
        if limit == 0:
            return
        start = _start(span, limit)
        session, ready = self._session, queue.ready

        def batches() -> AsyncGenerator[Batch, None]:
            return streams.read_stream(session, queue.ref, start, ready, limit, span.until)

        async for batch in session.io.iterate(batches):
            yield batch

    async def scan_newest(
        self, refs: Sequence[Ref], depth: int, since: int | None, test: RecordTest
    ) -> AsyncGenerator[Sequence[PlaceStep]]:
        """Scan the newest messages of many streams over one connection."""
        session = self._session
        async for steps in session.io.iterate(lambda: scan_newest(session, refs, depth, since, test)):
            yield steps

    async def tail(self, ref: Ref, partition: int | None = None) -> AsyncIterator[Batch]:
        """Messages that arrive in a stream from now on.

        Raises:
            Unsupported: a queue can't be followed (C10).
        """
        queue = await describe_queue(self._session, _name_of(ref))
        if queue.type != "stream":
            raise Unsupported(f"{ref} can't be followed", queue.unreadable_reason or NO_TAIL, TAIL_HINT)
        async for batch in self._session.io.iterate(lambda: streams.follow_stream(self._session, queue.ref)):
            yield batch


def _name_of(ref: Ref) -> str:
    if ref.kind not in (Kind.QUEUE, Kind.STREAM):
        raise NotFound(f"{ref} holds no messages", "Only queues and streams do.")
    return ref.name


def _start(span: ReadRange, limit: int | None) -> StreamStart:
    """The start of a read, as a position of the stream."""
    first = span.after.get(STREAM_PARTITION, 0)
    match span.start:
        case At(position=Offset(offset=offset)):
            return StreamStart(max(offset, first))
        case At(position=position):
            raise BadInput(f"{position} is no position in a stream", "", "A stream's position is its offset.")
        case Since(time=time):
            return StreamStart(first, time)
        case Edge.NEWEST if limit is not None:
            return StreamStart(first, newest=limit)
        case _:
            return StreamStart(first)
