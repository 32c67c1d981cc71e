"""Sending records and waiting for the broker's word on each."""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from operator import itemgetter

from confluent_kafka import KafkaError, KafkaException, Producer

from mqtui.brokers.blocking import complete, new_future, start_thread, wait_uncancelled
from mqtui.brokers.kafka.connection.clients import Connection
from mqtui.brokers.kafka.errors import RIGHTS, SLOW, TOO_LARGE, error_of, said_of, translate, underlying
from mqtui.brokers.kafka.messages import Record, WireHeaders, unsendable
from mqtui.brokers.kafka.poison_records import BLAMELESS, Failure, blame, parts
from mqtui.brokers.kafka.read.topic_limits import TopicLimits, codec_of
from mqtui.brokers.kafka.read.topic_metadata import configs, described, topic_name
from mqtui.domain.message import Offset, Outgoing
from mqtui.domain.redrive import PublishStatus, Receipt

ANY = -1
"""The partition librdkafka is to choose."""

DELIVERY_MS = 30_000
"""How long librdkafka tries before a message is given up."""

REQUEST_MAX = 100_000_000
"""Bytes of the largest record that is offered to the broker; the topic's own limit decides."""

BATCH_BYTES = 1_000_000
"""librdkafka's own batch size; a topic with a smaller max.message.bytes lowers it, for it limits whole batches."""


def batch_bytes(limits: Mapping[str, TopicLimits]) -> int:
    """The batch size that suits every target, by the limits of each topic."""
    return max(1, min([BATCH_BYTES, *(known.size for known in limits.values())]))


async def topic_limits(connection: Connection, names: Sequence[str]) -> dict[str, TopicLimits]:
    """What each topic takes, where its configuration may be read."""
    return {name: TopicLimits.of(config) for name, config in (await configs(connection, names)).items()}


UNANSWERED = BLAMELESS - {KafkaError._INVALID_DIFFERENT_RECORD}
"""Said of records that may have been stored all the same."""

LATE = Receipt(PublishStatus.UNKNOWN, None, "the broker did not answer in time")


class Reports:
    """Receipts of one batch, by place, and the reports on what was sent of it last."""

    def __init__(self, batch: Sequence[Outgoing], expected: Mapping[int, str]) -> None:
        self.receipts: list[Receipt | None] = [None] * len(batch)
        self._expected = expected
        self._told: dict[int, Record | Failure] = {}

    def note(self, place: int, error: KafkaError | None, record: Record) -> None:
        """A delivery report. It is only kept: it may be called with an exception pending."""
        self._told[place] = record if error is None else Failure(error, record.topic(), record.partition())

    def settle(self) -> list[Sequence[int]]:
        """Receipts for what was sent; returns what is to be sent again, group by group.

        Those are the neighbours of a refused record: the broker took none of their batch.
        """
        told, self._told = self._told, {}
        failures = [(place, report) for place, report in told.items() if isinstance(report, Failure)]
        found = blame(failures, self._expected)
        again: list[int] = []
        for place, report in sorted(told.items(), key=itemgetter(0)):
            if not isinstance(report, Failure):
                self.receipts[place] = Receipt(PublishStatus.STORED, Offset(report.partition(), report.offset()))
            elif place in found.refused:
                self.receipts[place] = refused(report.error, self._expected.get(place, ""))
            elif found and report.error.code() not in UNANSWERED:
                again.append(place)
            else:
                self.receipts[place] = refused(report.error)
        return parts(again, found.suspects)

    def all(self) -> list[Receipt]:
        """One receipt a message; where no report came the outcome is unknown."""
        return [receipt or LATE for receipt in self.receipts]


def refused(error: KafkaError, foretold: str = "") -> Receipt:
    """The receipt for a message the broker or the library did not take; `foretold` is what its settings said of it."""
    if error.code() in SLOW:
        return LATE
    if error.code() in TOO_LARGE and not foretold:
        foretold = "larger than the topic's max.message.bytes"
    return Receipt(PublishStatus.REFUSED, None, f"{said_of(error)} ({foretold})" if foretold else said_of(error))


class KafkaPublisher:
    """acks=all, idempotent, one receipt a message. Its producer lives in a thread of its own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._producer: Producer | None = None
        self._suits = (0, "")
        self._codec = ""
        """What is compressed with since a message was larger than its topic takes (K18)."""

        self._limits: dict[str, TopicLimits] = {}
        self._known: set[str] = set()
        self._jobs: queue.SimpleQueue[tuple[Sequence[Outgoing], Future[Sequence[Receipt]]] | None] = queue.SimpleQueue()
        self._ended: Future[None] = new_future()

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Receipt]:
        """One receipt a message, in order. Cancelled on the way, the batch still goes out.

        Raises:
            NotFound: a target does not exist; nothing of the batch was sent, and nothing is created (K9).
        """
        names = {topic_name(outgoing.target) for outgoing in batch} - self._known
        if names:
            await self._learn(sorted(names))
        promise: Future[Sequence[Receipt]] = new_future()
        self._jobs.put((batch, promise))
        return await wait_uncancelled(promise)

    async def close(self) -> None:
        """Let the thread finish what it has."""
        self._jobs.put(None)
        await wait_uncancelled(self._ended)

    def open(self) -> None:
        """Start the thread."""
        start_thread("publish", self._work)

    async def _learn(self, names: Sequence[str]) -> None:
        for name in names:
            await self._connection.call(f"looking at {name}", partial(described, self._connection, name))
        self._limits.update(await topic_limits(self._connection, names))
        self._known.update(names)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            batch, promise = job
            complete(promise, partial(self._sent, batch))
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
        suits = (batch_bytes(self._limits), self._codec)
        if self._producer is None or suits != self._suits:
            self._suits = suits
            self._producer = self._connection.producer(
                "publisher",
                message_max_bytes=REQUEST_MAX,
                batch_size=suits[0],
                linger_ms=5,
                message_timeout_ms=DELIVERY_MS,
                **({"compression_type": self._codec} if self._codec else {}),
            )
        return self._producer

    def _sent(self, batch: Sequence[Outgoing]) -> Sequence[Receipt]:
        self._compress_for(batch)
        producer = self._fitting()
        limits = {name: replace(known, compressed=bool(self._codec)) for name, known in self._limits.items()}
        expected = objections(batch, limits)
        reports = Reports(batch, expected)
        sound = [place for place in range(len(batch)) if place not in expected]
        groups: deque[Sequence[int]] = deque([sound, list(expected)])
        try:
            while groups:
                self._send(producer, batch, groups.popleft(), reports)
                groups.extendleft(reversed(reports.settle()))
        except (KafkaException, SystemError) as fatal:
            self._producer = None
            inner = error_of(underlying(fatal))
            if inner.code() in RIGHTS:
                raise translate(inner, "publishing") from fatal
            reports.settle()
        return reports.all()

    def _compress_for(self, batch: Sequence[Outgoing]) -> None:
        """From the first message on that is larger than its topic takes: it may fit compressed (K18)."""
        for outgoing in () if self._codec else batch:
            known = self._limits.get(outgoing.target.name)
            if known is not None and len(outgoing.value or b"") > known.size:
                self._codec = codec_of(self._connection.codec, [known])
                return

    def _send(self, producer: Producer, batch: Sequence[Outgoing], group: Sequence[int], reports: Reports) -> None:
        """Send some of a batch and wait for the broker's word on each."""
        for place in group:
            if reason := unsendable(batch[place].headers):
                reports.receipts[place] = Receipt(PublishStatus.REFUSED, None, reason)
                continue
            error = _produce(producer, batch[place], partial(reports.note, place))
            if error is not None:
                reports.receipts[place] = refused(error)
        until = time.monotonic() + DELIVERY_MS / 1000 + 5
        while len(producer) and time.monotonic() < until:
            producer.flush(0.5)


def objections(batch: Sequence[Outgoing], limits: Mapping[str, TopicLimits]) -> dict[int, str]:
    """Places whose message the settings of its topic say will be refused, and why."""
    now = int(time.time() * 1000)
    found: dict[int, str] = {}
    for place, outgoing in enumerate(batch):
        known = limits.get(outgoing.target.name)
        size = len(outgoing.value or b"")
        if known is not None and (why := known.objection(outgoing.key, size, outgoing.timestamp, now)):
            found[place] = why
    return found


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
