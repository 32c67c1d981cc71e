"""Scans the newest records of many topics with one consumer: a consumer's start costs more than the records.

All topics are read in rounds: the newest few records of each, then the rest of the depth, further back where offsets
have gaps (compaction, transaction markers). Runs in a thread.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import compress
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka import Message as KafkaRecord
from confluent_kafka.admin import OffsetSpec

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.connection.thread_queue import ThreadToLoopQueue
from mqtui.brokers.kafka.errors import MISSING_RIGHTS, missing_topic_right, translate
from mqtui.brokers.kafka.messages import Record, to_message
from mqtui.brokers.kafka.read.bounded_consumer import (
    RECORD_ERROR,
    RECORD_OFFSET,
    RECORD_PARTITION,
    RECOVERABLE,
    poll_available,
)
from mqtui.brokers.kafka.read.offsets import AFTER_LAST, OffsetResults, explain_missing, list_offsets
from mqtui.brokers.kafka.read.scan import BATCH, KafkaColumns
from mqtui.brokers.kafka.read.topic_listing import list_partitions
from mqtui.domain.errors import BrokerTrouble, MqtuiError, NotFound, TimedOut
from mqtui.domain.resource import Ref
from mqtui.domain.scan import PlaceStep, RecordTest

FIRST_RECORDS = 100
"""Records of each topic in the first round."""

WINDOW_GROWTH = 4
"""How much further back a round goes where the last one found fewer records than offsets."""

SILENCE_CHECK = 3.0
"""Seconds without a record or event after which the broker is asked which topics are still there."""

SILENCE_TIMEOUT = 10.0
"""Seconds without any after which the rest is given up."""

RECORD_TOPIC: Callable[[Record], Any] = KafkaRecord.topic
Steps = Sequence[PlaceStep]


@dataclass(slots=True)
class PartitionWindow:
    """A partition: `first` is where its scan ends, [start, end) what is read in this round."""

    first: int
    start: int
    end: int


@dataclass(slots=True)
class TopicScan:
    """A topic that is scanned: how many records are still wanted, and where each partition stands."""

    ref: Ref
    left: int
    uncommitted: int = 0
    windows: dict[int, PartitionWindow] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    width: int = FIRST_RECORDS
    error: MqtuiError | None = None

    def step_back(self, found: int) -> bool:
        """Go back to the next window of each partition; False at the end."""
        self.left -= found
        open_windows = [window for window in self.windows.values() if window.start > window.first]
        if self.error is not None or self.left <= 0 or not open_windows:
            return False
        wanted = -(-self.left // len(open_windows))
        has_gaps = found * 2 < sum(window.end - window.start for window in self.windows.values())
        self.width = max(wanted, self.width * WINDOW_GROWTH) if has_gaps else wanted
        for window in self.windows.values():
            window.end = window.start
            window.start = max(window.first, window.end - self.width)
        return True

    def last_step(self) -> PlaceStep:
        """The step that ends it."""
        has_older = any(window.start > window.first for window in self.windows.values())
        error = self.error
        if error is None and self.missing:
            error = BrokerTrouble(f"Parts of {self.ref.name} can't be read", "; ".join(self.missing))
        return PlaceStep(self.ref, is_last=True, has_older=has_older, uncommitted=self.uncommitted, error=error)


async def plan_scans(
    clients: KafkaClients, refs: Sequence[Ref], depth: int, since: int | None
) -> tuple[list[TopicScan], list[PlaceStep]]:
    """The scans of topics, and the last steps of those that are gone. Three or four requests, whatever their number."""
    listed = await list_partitions(clients)
    gone = [PlaceStep(ref, is_last=True, error=_deleted(ref.name)) for ref in refs if ref.name not in listed]
    there = [ref for ref in refs if ref.name in listed]
    keys = [(ref.name, number) for ref in there for number in listed[ref.name]]
    if not keys:
        return [], gone
    first, end, high = await asyncio.gather(
        list_offsets(clients, keys, OffsetSpec.earliest()),
        list_offsets(clients, keys, OffsetSpec.latest(), committed=True),
        list_offsets(clients, keys, OffsetSpec.latest()),
    )
    times = await list_offsets(clients, keys, OffsetSpec.for_timestamp(since)) if since is not None else {}
    return [_plan_topic(ref, listed[ref.name], depth, (first, end, high, times)) for ref in there], gone


def _plan_topic(ref: Ref, numbers: Iterable[int], depth: int, answers: Sequence[OffsetResults]) -> TopicScan:
    scan = TopicScan(ref, depth)
    for number in numbers:
        low, stable, high, later = (each.get((ref.name, number)) for each in answers)
        wrong = next((each for each in (low, stable, high) if not isinstance(each, int)), None)
        if wrong is not None or not isinstance(low, int) or not isinstance(stable, int) or not isinstance(high, int):
            why = explain_missing(wrong) if isinstance(wrong, KafkaError) else "gives no offsets"
            scan.missing.append(f"partition {number} {why}")
            continue
        scan.uncommitted += max(0, high - stable)
        start = low
        if isinstance(later, int):
            start = stable if later == AFTER_LAST else max(low, later)
        if start < stable:
            scan.windows[number] = PartitionWindow(start, stable, stable)
    scan.width = min(depth, -(-FIRST_RECORDS // max(1, len(scan.windows))))
    for window in scan.windows.values():
        window.start = max(window.first, window.end - scan.width)
    return scan


def scan_topics(
    clients: KafkaClients, scans: Sequence[TopicScan], test: RecordTest, queue: ThreadToLoopQueue[Steps]
) -> None:
    """Scan topics and put the steps into the queue, until its reader closes it. Blocks."""
    idle = [scan for scan in scans if not scan.windows]
    open_scans = {scan.ref.name: scan for scan in scans if scan.windows}
    if idle and not queue.put([scan.last_step() for scan in idle]):
        return
    if not open_scans:
        return
    consumer = clients.create_consumer(
        "search", isolation_level="read_committed", fetch_wait_max_ms=10, queued_max_messages_kbytes=65_536
    )
    try:
        while open_scans:
            found: Counter[str] = Counter()
            for steps in _NewestRound(clients, consumer, open_scans).steps(test, found):
                if not queue.put(steps):
                    return
            ended = [scan for name, scan in open_scans.items() if not scan.step_back(found[name])]
            if ended and not queue.put([scan.last_step() for scan in ended]):
                return
            for scan in ended:
                del open_scans[scan.ref.name]
    finally:
        consumer.close()


class _NewestRound:
    """Reads one window of each partition."""

    def __init__(self, clients: KafkaClients, consumer: Consumer, scans: dict[str, TopicScan]) -> None:
        self._clients, self._consumer, self._scans = clients, consumer, scans
        self._open = {
            (name, number): window.end
            for name, scan in scans.items()
            for number, window in scan.windows.items()
            if window.start < window.end
        }

    def steps(self, test: RecordTest, found: Counter[str]) -> Iterator[Steps]:
        """The steps, each of one poll; `found` gets the number of records of each topic."""
        self._consumer.assign([TopicPartition(*key, self._start(key)) for key in self._open])
        last_event_at, has_asked = time.monotonic(), False
        while self._open:
            got = poll_available(self._consumer, BATCH, 0.2)
            records = self._take(got)
            if records:
                steps = self._test(records, test)
                found.update({step.ref.name: step.scanned for step in steps})
                yield steps
            now = time.monotonic()
            if got:
                last_event_at, has_asked = now, False
            elif now > last_event_at + SILENCE_TIMEOUT:
                self._drop({name for name, _ in self._open}, partial(_silent, SILENCE_TIMEOUT))
            elif now > last_event_at + SILENCE_CHECK and not has_asked:
                has_asked = True
                self._drop_deleted()

    def _start(self, key: tuple[str, int]) -> int:
        return self._scans[key[0]].windows[key[1]].start

    def _take(self, got: Sequence[Record]) -> Sequence[Record]:
        """The records inside the windows. Ends are noted, by a record or by librdkafka's event of the end."""
        events: list[Record] = []
        if any(map(RECORD_ERROR, got)):
            events = [record for record in got if record.error() is not None]
            got = [record for record in got if record.error() is None]
        keys = list(zip(map(RECORD_TOPIC, got), map(RECORD_PARTITION, got), strict=True))
        offsets = list(map(RECORD_OFFSET, got))
        last = dict(zip(keys, offsets, strict=True))
        ends = {key: self._open.get(key, 0) for key in last}
        if any(offset >= ends[key] for key, offset in last.items()):
            inside = [offset < ends[key] for key, offset in zip(keys, offsets, strict=True)]
            got = list(compress(got, inside))
        for key, offset in last.items():
            if offset + 1 >= ends[key]:
                self._open.pop(key, None)
        for event in events:
            self._handle_event(event, event.error())
        return got

    def _handle_event(self, record: Record, error: KafkaError) -> None:
        code, name = error.code(), record.topic()
        if code == KafkaError._PARTITION_EOF:
            key = (name, record.partition())
            if record.offset() >= self._open.get(key, 0):
                self._open.pop(key, None)
            return
        if code in RECOVERABLE or error.retriable():
            return
        closed = code in MISSING_RIGHTS
        self._drop(
            {name} if name else {each for each, _ in self._open},
            lambda name: missing_topic_right(error, "Read", name) if closed else translate(error, f"reading {name}"),
        )

    def _test(self, records: Sequence[Record], test: RecordTest) -> list[PlaceStep]:
        """A step for each topic that some records are of; the first has the bytes of all."""
        chosen: defaultdict[str, list[tuple[Record, bool]]] = defaultdict(list)
        for index, is_sure in test(KafkaColumns(records)):
            chosen[records[index].topic()].append((records[index], is_sure))
        counts, size = Counter(map(RECORD_TOPIC, records)), sum(map(len, records))
        steps: list[PlaceStep] = []
        for name, count in counts.items():
            ref = self._scans[name].ref
            found = [
                (to_message(ref, each, each.partition(), each.offset()), is_sure) for each, is_sure in chosen[name]
            ]
            steps.append(PlaceStep(ref, count, 0 if steps else size, found))
        return steps

    def _drop(self, names: set[str], why: Callable[[str], MqtuiError]) -> None:
        """Give topics up, each with its error."""
        for name in names:
            scan = self._scans.get(name)
            if scan is not None and scan.error is None:
                scan.error = why(name)
        self._open = {key: end for key, end in self._open.items() if key[0] not in names}

    def _drop_deleted(self) -> None:
        """Raises MqtuiError: nobody answers."""
        if (trouble := self._clients.health.error()) is not None:
            raise self._clients.explain(trouble)
        with self._clients.translate_errors("asking which topics are there"):
            there = self._consumer.list_topics(timeout=SILENCE_CHECK).topics
        self._drop({name for name, _ in self._open if name not in there}, _deleted)


def _deleted(name: str) -> MqtuiError:
    return NotFound(f"{name} was deleted meanwhile", "What was found stays.", "mqtui ls lists what is there.")


def _silent(seconds: float, name: str) -> MqtuiError:
    return TimedOut(f"Nothing came from {name}", f"for {seconds:.0f} s", "Try again.")
