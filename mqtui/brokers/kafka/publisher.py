"""Sending records and waiting for the broker's word on each."""

from __future__ import annotations

import queue
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Producer

from mqtui.brokers.kafka.connection import Connection
from mqtui.brokers.kafka.errors import RIGHTS, SLOW, TOO_LARGE, error_of, said_of, translate, underlying
from mqtui.brokers.kafka.records import Record, WireHeaders, unsendable
from mqtui.brokers.kafka.threads import finished, fulfil, promised, start
from mqtui.brokers.kafka.topics import configs, described, topic_name
from mqtui.domain.message import Offset, Outgoing
from mqtui.domain.redrive import Receipt, Stored

ANY = -1
"""The partition librdkafka is to choose."""

DELIVERY_MS = 30_000
"""How long librdkafka tries before a message is given up."""

REQUEST_MAX = 100_000_000
"""Bytes of the largest record that is offered to the broker; the topic's own limit decides."""

BATCH_BYTES = 1_000_000
"""librdkafka's own batch size; a topic with a smaller max.message.bytes lowers it, for it limits whole batches."""


def batch_bytes(limits: Mapping[str, int]) -> int:
    """The batch size that suits every target: `max.message.bytes` by topic."""
    return max(1, min([BATCH_BYTES, *limits.values()]))


async def size_limits(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    """`max.message.bytes` by topic, where it may be read."""
    told = await configs(connection, names)
    return {name: int(config["max.message.bytes"]) for name, config in told.items() if config.get("max.message.bytes")}


LATE = Receipt(Stored.UNKNOWN, None, "the broker did not answer in time")


class Reports:
    """Delivery reports of one batch, by place."""

    def __init__(self, count: int) -> None:
        self.receipts: list[Receipt | None] = [None] * count
        self._told: dict[int, Record | KafkaError] = {}

    def note(self, place: int, error: KafkaError | None, record: Record) -> None:
        """A delivery report. It is only kept: it may be called with an exception pending."""
        self._told[place] = record if error is None else error

    def all(self) -> list[Receipt]:
        """One receipt a message; where no report came the outcome is unknown."""
        for place, told in self._told.items():
            if isinstance(told, KafkaError):
                self.receipts[place] = refused(told)
            else:
                self.receipts[place] = Receipt(Stored.STORED, Offset(told.partition(), told.offset()))
        return [receipt or LATE for receipt in self.receipts]


def refused(error: KafkaError) -> Receipt:
    """The receipt for a message the broker or the library did not take."""
    code = error.code()
    if code in SLOW:
        return LATE
    if code in TOO_LARGE:
        return Receipt(Stored.REFUSED, None, "larger than the topic's max.message.bytes")
    return Receipt(Stored.REFUSED, None, said_of(error))


class KafkaPublisher:
    """acks=all, idempotent, one receipt a message. Its producer lives in a thread of its own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._producer: Producer | None = None
        self._suits = 0
        self._limits: dict[str, int] = {}
        self._known: set[str] = set()
        self._jobs: queue.SimpleQueue[tuple[Sequence[Outgoing], Future[Sequence[Receipt]]] | None] = queue.SimpleQueue()
        self._ended: Future[None] = promised()

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Receipt]:
        """One receipt a message, in order. Cancelled on the way, the batch still goes out.

        Raises:
            NotFound: a target does not exist; nothing of the batch was sent, and nothing is created (K9).
        """
        names = {topic_name(outgoing.target) for outgoing in batch} - self._known
        if names:
            await self._learn(sorted(names))
        promise: Future[Sequence[Receipt]] = promised()
        self._jobs.put((batch, promise))
        return await finished(promise)

    async def close(self) -> None:
        """Let the thread finish what it has."""
        self._jobs.put(None)
        await finished(self._ended)

    def open(self) -> None:
        """Start the thread."""
        start("publish", self._work)

    async def _learn(self, names: Sequence[str]) -> None:
        for name in names:
            await self._connection.call(f"looking at {name}", partial(described, self._connection, name))
        self._limits.update(await size_limits(self._connection, names))
        self._known.update(names)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            batch, promise = job
            fulfil(promise, partial(self._sent, batch))
        self._ended.set_result(None)

    def _next(self) -> tuple[Sequence[Outgoing], Future[Sequence[Receipt]]] | None:
        """The next batch; the idle producer is polled meanwhile."""
        while True:
            try:
                return self._jobs.get(timeout=1.0)
            except queue.Empty:
                self._idle()

    def _idle(self) -> None:
        if self._producer is None:
            return
        try:
            self._producer.poll(0)
        except KafkaException:  # a fatal error: the next batch gets another producer
            self._producer = None

    def _fitting(self) -> Producer:
        """A producer whose batches suit every target known so far."""
        suits = batch_bytes(self._limits)
        if self._producer is None or suits != self._suits:
            self._suits = suits
            self._producer = self._connection.producer(
                "publisher",
                message_max_bytes=REQUEST_MAX,
                batch_size=suits,
                linger_ms=5,
                message_timeout_ms=DELIVERY_MS,
            )
        return self._producer

    def _sent(self, batch: Sequence[Outgoing]) -> Sequence[Receipt]:
        producer = self._fitting()
        reports = Reports(len(batch))
        try:
            for place, outgoing in enumerate(batch):
                if reason := unsendable(outgoing.headers):
                    reports.receipts[place] = Receipt(Stored.REFUSED, None, reason)
                    continue
                error = _produce(producer, outgoing, partial(reports.note, place))
                if error is not None:
                    reports.receipts[place] = refused(error)
            until = time.monotonic() + DELIVERY_MS / 1000 + 5
            while len(producer) and time.monotonic() < until:
                producer.flush(0.5)
        except (KafkaException, SystemError) as fatal:
            self._producer = None
            inner = error_of(underlying(fatal))
            if inner.code() in RIGHTS:
                raise translate(inner, "publishing") from fatal
        return reports.all()


def _produce(producer: Producer, outgoing: Outgoing, note: partial[None]) -> KafkaError | None:
    """Hand one message to librdkafka, waiting while its queue is full."""
    headers: WireHeaders = [(name, value) for name, value, _ in outgoing.headers]
    partition = ANY if outgoing.partition is None else outgoing.partition
    while True:
        try:
            producer.produce(
                outgoing.target.name,
                outgoing.value,
                outgoing.key,
                partition,
                on_delivery=note,
                timestamp=outgoing.timestamp or 0,
                headers=headers,
            )
        except BufferError:
            producer.poll(0.1)
        except KafkaException as error:
            return error_of(error)
        else:
            return None


@asynccontextmanager
async def publishing(connection: Connection) -> AsyncIterator[KafkaPublisher]:
    """A publisher until the end of the block."""
    publisher = KafkaPublisher(connection)
    publisher.open()
    try:
        yield publisher
    finally:
        await publisher.close()
