"""Letters into the open transaction: what `Transfer.outgoing()` says, without building a message for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from confluent_kafka import KafkaError, KafkaException, Producer

from mqtui.brokers.kafka.connection.clients import Connection
from mqtui.brokers.kafka.errors import error_of
from mqtui.brokers.kafka.messages import Record, WireHeaders, stored, unsendable
from mqtui.brokers.kafka.poison_records import BLAMELESS, Failure
from mqtui.brokers.kafka.publish import ANY, refused
from mqtui.brokers.kafka.read.topic_limits import TopicLimits
from mqtui.brokers.kafka.read.topic_metadata import described, topic_name
from mqtui.domain.errors import MqtuiError
from mqtui.domain.message import Header
from mqtui.domain.redrive import PublishStatus, Receipt, Transfer
from mqtui.domain.resource import Ref

KNOWN_NAMES = 10_000

Word: TypeAlias = Record | Receipt
"""What became of a letter: the report of its delivery as it came, or a receipt."""

STORED = Receipt(PublishStatus.STORED)


def receipt_of(word: Word) -> Receipt:
    """A word as a receipt."""
    return word if isinstance(word, Receipt) else stored(word.partition(), word.offset())


OVER = frozenset({KafkaError._STATE, KafkaError._FATAL})
"""What producing says once the transaction, or the producer, is at its end: of no letter's own doing."""


@dataclass(frozen=True, slots=True)
class Target:
    """A topic letters go to, described right before the first of them (K9)."""

    name: str
    partitions: int


class Outbox:
    """Hands letters to librdkafka and keeps its delivery reports, by place."""

    def __init__(self, connection: Connection, limits: Mapping[str, TopicLimits]) -> None:
        self._connection = connection
        self.limits = limits
        """What is known of the topics letters go to, by name."""
        self._targets: dict[Ref, Target] = {}
        self._last: Ref | None = None
        self._known = Target("", 0)
        """The target of the last letter; most have the same."""
        self._sendable: set[str] = set()
        """Header names known to be fit for the client library."""
        self._reports: dict[int, Record | Failure] = {}
        self.failing = False
        """Whether a letter was refused, so that the transaction can't be committed any more."""

    def learn(self, targets: Iterable[Ref]) -> None:
        """Describe targets that are new.

        Raises:
            NotFound, NotAuthorised: one can't be had.
        """
        for target in targets:
            if target not in self._targets:
                topic = described(self._connection, topic_name(target))
                self._targets[target] = Target(topic.name, len(topic.partitions))

    def leaderless(self) -> frozenset[tuple[str, int]]:
        """Partitions of the targets that have no leader now, by topic; none where that can't be asked."""
        found: set[tuple[str, int]] = set()
        for target in self._targets:
            with suppress(MqtuiError):
                topic = described(self._connection, topic_name(target))
                found.update((topic.name, number) for number in topic.leaderless)
        return frozenset(found)

    def clear(self) -> None:
        """Forget the reports of the last transaction."""
        self._reports = {}
        self.failing = False

    def send(self, producer: Producer, place: int, transfer: Transfer) -> Receipt | None:
        """Hand over one letter, whose target is known; a receipt where it is refused at once."""
        letter, known = transfer.content or transfer.letter, self._known
        if transfer.target is not self._last:
            self._last, known = transfer.target, self._targets[transfer.target]
            self._known = known
        headers: Sequence[Header] = letter.headers
        if stripped := transfer.stripped:
            headers = [header for header in headers if header[0] not in stripped]
        if transfer.added:
            headers = [*headers, *transfer.added]
        sendable = self._sendable
        pairs: WireHeaders = [(name, value) for name, value, _ in headers if name in sendable]
        if len(pairs) != len(headers):
            if reason := self._check(headers):
                return Receipt(PublishStatus.REFUSED, None, reason)
            pairs = [(name, value) for name, value, _ in headers]
        partition = transfer.partition
        if partition is None:
            partition = ANY
        elif not 0 <= partition < known.partitions:
            return Receipt(PublishStatus.REFUSED, None, f"{known.name} has no partition {partition}")
        return self.put(
            producer, place, known.name, letter.value, letter.key, pairs, transfer.timestamp or 0, partition
        )

    def put(
        self,
        producer: Producer,
        place: int,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        headers: WireHeaders,
        time: int,
        partition: int = ANY,
    ) -> Receipt | None:
        """Hand over what is ready to be sent; a receipt where it is refused at once."""
        while True:
            try:
                producer.produce(
                    topic,
                    value,
                    key,
                    partition,
                    on_delivery=partial(self._note, place),
                    timestamp=time,
                    headers=headers,
                )
            except BufferError:
                producer.poll(0.1)
            except KafkaException as error:
                inner = error_of(error)
                if inner.fatal() or inner.txn_requires_abort() or inner.code() in OVER:
                    raise
                return refused(inner)
            else:
                return None

    def failures(self) -> Iterator[tuple[int, Failure]]:
        """Reports of letters that were not stored, by place in the order in which they came."""
        for place, told in self._reports.items():
            if isinstance(told, Failure):
                yield place, told

    def word(self, place: int) -> Word:
        """What is known of a committed letter; not its position where the report was lost."""
        told = self._reports.get(place)
        return STORED if told is None or isinstance(told, Failure) else told

    def _note(self, place: int, error: KafkaError | None, record: Record) -> None:
        if error is None:
            self._reports[place] = record
            return
        self._reports[place] = Failure(error, record.topic(), record.partition())
        self.failing = self.failing or error.code() not in BLAMELESS

    def _check(self, headers: Sequence[Header]) -> str:
        if reason := unsendable(headers):
            return reason
        if len(self._sendable) > KNOWN_NAMES:
            self._sendable.clear()
        self._sendable.update(name for name, _, _ in headers)
        return ""
