"""What a transaction moves: letters seen, letters unseen, or none at all where they are only marked handled."""

from __future__ import annotations

import time
from array import array
from collections.abc import Mapping, Sequence
from typing import Protocol

from confluent_kafka import Producer

from mqtui.brokers.kafka.messages import Record
from mqtui.brokers.kafka.read.topic_limits import TopicLimits
from mqtui.brokers.kafka.redrive.raw_records import ParcelLoad
from mqtui.brokers.kafka.redrive.transactional_sender import STORED, Outbox, Word
from mqtui.domain.bulk import UNKNOWN_POSITION, BulkReceipts, BulkResult, OffsetRanges
from mqtui.domain.message import Message, Offset
from mqtui.domain.redrive import Receipt, Transfer
from mqtui.domain.resource import Ref

ODD = "a load is carried whole"


class Freight(Protocol):
    """Letters by place, and how each is put into a transaction."""

    partitions: list[int]
    offsets: list[int]
    weights: list[int]
    """Bytes of values that are sent."""

    def ready(self, outbox: Outbox) -> None:
        """Ask for what must be known before the first is sent.

        Raises:
            NotFound, NotAuthorised: a target can't be had.
        """

    def objections(self, limits: Mapping[str, TopicLimits]) -> dict[int, str]:
        """Places whose letter the settings of its topic say will be refused, and why."""

    def send(self, outbox: Outbox, producer: Producer, place: int) -> Receipt | None:
        """Hand one over; a receipt where it is refused at once."""


class Letters:
    """Letters that are only marked handled."""

    def __init__(self, letters: Sequence[Message]) -> None:
        places = [letter.position for letter in letters]
        self.partitions = [at.partition for at in places if isinstance(at, Offset)]
        self.offsets = [at.offset for at in places if isinstance(at, Offset)]
        if len(self.offsets) != len(places):
            raise TypeError("a letter is at no place in a topic")
        self.weights = [0] * len(letters)

    def ready(self, outbox: Outbox) -> None:
        """Nothing is sent."""

    def objections(self, limits: Mapping[str, TopicLimits]) -> dict[int, str]:
        """Nothing is sent."""
        return {}

    def send(self, outbox: Outbox, producer: Producer, place: int) -> Receipt | None:
        """Nothing is sent."""
        return None


class Transfers(Letters):
    """Letters on their way, each with its own."""

    def __init__(self, transfers: Sequence[Transfer]) -> None:
        super().__init__([transfer.letter for transfer in transfers])
        self.weights = [len(transfer.letter.value or b"") for transfer in transfers]
        self._transfers = transfers

    def ready(self, outbox: Outbox) -> None:
        """Describe the targets."""
        outbox.learn({transfer.target for transfer in self._transfers})

    def objections(self, limits: Mapping[str, TopicLimits]) -> dict[int, str]:
        """By key, size of the value and kept time."""
        now = int(time.time() * 1000)
        found: dict[int, str] = {}
        for place, (transfer, weight) in enumerate(zip(self._transfers, self.weights, strict=True)):
            known = limits.get(transfer.target.name)
            if known is not None and (why := known.objection(transfer.letter.key, weight, transfer.timestamp, now)):
                found[place] = why
        return found

    def send(self, outbox: Outbox, producer: Producer, place: int) -> Receipt | None:
        """Hand one over."""
        return outbox.send(producer, place, self._transfers[place])


class Parcels:
    """Letters unseen."""

    def __init__(self, load: ParcelLoad) -> None:
        self.partitions, self.offsets = load.partitions, load.offsets
        self.weights = [len(parcel[0]) for parcel in load.parcels]
        self._lanes = load.routes
        self._targets = {lane.target for lane in load.routes}
        self._parcels = load.parcels

    def ready(self, outbox: Outbox) -> None:
        """Describe the targets."""
        outbox.learn(self._targets)

    def objections(self, limits: Mapping[str, TopicLimits]) -> dict[int, str]:
        """By key, size of the value and kept time; what a topic does not limit is not asked of each letter."""
        now = int(time.time() * 1000)
        found: dict[int, str] = {}
        heaviest = max(self.weights, default=0)
        keeping = any(lane.keeps_time for lane in self._lanes)
        known = [limits[name] for name in {lane.target.name for lane in self._lanes} if name in limits]
        if not keeping and not any(topic.needs_key or heaviest > topic.size for topic in known):
            return found
        for place, (record, _, _, lane, _, sent) in enumerate(self._parcels):
            topic = limits.get(lane.target.name) if lane is not None else None
            if topic is not None and (why := topic.objection(record.key(), self.weights[place], sent or None, now)):
                found[place] = why
        return found

    def send(self, outbox: Outbox, producer: Producer, place: int) -> Receipt | None:
        """Hand one over."""
        record, _, _, lane, headers, time = self._parcels[place]
        assert lane is not None, ODD
        return outbox.put(producer, place, lane.target.name, record.value(), record.key(), headers, time)

    def told(self, words: Sequence[Word]) -> BulkResult:
        """What became of each, from the words of all."""
        receipts = {place: word for place, word in enumerate(words) if isinstance(word, Receipt) and word is not STORED}
        others = [(self._place(at), self._target(at), receipt) for at, receipt in receipts.items()]
        moved = [at for at in range(len(words)) if at not in receipts]
        return BulkResult(self._arrivals(words, moved), others, self._lanes_of(moved))

    def _place(self, at: int) -> Offset:
        return Offset(self.partitions[at], self.offsets[at])

    def _target(self, at: int) -> Ref:
        lane = self._parcels[at][3]
        assert lane is not None, ODD
        return lane.target

    def _lanes_of(self, moved: Sequence[int]) -> bytes:
        numbers = {id(lane): number for number, lane in enumerate(self._lanes)}
        return array("i", [numbers[id(self._parcels[at][3])] for at in moved]).tobytes()

    def _arrivals(self, words: Sequence[Word], moved: Sequence[int]) -> BulkReceipts:
        lanes = [self._parcels[at][3] for at in moved]
        different = {id(lane): lane.target.name for lane in lanes if lane is not None}
        topics = tuple(dict.fromkeys(different.values()))
        numbers = {lane: topics.index(name) for lane, name in different.items()}
        reports: list[Record] = [words[at] for at in moved]
        return BulkReceipts(
            OffsetRanges.of([self.partitions[at] for at in moved], [self.offsets[at] for at in moved]),
            topics,
            array("i", [numbers[id(lane)] for lane in lanes]).tobytes(),
            array("i", [UNKNOWN_POSITION if word is STORED else word.partition() for word in reports]).tobytes(),
            array("q", [UNKNOWN_POSITION if word is STORED else word.offset() for word in reports]).tobytes(),
        )
