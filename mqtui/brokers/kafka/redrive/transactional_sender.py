"""Produces letters into the open transaction and keeps the delivery reports.

What is sent equals `Transfer.outgoing()`, without building a message for each letter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from confluent_kafka import KafkaError, KafkaException, Producer

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.errors import unwrap
from mqtui.brokers.kafka.messages import Record, WireHeaders, header_error
from mqtui.brokers.kafka.publish import ANY_PARTITION, refusal_receipt
from mqtui.brokers.kafka.read.topic_limits import TopicLimits
from mqtui.brokers.kafka.read.topic_metadata import describe_topic_blocking, topic_name
from mqtui.brokers.kafka.refused_records import NOT_RECORD_ERRORS, FailedDelivery
from mqtui.domain.errors import MqtuiError
from mqtui.domain.message import Header, Offset
from mqtui.domain.redrive import PublishStatus, Receipt, Transfer
from mqtui.domain.resource import Ref

MAX_VALID_NAMES = 10_000

DeliveryOutcome: TypeAlias = Record | Receipt
"""The outcome of a letter: its delivery report, or a receipt."""

STORED_RECEIPT = Receipt(PublishStatus.STORED)


def to_receipt(outcome: DeliveryOutcome) -> Receipt:
    """The receipt of an outcome."""
    return (
        outcome
        if isinstance(outcome, Receipt)
        else Receipt(PublishStatus.STORED, Offset(outcome.partition(), outcome.offset()))
    )


TRANSACTION_ENDED = frozenset({KafkaError._STATE, KafkaError._FATAL})
"""produce() errors that mean the transaction or the producer is dead, not that this record is bad."""


@dataclass(frozen=True, slots=True)
class KnownTarget:
    """A target topic, described right before the first letter is sent to it (K9)."""

    name: str
    partitions: int


class TransactionalSender:
    """Queues letters in a transactional producer and keeps their delivery reports by index."""

    def __init__(self, clients: KafkaClients, limits: Mapping[str, TopicLimits]) -> None:
        self._clients = clients
        self.limits = limits
        """The limits of target topics, by name, as far as known."""
        self._targets: dict[Ref, KnownTarget] = {}
        self._last: Ref | None = None
        self._known = KnownTarget("", 0)
        """The target of the last letter: most have the same."""
        self._valid_names: set[str] = set()
        """Header names that were found valid for confluent-kafka."""
        self._reports: dict[int, Record | FailedDelivery] = {}
        self.has_failed = False
        """Whether a letter was refused, so that the transaction can't be committed."""

    def describe_targets(self, targets: Iterable[Ref]) -> None:
        """Describe targets that are new.

        Raises:
            NotFound, NotAuthorised: one does not exist or may not be described.
        """
        for target in targets:
            if target not in self._targets:
                topic = describe_topic_blocking(self._clients, topic_name(target))
                self._targets[target] = KnownTarget(topic.name, len(topic.partitions))

    def leaderless_partitions(self) -> frozenset[tuple[str, int]]:
        """The leaderless partitions of all targets, as (topic, partition); none if that can't be asked."""
        found: set[tuple[str, int]] = set()
        for target in self._targets:
            with suppress(MqtuiError):
                topic = describe_topic_blocking(self._clients, topic_name(target))
                found.update((topic.name, number) for number in topic.leaderless)
        return frozenset(found)

    def reset(self) -> None:
        """Forget the reports of the last transaction, one at a time: all at once would hold Python's lock."""
        while self._reports:
            self._reports.popitem()
        self.has_failed = False

    def produce_transfer(self, producer: Producer, index: int, transfer: Transfer) -> Receipt | None:
        """Queue one letter whose target was described; a receipt if it is refused at once."""
        letter, known = transfer.content or transfer.letter, self._known
        if transfer.target is not self._last:
            self._last, known = transfer.target, self._targets[transfer.target]
            self._known = known
        headers: Sequence[Header] = letter.headers
        if stripped := transfer.stripped:
            headers = [header for header in headers if header[0] not in stripped]
        if transfer.added:
            headers = [*headers, *transfer.added]
        valid_names = self._valid_names
        pairs: WireHeaders = [(name, value) for name, value, _ in headers if name in valid_names]
        if len(pairs) != len(headers):
            if reason := self._check_headers(headers):
                return Receipt(PublishStatus.REFUSED, None, reason)
            pairs = [(name, value) for name, value, _ in headers]
        partition = transfer.partition
        if partition is None:
            partition = ANY_PARTITION
        elif not 0 <= partition < known.partitions:
            return Receipt(PublishStatus.REFUSED, None, f"{known.name} has no partition {partition}")
        return self.produce(
            producer, index, known.name, letter.value, letter.key, pairs, transfer.timestamp or 0, partition
        )

    def produce(
        self,
        producer: Producer,
        index: int,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        headers: WireHeaders,
        time: int,
        partition: int = ANY_PARTITION,
    ) -> Receipt | None:
        """Queue one prepared record, waiting while the queue is full; a receipt if it is refused at once."""
        while True:
            try:
                producer.produce(
                    topic,
                    value,
                    key,
                    partition,
                    on_delivery=partial(self._on_delivery, index),
                    timestamp=time,
                    headers=headers,
                )
            except BufferError:
                producer.poll(0.1)
            except KafkaException as error:
                kafka_error = unwrap(error)
                if kafka_error.fatal() or kafka_error.txn_requires_abort() or kafka_error.code() in TRANSACTION_ENDED:
                    raise
                return refusal_receipt(kafka_error)
            else:
                return None

    def failed_deliveries(self) -> Iterator[tuple[int, FailedDelivery]]:
        """Delivery reports of letters that were not stored, by index, in the order in which they came."""
        for index, report in self._reports.items():
            if isinstance(report, FailedDelivery):
                yield index, report

    def outcome(self, index: int) -> DeliveryOutcome:
        """The outcome of a committed letter; without its position if the delivery report was lost."""
        report = self._reports.get(index)
        return STORED_RECEIPT if report is None or isinstance(report, FailedDelivery) else report

    def _on_delivery(self, index: int, error: KafkaError | None, record: Record) -> None:
        if error is None:
            self._reports[index] = record
            return
        self._reports[index] = FailedDelivery(error, record.topic(), record.partition())
        self.has_failed = self.has_failed or error.code() not in NOT_RECORD_ERRORS

    def _check_headers(self, headers: Sequence[Header]) -> str:
        if reason := header_error(headers):
            return reason
        if len(self._valid_names) > MAX_VALID_NAMES:
            self._valid_names.clear()
        self._valid_names.update(name for name, _, _ in headers)
        return ""
