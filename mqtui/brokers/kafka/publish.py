"""Publishes messages with an idempotent producer and acks=all, and returns a receipt for each."""

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
from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.errors import (
    MISSING_RIGHTS,
    TIMED_OUT,
    TOO_LARGE,
    describe_error,
    kafka_cause,
    translate,
    unwrap,
)
from mqtui.brokers.kafka.messages import Record, WireHeaders, header_error
from mqtui.brokers.kafka.read.topic_limits import TopicLimits, choose_codec
from mqtui.brokers.kafka.read.topic_metadata import describe_configs, describe_topic_blocking, topic_name
from mqtui.brokers.kafka.refused_records import NOT_RECORD_ERRORS, FailedDelivery, find_refused_records, split_suspects
from mqtui.domain.message import Offset, Outgoing
from mqtui.domain.redrive import PublishStatus, Receipt

ANY_PARTITION = -1
"""Lets the partitioner choose (`RD_KAFKA_PARTITION_UA`)."""

DELIVERY_TIMEOUT_MS = 30_000
"""message.timeout.ms: how long librdkafka retries a message."""

MAX_REQUEST_BYTES = 100_000_000
"""message.max.bytes of our producers, high enough that only the topic's own max.message.bytes limits a record."""

MAX_BATCH_BYTES = 1_000_000
"""librdkafka's default batch.size. max.message.bytes limits whole batches, so a topic with a smaller one lowers it."""


def batch_size_for(limits: Mapping[str, TopicLimits]) -> int:
    """The largest batch.size that every one of these topics accepts."""
    return max(1, min([MAX_BATCH_BYTES, *(known.max_bytes for known in limits.values())]))


async def read_topic_limits(clients: KafkaClients, names: Sequence[str]) -> dict[str, TopicLimits]:
    """The limits of each topic whose configuration may be read."""
    return {name: TopicLimits.from_config(config) for name, config in (await describe_configs(clients, names)).items()}


MAYBE_STORED = NOT_RECORD_ERRORS - {KafkaError._INVALID_DIFFERENT_RECORD}
"""Delivery errors after which the record may have been stored all the same."""

NO_ANSWER = Receipt(PublishStatus.UNKNOWN, None, "the broker did not answer in time")


class DeliveryReports:
    """The receipts of one batch by index, and the delivery reports of what was sent of it last."""

    def __init__(self, batch: Sequence[Outgoing], predicted: Mapping[int, str]) -> None:
        self.receipts: list[Receipt | None] = [None] * len(batch)
        self._predicted = predicted
        self._reports: dict[int, Record | FailedDelivery] = {}

    def on_delivery(self, index: int, error: KafkaError | None, record: Record) -> None:
        """The delivery callback. It only stores the report, because it may run with an exception pending."""
        self._reports[index] = record if error is None else FailedDelivery(error, record.topic(), record.partition())

    def resolve(self) -> list[Sequence[int]]:
        """Make receipts of the delivery reports; returns what must be sent again, in groups.

        Those are the neighbours of a refused record: the broker stored nothing of their batch.
        """
        reports, self._reports = self._reports, {}
        failures = [(index, report) for index, report in reports.items() if isinstance(report, FailedDelivery)]
        found = find_refused_records(failures, self._predicted)
        again: list[int] = []
        for index, report in sorted(reports.items(), key=itemgetter(0)):
            if not isinstance(report, FailedDelivery):
                self.receipts[index] = Receipt(PublishStatus.STORED, Offset(report.partition(), report.offset()))
            elif index in found.refused:
                self.receipts[index] = refusal_receipt(report.error, self._predicted.get(index, ""))
            elif found and report.error.code() not in MAYBE_STORED:
                again.append(index)
            else:
                self.receipts[index] = refusal_receipt(report.error)
        return split_suspects(again, found.suspects)

    def receipts_or_unknown(self) -> list[Receipt]:
        """One receipt per message; unknown if no delivery report came."""
        return [receipt or NO_ANSWER for receipt in self.receipts]


def refusal_receipt(error: KafkaError, predicted: str = "") -> Receipt:
    """The receipt of a message that was not stored; `predicted` is the reason found in the topic's configuration."""
    if error.code() in TIMED_OUT:
        return NO_ANSWER
    if error.code() in TOO_LARGE and not predicted:
        predicted = "larger than the topic's max.message.bytes"
    return Receipt(
        PublishStatus.REFUSED, None, f"{describe_error(error)} ({predicted})" if predicted else describe_error(error)
    )


class KafkaPublisher:
    """The port's Publisher. Its producer belongs to a thread that takes one batch after the other."""

    def __init__(self, clients: KafkaClients) -> None:
        self._clients = clients
        self._producer: Producer | None = None
        self._producer_settings = (0, "")
        self._codec = ""
        """compression.type since a message exceeded max.message.bytes uncompressed; "" before (K18)."""

        self._limits: dict[str, TopicLimits] = {}
        self._described: set[str] = set()
        self._jobs: queue.SimpleQueue[tuple[Sequence[Outgoing], Future[Sequence[Receipt]]] | None] = queue.SimpleQueue()
        self._thread_ended: Future[None] = new_future()

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Receipt]:
        """One receipt per message, in order. If the caller is cancelled, the batch is sent all the same.

        Raises:
            NotFound: a target topic does not exist. Nothing of the batch was sent, and no topic was created (K9).
        """
        names = {topic_name(outgoing.target) for outgoing in batch} - self._described
        if names:
            await self._describe_targets(sorted(names))
        future: Future[Sequence[Receipt]] = new_future()
        self._jobs.put((batch, future))
        return await wait_uncancelled(future)

    async def close(self) -> None:
        """Finish the batches that were given, then end the thread."""
        self._jobs.put(None)
        await wait_uncancelled(self._thread_ended)

    def start(self) -> None:
        start_thread("publish", self._run)

    async def _describe_targets(self, names: Sequence[str]) -> None:
        for name in names:
            await self._clients.run_in_thread(
                f"looking at {name}", partial(describe_topic_blocking, self._clients, name)
            )
        self._limits.update(await read_topic_limits(self._clients, names))
        self._described.update(names)

    def _run(self) -> None:
        while (job := self._next_job()) is not None:
            batch, future = job
            complete(future, partial(self._send_batch, batch))
        self._thread_ended.set_result(None)

    def _next_job(self) -> tuple[Sequence[Outgoing], Future[Sequence[Receipt]]] | None:
        """Wait for the next batch, polling the idle producer; None at the end."""
        while True:
            try:
                return self._jobs.get(timeout=1.0)
            except queue.Empty:
                self._poll()

    def _poll(self) -> None:
        if self._producer is None:
            return
        try:
            self._producer.poll(0)
        except KafkaException:  # a fatal error: the next batch gets another producer
            self._producer = None

    def _suitable_producer(self) -> Producer:
        """A producer whose batch.size every target accepts; a new one if that changed."""
        settings = (batch_size_for(self._limits), self._codec)
        if self._producer is None or settings != self._producer_settings:
            self._producer_settings = settings
            self._producer = self._clients.create_producer(
                "publisher",
                message_max_bytes=MAX_REQUEST_BYTES,
                batch_size=settings[0],
                linger_ms=5,
                message_timeout_ms=DELIVERY_TIMEOUT_MS,
                **({"compression_type": self._codec} if self._codec else {}),
            )
        return self._producer

    def _send_batch(self, batch: Sequence[Outgoing]) -> Sequence[Receipt]:
        self._choose_codec(batch)
        producer = self._suitable_producer()
        limits = {name: replace(known, compressed=bool(self._codec)) for name, known in self._limits.items()}
        predicted = predict_refusals(batch, limits)
        reports = DeliveryReports(batch, predicted)
        acceptable = [index for index in range(len(batch)) if index not in predicted]
        groups: deque[Sequence[int]] = deque([acceptable, list(predicted)])
        try:
            while groups:
                self._send(producer, batch, groups.popleft(), reports)
                groups.extendleft(reversed(reports.resolve()))
        except (KafkaException, SystemError) as fatal:
            self._producer = None
            kafka_error = unwrap(kafka_cause(fatal))
            if kafka_error.code() in MISSING_RIGHTS:
                raise translate(kafka_error, "publishing") from fatal
            reports.resolve()
        return reports.receipts_or_unknown()

    def _choose_codec(self, batch: Sequence[Outgoing]) -> None:
        """Start to compress at the first message that exceeds its topic's limit: it may fit compressed (K18)."""
        for outgoing in () if self._codec else batch:
            known = self._limits.get(outgoing.target.name)
            if known is not None and len(outgoing.value or b"") > known.max_bytes:
                self._codec = choose_codec(self._clients.preferred_codec, [known])
                return

    def _send(
        self, producer: Producer, batch: Sequence[Outgoing], group: Sequence[int], reports: DeliveryReports
    ) -> None:
        """Send a group of the batch and wait for the delivery reports."""
        for index in group:
            if reason := header_error(batch[index].headers):
                reports.receipts[index] = Receipt(PublishStatus.REFUSED, None, reason)
                continue
            error = _produce(producer, batch[index], partial(reports.on_delivery, index))
            if error is not None:
                reports.receipts[index] = refusal_receipt(error)
        until = time.monotonic() + DELIVERY_TIMEOUT_MS / 1000 + 5
        while len(producer) and time.monotonic() < until:
            producer.flush(0.5)


def predict_refusals(batch: Sequence[Outgoing], limits: Mapping[str, TopicLimits]) -> dict[int, str]:
    """Messages that their topic's configuration will refuse, by index, with the reason."""
    now = int(time.time() * 1000)
    found: dict[int, str] = {}
    for index, outgoing in enumerate(batch):
        known = limits.get(outgoing.target.name)
        size = len(outgoing.value or b"")
        if known is not None and (why := known.refusal_reason(outgoing.key, size, outgoing.timestamp, now)):
            found[index] = why
    return found


def _produce(producer: Producer, outgoing: Outgoing, on_delivery: partial[None]) -> KafkaError | None:
    """Queue one message in librdkafka, waiting while its queue is full; the error if it takes none."""
    headers: WireHeaders = [(name, value) for name, value, _ in outgoing.headers]
    partition = ANY_PARTITION if outgoing.partition is None else outgoing.partition
    while True:
        try:
            producer.produce(
                outgoing.target.name,
                outgoing.value,
                outgoing.key,
                partition,
                on_delivery=on_delivery,
                timestamp=outgoing.timestamp or 0,
                headers=headers,
            )
        except BufferError:
            producer.poll(0.1)
        except KafkaException as error:
            return unwrap(error)
        else:
            return None


@asynccontextmanager
async def open_publisher(clients: KafkaClients) -> AsyncIterator[KafkaPublisher]:
    """A publisher for the time of a `with` block."""
    publisher = KafkaPublisher(clients)
    publisher.start()
    try:
        yield publisher
    finally:
        await publisher.close()
