"""The letters of one transaction: messages to send, raw records to send, or letters that are only marked handled."""

from __future__ import annotations

import time
from array import array
from collections.abc import Mapping, Sequence
from typing import Protocol

from confluent_kafka import Producer

from mqtui.brokers.kafka.messages import Record
from mqtui.brokers.kafka.read.topic_limits import TopicLimits
from mqtui.brokers.kafka.redrive.raw_records import RawRecordBatch
from mqtui.brokers.kafka.redrive.transactional_sender import STORED_RECEIPT, DeliveryOutcome, TransactionalSender
from mqtui.domain.bulk import UNKNOWN_POSITION, BulkReceipts, BulkResult, OffsetRanges
from mqtui.domain.message import Message, Offset
from mqtui.domain.redrive import Receipt, Transfer
from mqtui.domain.resource import Ref

NO_ROUTE = "only a batch in which every record has a route is moved raw"


class TransactionBatch(Protocol):
    """Letters by index, and how each is produced into a transaction."""

    partitions: list[int]
    offsets: list[int]
    value_sizes: list[int]
    """Bytes of each value; 0 if it is not sent."""

    def describe_targets(self, sender: TransactionalSender) -> None:
        """Describe the target topics before the first letter is sent (K9).

        Raises:
            NotFound, NotAuthorised: a target does not exist or may not be described.
        """

    def predict_refusals(self, limits: Mapping[str, TopicLimits]) -> dict[int, str]:
        """Letters that their topic's configuration will refuse, by index, with the reason."""

    def produce(self, sender: TransactionalSender, producer: Producer, index: int) -> Receipt | None:
        """Queue one letter in the producer; a receipt if it is refused at once."""


class MarkOnly:
    """Letters that are marked handled and not sent."""

    def __init__(self, letters: Sequence[Message]) -> None:
        positions = [letter.position for letter in letters]
        self.partitions = [at.partition for at in positions if isinstance(at, Offset)]
        self.offsets = [at.offset for at in positions if isinstance(at, Offset)]
        if len(self.offsets) != len(positions):
            raise TypeError("a letter has no offset")
        self.value_sizes = [0] * len(letters)

    def describe_targets(self, sender: TransactionalSender) -> None:
        """Nothing is sent."""

    def predict_refusals(self, limits: Mapping[str, TopicLimits]) -> dict[int, str]:
        return {}

    def produce(self, sender: TransactionalSender, producer: Producer, index: int) -> Receipt | None:
        return None


class MessageTransfers(MarkOnly):
    """Letters as messages, each with its own transfer."""

    def __init__(self, transfers: Sequence[Transfer]) -> None:
        super().__init__([transfer.letter for transfer in transfers])
        self.value_sizes = [len(transfer.letter.value or b"") for transfer in transfers]
        self._transfers = transfers

    def describe_targets(self, sender: TransactionalSender) -> None:
        sender.describe_targets({transfer.target for transfer in self._transfers})

    def predict_refusals(self, limits: Mapping[str, TopicLimits]) -> dict[int, str]:
        now = int(time.time() * 1000)
        found: dict[int, str] = {}
        for index, (transfer, size) in enumerate(zip(self._transfers, self.value_sizes, strict=True)):
            known = limits.get(transfer.target.name)
            if known is not None and (why := known.refusal_reason(transfer.letter.key, size, transfer.timestamp, now)):
                found[index] = why
        return found

    def produce(self, sender: TransactionalSender, producer: Producer, index: int) -> Receipt | None:
        return sender.produce_transfer(producer, index, self._transfers[index])


class RawTransfers:
    """Letters as raw records."""

    def __init__(self, raw_batch: RawRecordBatch) -> None:
        self.partitions, self.offsets = raw_batch.partitions, raw_batch.offsets
        self.value_sizes = [len(record[0]) for record in raw_batch.records]
        self._ranges = raw_batch.positions
        self._routes = raw_batch.routes
        self._targets = {route.target for route in raw_batch.routes}
        self._records = raw_batch.records

    def describe_targets(self, sender: TransactionalSender) -> None:
        sender.describe_targets(self._targets)

    def predict_refusals(self, limits: Mapping[str, TopicLimits]) -> dict[int, str]:
        """As the protocol says; letters are checked one by one only if a limit can concern them."""
        now = int(time.time() * 1000)
        found: dict[int, str] = {}
        heaviest = max(self.value_sizes, default=0)
        keeping = any(route.keeps_time for route in self._routes)
        known = [limits[name] for name in {route.target.name for route in self._routes} if name in limits]
        if not keeping and not any(topic.needs_key or heaviest > topic.max_bytes for topic in known):
            return found
        for index, (record, _, _, route, _, sent) in enumerate(self._records):
            topic = limits.get(route.target.name) if route is not None else None
            if topic is not None and (
                why := topic.refusal_reason(record.key(), self.value_sizes[index], sent or None, now)
            ):
                found[index] = why
        return found

    def produce(self, sender: TransactionalSender, producer: Producer, index: int) -> Receipt | None:
        record, _, _, route, headers, time = self._records[index]
        assert route is not None, NO_ROUTE
        return sender.produce(producer, index, route.target.name, record.value(), record.key(), headers, time)

    def to_result(self, outcomes: Sequence[DeliveryOutcome]) -> BulkResult:
        """The bulk result of all outcomes."""
        receipts = {
            index: outcome
            for index, outcome in enumerate(outcomes)
            if isinstance(outcome, Receipt) and outcome is not STORED_RECEIPT
        }
        others = [(self._source_position(at), self._target(at), receipt) for at, receipt in receipts.items()]
        moved: Sequence[int] = range(len(outcomes))
        if receipts:
            moved = [at for at in moved if at not in receipts]
            outcomes = [outcomes[at] for at in moved]
        routes = self._route_numbers(moved)
        return BulkResult(self._bulk_receipts(outcomes, moved, routes), others, routes.tobytes())

    def _source_position(self, at: int) -> Offset:
        return Offset(self.partitions[at], self.offsets[at])

    def _target(self, at: int) -> Ref:
        route = self._records[at][3]
        assert route is not None, NO_ROUTE
        return route.target

    def _route_numbers(self, moved: Sequence[int]) -> array[int]:
        """For each moved letter the index of its route."""
        if len(self._routes) == 1:
            return array("i", (0,)) * len(moved)
        numbers = {id(route): number for number, route in enumerate(self._routes)}
        return array("i", [numbers[id(self._records[at][3])] for at in moved])

    def _bulk_receipts(self, reports: Sequence[Record], moved: Sequence[int], routes: array[int]) -> BulkReceipts:
        """The receipts of moved letters, from their delivery reports."""
        names = [route.target.name for route in self._routes]
        topics = tuple(dict.fromkeys(names))
        topic_of = [topics.index(name) for name in names]
        return BulkReceipts(
            self._ranges
            if len(moved) == len(self.offsets)
            else OffsetRanges.of([self.partitions[at] for at in moved], [self.offsets[at] for at in moved]),
            topics,
            (routes if len(topics) == len(names) else array("i", [topic_of[route] for route in routes])).tobytes(),
            array(
                "i", [UNKNOWN_POSITION if report is STORED_RECEIPT else report.partition() for report in reports]
            ).tobytes(),
            array(
                "q", [UNKNOWN_POSITION if report is STORED_RECEIPT else report.offset() for report in reports]
            ).tobytes(),
        )
