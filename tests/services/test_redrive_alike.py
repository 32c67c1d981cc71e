"""A plan that counts alike letters together says what it says where each is looked at: on odd letters of all kinds."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_NOT_AVAILABLE
from confluent_kafka import Message as KafkaRecord

from mqtui.brokers import alike_tally
from mqtui.brokers.kafka.messages import to_message
from mqtui.brokers.kafka.read.fetch import into_batches
from mqtui.brokers.kafka.redrive import alike_letters
from mqtui.brokers.kafka.redrive.alike_letters import RecordTally
from mqtui.brokers.port import Batch
from mqtui.brokers.redis.connection.resp import Entry, parse_entry_id
from mqtui.brokers.redis.messages import to_messages
from mqtui.brokers.redis.redrive.alike_letters import EntryTally
from mqtui.domain.bulk import Alikeness, CountedLetters
from mqtui.domain.figure import exact
from mqtui.domain.message import EntryId, Message
from mqtui.domain.read_range import ReadRange
from mqtui.domain.redrive import IdBounds, OffsetBounds, Source
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.topology import Destination
from mqtui.services.redrive.planning import alike_routes, partition_check
from mqtui.services.redrive.planning.mqtui_headers import COUNT, ORIGIN, RUN
from tests.services.plan_counts import NOW, told_both_ways

PARKED = Ref(Kind.TOPIC, "parked")
POLL = 100

ENVELOPES = [
    b'{"original_topic":"orders","original_value":"x","original_key":"k","original_partition":"2"}',
    b'{"original_topic":"orders","original_value":{"a":1}}',
    b'{"original_topic":"lost","error":"no"}',
    b' {"error":"no","payload":"p"}',
]
CHOICES: dict[str, Sequence[bytes | None]] = {
    "kafka_dlt-original-topic": [b"orders", b"orders", b"invoices", b"parked", b"", b"\xff", None],
    "kafka_dlt-original-partition": [*((number % 3).to_bytes(4, "big") for number in range(6)), b"?", None],
    "kafka_dlt-original-consumer-group": [b"payments", b"audit"],
    "kafka_dlt-exception-fqcn": [b"java.lang.Error"],
    "__connect.errors.topic": [b"orders", b"returns"],
    "__connect.errors.partition": [b"0", b"1", b"no"],
    ORIGIN: [b'{"v":1}', None],
    RUN: [b"ab" * 16, b"cd" * 16, b"\xff", None],
    COUNT: [b"0", b"1", b"12", b"many", None],
    "größe": [b"1", b"", None],
    "trace": [b"a" * 40, None],
}


def odd_names(dice: random.Random) -> list[str]:
    """Each of the header names or not, some of them twice, in any order."""
    names = [name for name in CHOICES if dice.random() < 0.35]
    names += [name for name in names if dice.random() < 0.1]
    if dice.random() < 0.7:
        names += ["kafka_dlt-original-topic", "kafka_dlt-original-partition"]
    dice.shuffle(names)
    return names


def odd_record(dice: random.Random, names: Sequence[str], partition: int, offset: int) -> Any:
    return KafkaRecord(
        topic=PARKED.name,
        partition=partition,
        offset=offset,
        key=dice.choice([None, b"", b"k%d" % dice.randrange(50), b"k%d" % dice.randrange(50)]),
        value=dice.choice([None, b"", b"plain", b"x" * dice.randrange(500), *ENVELOPES]),
        headers=[(name, dice.choice(CHOICES[name])) for name in names] or None,
        timestamp=dice.choice(
            [
                (TIMESTAMP_NOT_AVAILABLE, 0),
                (TIMESTAMP_CREATE_TIME, -1),
                *((TIMESTAMP_CREATE_TIME, dice.randrange(1 << 42)) for _ in range(5)),
            ]
        ),
    )


class Records:
    """Records of a topic, to read as messages or to count; `most` is how many counts there were at once."""

    kind = BrokerKind.KAFKA

    def __init__(self, records: Sequence[Any]) -> None:
        self._records = records
        self.reader = self.catalog = self
        self.most = 0
        self.together = 0

    async def read(self, ref: Ref, span: ReadRange, *, limit: int | None) -> AsyncIterator[Batch]:
        for batch in into_batches(to_message(ref, one, one.partition(), one.offset()) for one in self._records):
            yield batch

    async def count_alike(self, source: Source, alikeness: Alikeness) -> AsyncIterator[CountedLetters]:
        tally = RecordTally(source.ref, alikeness)
        for first in range(0, len(self._records), POLL):
            for one in self._records[first : first + POLL]:
                tally(one, one.partition(), one.offset())
            counted = tally.take()
            self.most = max(self.most, len(counted.alike))
            self.together += sum(each.count for each in counted.alike)
            yield counted

    async def describe(self, ref: Ref) -> Destination:
        return Destination(ref, "topic", partitions=3)

    def source(self) -> Source:
        ends = {one.partition(): one.offset() + 1 for one in self._records}
        return Source(PARKED, "id", OffsetBounds(dict.fromkeys(ends, 0), ends), exact(len(self._records)))


class Entries:
    """The same for entries of a stream."""

    kind = BrokerKind.REDIS

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries
        self.reader = self.catalog = self

    async def read(self, ref: Ref, span: ReadRange, *, limit: int | None) -> AsyncIterator[Batch]:
        yield to_messages(ref, self._entries)

    async def count_alike(self, source: Source, alikeness: Alikeness) -> AsyncIterator[CountedLetters]:
        tally = EntryTally(source.ref, alikeness)
        for first in range(0, len(self._entries), POLL):
            tally.add(self._entries[first : first + POLL])
            yield tally.take()

    def source(self) -> Source:
        last = parse_entry_id(self._entries[-1][0])
        return Source(Ref(Kind.STREAM, "parked"), "id", IdBounds(EntryId(0, 0), last), exact(len(self._entries)))


FIELDS: dict[bytes, list[bytes]] = {
    b"dlq_stream": [b"orders", b"orders", b"invoices", b"parked", b"", b"\xff"],
    b"dlq_group": [b"payments", b"audit"],
    b"dlq_exception": [b"shop.CardDeclined"],
    b"SentToFailureTransportStamp": [b"1"],
    b"message": [b'{"headers":"{}"}', b"text"],
    b"order": [b"1", b"2" * 90, b""],
    b"\xff": [b"\xff"],
}


def odd_fields(dice: random.Random) -> list[bytes]:
    names = [name for name in FIELDS if dice.random() < 0.4] + [b"dlq_stream"] * (dice.random() < 0.6)
    dice.shuffle(names)
    return names or [b"order"]


def odd_entry(dice: random.Random, names: Sequence[bytes], number: int) -> Entry:
    flat = [part for name in names for part in (name, dice.choice(FIELDS[name]))]
    return (b"%d-%d" % (1_700_000_000_000 + number // 3, number % 3), flat)


async def test_entries_counted_together_as_one_by_one() -> None:
    for seed in range(6):
        dice = random.Random(seed)
        shapes = [odd_fields(dice) for _ in range(12)]
        broker = Entries([odd_entry(dice, dice.choice(shapes), number) for number in range(400)])
        together, one_by_one = await told_both_ways(broker, broker.source())
        assert together == one_by_one
        assert together.counts["selected"] == 400


@pytest.mark.parametrize("to", [None, Ref(Kind.TOPIC, "orders"), Ref(Kind.TOPIC, "elsewhere")], ids=str)
async def test_counted_together_as_one_by_one(monkeypatch: pytest.MonkeyPatch, to: Ref | None) -> None:
    for module in (alike_routes, partition_check):
        monkeypatch.setattr(module, "MAX_COMPARED", 40)
    monkeypatch.setattr(alike_tally, "MAX_SHAPES", 5)
    for seed in range(6):
        dice = random.Random(seed)
        shapes = [odd_names(dice) for _ in range(12)]
        broker = Records([odd_record(dice, dice.choice(shapes), number % 2, number // 2) for number in range(400)])
        together, one_by_one = await told_both_ways(broker, broker.source(), to)
        assert together == one_by_one
        assert broker.together > 100


async def test_plain_letters_are_counted_without_a_message_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each distinct origin is a count of its own, until the counts are taken: memory does not grow with them."""
    made: list[Message] = []

    def note(*words: Any) -> Message:
        made.append(to_message(*words))
        return made[-1]

    monkeypatch.setattr(alike_letters, "to_message", note)
    for origins, most in ((1, 1), (10_000, POLL)):
        headers: list[list[tuple[str, str | bytes | None]]] = [
            [("kafka_dlt-original-topic", b"home-%d" % number)] for number in range(origins)
        ]
        records = [
            KafkaRecord(PARKED.name, 0, number, b"k", b"v", headers[number % origins], timestamp=(1, NOW))
            for number in range(2_000)
        ]
        made.clear()
        broker: Any = Records(records)
        together, one_by_one = await told_both_ways(broker, broker.source())
        assert together == one_by_one
        assert broker.most == most
        assert origins > 1 or len(made) < 2 * len(records) / POLL + 2
