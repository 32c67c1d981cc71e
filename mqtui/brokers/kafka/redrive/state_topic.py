"""The state topic: which offsets of each dead-letter topic are handled, and which run has its lock.

A compacted topic with one partition, `<prefix>.state`. Its records are JSON with a version `v`:

    key   <topic id>/<partition>/<segment>
    value {"v":1,"watermark":118203,"bitmap":"...","run":...,"operator":...,"host":...,"time":ms,"plan":...}
    key   <topic id>/holder
    value {"v":1,"run":...,"operator":...,"host":...,"machine":...,"pid":...,"start":...,"since":ms,"time":ms,
           "plan":...,"ended":false}

`watermark` is the first unhandled offset of the segment; `bitmap` has the offsets from there on (`OffsetSet.encode`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import orjson
from confluent_kafka import KafkaError
from confluent_kafka.admin import OffsetSpec

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.errors import translate
from mqtui.brokers.kafka.read.bounded_consumer import BoundedConsumer, read_all
from mqtui.brokers.kafka.read.offsets import list_offsets_blocking
from mqtui.brokers.kafka.read.topic_metadata import describe_topic_blocking, state_topic_name
from mqtui.brokers.kafka.redrive.handled_offsets import OffsetSet
from mqtui.brokers.kafka.redrive.process_identity import ProcessIdentity
from mqtui.domain.errors import BrokerTrouble
from mqtui.domain.offset_spans import OffsetSpans
from mqtui.domain.redrive import Handled, LockOwner

VERSION = 1
LOCK_KEY = b"holder"
LOCK_TIMEOUT = 30.0
"""Seconds after which a lock that was not renewed has expired (K3)."""

WATCH_SECONDS = 15.0
"""Seconds for which a lock record of doubtful age is watched; a live run renews it every 10 s (K3)."""

WATCH_INTERVAL = 1.0

CLOCK_SKEW = -5.0
"""The age in seconds below which two clocks certainly disagree."""

OPEN_TRANSACTION_TIMEOUT = 45.0
"""Seconds to wait for other runs' open transactions in the state topic: that of a killed run times out after 15 s, and
the coordinator checks every 10 s (transaction.abort.timed.out.transaction.cleanup.interval.ms)."""


def transactional_id(prefix: str, identity: str) -> str:
    """One transactional id per dead-letter topic, so that only one run at a time can write (C9)."""
    return f"{prefix}.{identity}"


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """The run that writes a record: run id, operator, plan hash and process."""

    run: str
    operator: str
    plan: str
    process: ProcessIdentity


@dataclass(frozen=True, slots=True)
class LockRecord:
    """Which run has the lock of a topic. Times are ms since the epoch, by the clock of that run's machine."""

    author: RunIdentity
    since: int
    time: int
    ended: bool
    alive: bool | None = field(default=None, compare=False)
    """Whether it was renewed while it was watched; None if it was not watched."""

    def age(self, now: float | None = None) -> float:
        """Seconds since it was renewed, by this machine's clock; 0 if it was seen to be renewed."""
        if self.alive:
            return 0.0
        return (time.time() if now is None else now) - self.time / 1000

    @property
    def has_lapsed(self) -> bool:
        """Whether the lock is free: it was released or not renewed, or its process on this machine has ended."""
        if self.alive is not None:
            return not self.alive
        return self.ended or self.age() > LOCK_TIMEOUT or self.author.process.has_ended

    @property
    def is_doubtful(self) -> bool:
        """Whether its age depends on the clocks of two machines agreeing, so that it must be watched."""
        return not self.ended and not self.author.process.has_ended and not CLOCK_SKEW <= self.age() <= LOCK_TIMEOUT

    def to_lock_owner(self) -> LockOwner | None:
        """The domain value; None once the lock was released."""
        if self.ended:
            return None
        who = self.author.process
        return LockOwner(
            self.author.run,
            self.author.operator,
            who.host,
            self.since,
            self.age(),
            self.has_lapsed,
            (who.pid, who.start),
        )


@dataclass(slots=True)
class TopicProgress:
    """What the state topic records about one dead-letter topic."""

    partitions: dict[int, OffsetSet] = field(default_factory=dict)
    lock: LockRecord | None = None

    def handled_in(self, partition: int) -> OffsetSet:
        """The handled offsets of a partition; a new empty set if there are none."""
        return self.partitions.setdefault(partition, OffsetSet())

    def mark_committed(self) -> None:
        """Note that the records of all changes were committed."""
        for offsets in self.partitions.values():
            offsets.changed_segments.clear()

    def to_handled(self, low: dict[int, int]) -> Handled:
        """The domain value, for partitions with these first offsets."""
        watermark = {number: self.handled_in(number).watermark(first) for number, first in low.items()}
        above = {number: OffsetSpans.of(self.handled_in(number).spans_from(mark)) for number, mark in watermark.items()}
        return Handled(watermark, {number: offsets for number, offsets in above.items() if offsets})


def read_progress(clients: KafkaClients, identity: str, *, to_high_watermark: bool) -> TopicProgress:
    """The committed progress of a topic, read by a read_committed consumer (K1). Blocks.

    With `to_high_watermark` it waits for the end of other runs' open transactions: records after them lie beyond the
    last stable offset and would be missed. Without, it reads what is readable now.

    Raises:
        NotFound: there is no state topic.
        TimedOut: another run's transaction stayed open.
    """
    progress = TopicProgress()
    for key, value in _topic_records(clients, identity, to_high_watermark=to_high_watermark, committed=True):
        _apply_record(progress, key, value)
    progress.mark_committed()
    return progress


def read_handling_runs(
    clients: KafkaClients, identity: str, wanted: Mapping[int, Iterable[int]]
) -> dict[tuple[int, int], tuple[str, str]]:
    """By partition and offset: run id and operator of the run that first recorded it as handled. Blocks.

    `wanted` are offsets by partition; unhandled ones are left out. Raises as `read_progress`.
    """
    found: dict[tuple[int, int], tuple[str, str]] = {}
    for key, value in _topic_records(clients, identity, to_high_watermark=True, committed=True):
        progress = TopicProgress()
        _apply_record(progress, key, value)
        for partition, offsets in progress.partitions.items():
            fields = orjson.loads(value)
            who = (fields["run"], fields["operator"])
            for offset in wanted.get(partition, ()):
                if offsets.contains(offset):
                    found.setdefault((partition, offset), who)
    return found


def read_lock(clients: KafkaClients, identity: str) -> LockRecord | None:
    """The last lock record of a topic, whether it is committed or not. Blocks.

    A read_committed consumer would not do: a killed run's open transaction would hide its lock record for 25 s, or the
    one of a run that has just started.

    Raises:
        NotFound: there is no state topic.
    """
    progress = TopicProgress()
    for key, value in _topic_records(clients, identity, to_high_watermark=True, committed=False):
        if key == LOCK_KEY:
            _apply_record(progress, key, value)
    return progress.lock


def watch_lock(clients: KafkaClients, identity: str) -> LockRecord | None:
    """The lock record; if its age is doubtful, because clocks may disagree, it is watched first. Blocks.

    A live run renews it within `WATCH_SECONDS` seconds; otherwise it has expired. Raises as `read_lock`.
    """
    first = read_lock(clients, identity)
    if first is None or not first.is_doubtful:
        return first
    until = time.monotonic() + WATCH_SECONDS
    while time.monotonic() < until:
        time.sleep(WATCH_INTERVAL)
        now = read_lock(clients, identity)
        if now != first:
            return now if now is None or now.ended else replace(now, alive=True)
    return replace(first, alive=False)


def read_updates(clients: KafkaClients, states: Mapping[str, TopicProgress], since: int) -> int:
    """Apply the records from offset `since` on to the progress of each topic id; returns where to go on. Blocks.

    That is the end, not the offset after the last record: a transaction's marker stands between them. Opens no consumer
    if there is nothing new. Raises as `read_lock`.
    """
    end = _offset(clients, OffsetSpec.latest(), committed=True)
    if end <= since:
        return since
    first = max(since, _offset(clients, OffsetSpec.earliest(), committed=False))
    for key, value in _records_between(clients, first, end, committed=True):
        identity, _, rest = key.partition(b"/")
        progress = states.get(identity.decode("ascii", "replace"))
        if progress is not None and rest != LOCK_KEY:
            _apply_record(progress, rest, value)
    return end


def _topic_records(
    clients: KafkaClients, identity: str, *, to_high_watermark: bool, committed: bool
) -> Iterator[tuple[bytes, bytes]]:
    """Key, without the topic id, and value of each record about one topic."""
    describe_topic_blocking(clients, state_topic_name(clients.prefix))
    head = f"{identity}/".encode()
    first = _offset(clients, OffsetSpec.earliest(), committed=False)
    end = _offset(clients, OffsetSpec.latest(), committed=not to_high_watermark)
    for key, value in _records_between(clients, first, end, committed=committed):
        if key.startswith(head):
            yield key[len(head) :], value


def _offset(clients: KafkaClients, wanted: OffsetSpec, *, committed: bool) -> int:
    """The first offset or the end: the last stable offset where `committed`, else the high watermark."""
    name = state_topic_name(clients.prefix)
    with clients.translate_errors(f"reading {name}"):
        answer = list_offsets_blocking(clients.admin_blocking(), [(name, 0)], wanted, committed=committed)[name, 0]
    if isinstance(answer, KafkaError):
        raise translate(answer, f"reading {name}")
    return answer


def _records_between(clients: KafkaClients, first: int, end: int, *, committed: bool) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of each record from `first` up to `end`."""
    if end <= first:
        return
    name = state_topic_name(clients.prefix)
    consumer = BoundedConsumer(
        clients, "state", name, {0: first}, {0: end}, committed=committed, timeout=OPEN_TRANSACTION_TIMEOUT
    )
    for record in read_all(consumer):
        key, value = record.key(), record.value()
        if key is not None and value is not None:
            yield key, value


def _apply_record(progress: TopicProgress, key: bytes, value: bytes) -> None:
    try:
        fields = orjson.loads(value)
        if fields["v"] > VERSION:
            raise BrokerTrouble(
                "The state topic was written by a newer mqtui", f"Its records have version {fields['v']}.", "Upgrade."
            )
        if key == LOCK_KEY:
            who = ProcessIdentity(fields["host"], fields["machine"], fields["pid"], fields["start"])
            author = RunIdentity(fields["run"], fields["operator"], fields["plan"], who)
            progress.lock = LockRecord(author, fields["since"], fields["time"], fields["ended"])
        else:
            partition, segment = (int(part) for part in key.split(b"/"))
            progress.handled_in(partition).decode(segment, fields["watermark"], fields["bitmap"])
    except (KeyError, TypeError, ValueError) as error:
        raise BrokerTrouble("A record of the state topic can't be read", f"key {key!r}: {error}") from error


def progress_records(identity: str, progress: TopicProgress, author: RunIdentity) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of the record of each changed segment."""
    now = int(time.time() * 1000)
    for partition, offsets in progress.partitions.items():
        for segment in sorted(offsets.changed_segments):
            watermark, bitmap = offsets.encode(segment)
            value = {
                "v": VERSION,
                "watermark": watermark,
                "bitmap": bitmap,
                "run": author.run,
                "operator": author.operator,
                "host": author.process.host,
                "time": now,
                "plan": author.plan,
            }
            yield f"{identity}/{partition}/{segment}".encode(), orjson.dumps(value)


def lock_record(identity: str, author: RunIdentity, since: int, *, ended: bool) -> tuple[bytes, bytes]:
    """Key and value of the lock record as of now."""
    who = author.process
    value = {
        "v": VERSION,
        "run": author.run,
        "operator": author.operator,
        "host": who.host,
        "machine": who.machine_id,
        "pid": who.pid,
        "start": who.start,
        "since": since,
        "time": int(time.time() * 1000),
        "plan": author.plan,
        "ended": ended,
    }
    return f"{identity}/".encode() + LOCK_KEY, orjson.dumps(value)
