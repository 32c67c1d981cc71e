"""The state topic: what was handled in each dead-letter topic, and who holds it.

One compacted topic of one partition, `<prefix>.state`. Records, as JSON with a version `v`:

    key   <topic id>/<partition>/<segment>
    value {"v":1,"watermark":118203,"bitmap":"...","run":...,"operator":...,"host":...,"time":ms,"plan":...}
    key   <topic id>/holder
    value {"v":1,"run":...,"operator":...,"host":...,"machine":...,"pid":...,"start":...,"since":ms,"time":ms,
           "plan":...,"ended":false}

`watermark` is the first offset of the segment that is not handled; `bitmap` covers the offsets from there on.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import orjson
from confluent_kafka import KafkaError
from confluent_kafka.admin import OffsetSpec

from mqtui.brokers.kafka.connection.clients import Connection
from mqtui.brokers.kafka.errors import translate
from mqtui.brokers.kafka.read.bounded_consumer import Cursor, drained
from mqtui.brokers.kafka.read.offsets import collect, numbers
from mqtui.brokers.kafka.read.topic_metadata import described, state_topic
from mqtui.brokers.kafka.redrive.handled_offsets import Marks
from mqtui.brokers.kafka.redrive.process_identity import Presence
from mqtui.domain.errors import BrokerTrouble
from mqtui.domain.redrive import Handled, LockOwner

VERSION = 1
HOLDER = b"holder"
LAPSES = 30.0
"""Seconds after which a hold that was not renewed is over (K3)."""

WATCHED = 15.0
"""Seconds a holder record is watched whose age is in doubt; a live run writes it every 10 s (K3)."""

WATCH_STEP = 1.0

AHEAD = -5.0
"""Seconds of age at which two clocks certainly disagree."""

SETTLING = 45.0
"""Seconds to wait for foreign transactions in the state topic: a killed run's is ended after 15 s, looked for every
10 s (transaction.abort.timed.out.transaction.cleanup.interval.ms)."""


def transactional_id(prefix: str, identity: str) -> str:
    """One id for each dead-letter topic, so that runs on one topic are serial (C9)."""
    return f"{prefix}.{identity}"


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who writes a record: the run and the person behind it."""

    run: str
    operator: str
    plan: str
    presence: Presence


@dataclass(frozen=True, slots=True)
class HolderRecord:
    """Who holds a topic. Times are ms since the epoch, by the clock of the holder's machine."""

    stamp: Stamp
    since: int
    time: int
    ended: bool
    alive: bool | None = field(default=None, compare=False)
    """Whether it was seen to be renewed, None where nobody watched."""

    def age(self, now: float | None = None) -> float:
        """Seconds since it was renewed, by this machine's clock; none where it was just seen to be."""
        if self.alive:
            return 0.0
        return (time.time() if now is None else now) - self.time / 1000

    @property
    def lapsed(self) -> bool:
        """Whether it holds no more: it ended, was not renewed, or its process on this machine is gone."""
        if self.alive is not None:
            return not self.alive
        return self.ended or self.age() > LAPSES or self.stamp.presence.gone

    @property
    def doubtful(self) -> bool:
        """Whether only two machines' clocks, compared, could tell whether it holds."""
        return not self.ended and not self.stamp.presence.gone and not AHEAD <= self.age() <= LAPSES

    def shown(self) -> LockOwner | None:
        """The domain's holder; None once it ended."""
        if self.ended:
            return None
        who = self.stamp.presence
        return LockOwner(
            self.stamp.run, self.stamp.operator, who.host, self.since, self.age(), self.lapsed, (who.pid, who.start)
        )


@dataclass(slots=True)
class State:
    """What the state topic says of one dead-letter topic."""

    partitions: dict[int, Marks] = field(default_factory=dict)
    holder: HolderRecord | None = None

    def marks(self, partition: int) -> Marks:
        """Marks of a partition, empty ones where nothing was handled."""
        return self.partitions.setdefault(partition, Marks())

    def written(self) -> None:
        """The records of all changes are committed."""
        for marks in self.partitions.values():
            marks.touched.clear()

    def handled(self, low: dict[int, int]) -> Handled:
        """Watermark and offsets above it, for the partitions that begin at `low`."""
        watermark = {number: self.marks(number).watermark(first) for number, first in low.items()}
        above = {number: frozenset(self.marks(number).above(mark)) for number, mark in watermark.items()}
        return Handled(watermark, {number: offsets for number, offsets in above.items() if offsets})


def read_state(connection: Connection, identity: str, *, settled: bool) -> State:
    """What is committed, read by a read_committed consumer in this thread (K1).

    With `settled` up to the high watermark: records behind a transaction of another run in the same topic would be
    missed at the last stable offset, so that transaction's end is waited for. Without, as far as can be read now.

    Raises:
        NotFound: there is no state topic.
        TimedOut: a foreign transaction stayed open.
    """
    state = State()
    for key, value in _records(connection, identity, whole=settled, committed=True):
        _take(state, key, value)
    state.written()
    return state


def read_handlers(
    connection: Connection, identity: str, wanted: Mapping[int, Iterable[int]]
) -> dict[tuple[int, int], tuple[str, str]]:
    """Run and operator that first said of an offset that it is handled, by partition and offset.

    `wanted` are offsets by partition; those that nobody handled are left out. Raises as `read_state`.
    """
    found: dict[tuple[int, int], tuple[str, str]] = {}
    for key, value in _records(connection, identity, whole=True, committed=True):
        state = State()
        _take(state, key, value)
        for partition, marks in state.partitions.items():
            told = orjson.loads(value)
            who = (told["run"], told["operator"])
            for offset in wanted.get(partition, ()):
                if marks.has(offset):
                    found.setdefault((partition, offset), who)
    return found


def read_holder(connection: Connection, identity: str) -> HolderRecord | None:
    """Who last said that they hold the topic, committed or not.

    Not waiting for open transactions: a killed run's own would hide its record for 25 s, and another run's could hide
    a holder that has just begun.

    Raises:
        NotFound: there is no state topic.
    """
    state = State()
    for key, value in _records(connection, identity, whole=True, committed=False):
        if key == HOLDER:
            _take(state, key, value)
    return state.holder


def watch_holder(connection: Connection, identity: str) -> HolderRecord | None:
    """Who holds the topic, whatever the clocks say: a record that looks old, or of the future, is watched.

    A live run renews it within `WATCHED` seconds; one that stands still has lapsed. Raises as `read_holder`.
    """
    first = read_holder(connection, identity)
    if first is None or not first.doubtful:
        return first
    until = time.monotonic() + WATCHED
    while time.monotonic() < until:
        time.sleep(WATCH_STEP)
        now = read_holder(connection, identity)
        if now != first:
            return now if now is None or now.ended else replace(now, alive=True)
    return replace(first, alive=False)


def read_on(connection: Connection, states: Mapping[str, State], since: int) -> int:
    """Take what was committed from offset `since` on into the states by topic id; the offset to go on from. Blocks.

    No consumer is opened where nothing came. Raises as `read_holder`.
    """
    for offset, key, value in _records_of_all(connection, whole=False, committed=True, since=since):
        since = offset + 1
        identity, _, rest = key.partition(b"/")
        state = states.get(identity.decode("ascii", "replace"))
        if state is not None and rest != HOLDER:
            _take(state, rest, value)
    return since


def _records(connection: Connection, identity: str, *, whole: bool, committed: bool) -> Iterator[tuple[bytes, bytes]]:
    """What the state topic says of one topic, up to the high watermark (`whole`) or the last stable offset."""
    described(connection, state_topic(connection.prefix))
    head = f"{identity}/".encode()
    for _, key, value in _records_of_all(connection, whole=whole, committed=committed):
        if key.startswith(head):
            yield key[len(head) :], value


def _records_of_all(
    connection: Connection, *, whole: bool, committed: bool, since: int = 0
) -> Iterator[tuple[int, bytes, bytes]]:
    """Offset, key and value of each record from an offset on."""
    name = state_topic(connection.prefix)
    admin, place = connection.admin(), [(name, 0)]
    with connection.translating(f"reading {name}"):
        first = collect(admin, place, OffsetSpec.earliest(), committed=False)
        end = collect(admin, place, OffsetSpec.latest(), committed=not whole)
    for answer in (first[name, 0], end[name, 0]):
        if isinstance(answer, KafkaError):
            raise translate(answer, f"reading {name}")
    starts = {number: max(offset, since) for number, offset in numbers(first).items()}
    ends = numbers(end)
    if all(ends[number] <= start for number, start in starts.items()):
        return
    for record in drained(Cursor(connection, "state", name, starts, ends, committed=committed, patience=SETTLING)):
        offset, key, value = record.offset(), record.key(), record.value()
        if offset is not None and key is not None and value is not None:
            yield offset, key, value


def _take(state: State, key: bytes, value: bytes) -> None:
    try:
        told = orjson.loads(value)
        if told["v"] > VERSION:
            raise BrokerTrouble(
                "The state topic was written by a newer mqtui", f"Its records have version {told['v']}.", "Upgrade."
            )
        if key == HOLDER:
            who = Presence(told["host"], told["machine"], told["pid"], told["start"])
            stamp = Stamp(told["run"], told["operator"], told["plan"], who)
            state.holder = HolderRecord(stamp, told["since"], told["time"], told["ended"])
        else:
            partition, segment = (int(part) for part in key.split(b"/"))
            state.marks(partition).read(segment, told["watermark"], told["bitmap"])
    except (KeyError, TypeError, ValueError) as error:
        raise BrokerTrouble("A record of the state topic can't be read", f"key {key!r}: {error}") from error


def records_of(identity: str, state: State, stamp: Stamp) -> Iterator[tuple[bytes, bytes]]:
    """Key and value for each segment that changed since its record was last committed."""
    now = int(time.time() * 1000)
    for partition, marks in state.partitions.items():
        for segment in sorted(marks.touched):
            watermark, bitmap = marks.written(segment)
            value = {
                "v": VERSION,
                "watermark": watermark,
                "bitmap": bitmap,
                "run": stamp.run,
                "operator": stamp.operator,
                "host": stamp.presence.host,
                "time": now,
                "plan": stamp.plan,
            }
            yield f"{identity}/{partition}/{segment}".encode(), orjson.dumps(value)


def holder_record(identity: str, stamp: Stamp, since: int, *, ended: bool) -> tuple[bytes, bytes]:
    """Key and value that say who holds a topic from now on."""
    who = stamp.presence
    value = {
        "v": VERSION,
        "run": stamp.run,
        "operator": stamp.operator,
        "host": who.host,
        "machine": who.machine,
        "pid": who.pid,
        "start": who.start,
        "since": since,
        "time": int(time.time() * 1000),
        "plan": stamp.plan,
        "ended": ended,
    }
    return f"{identity}/holder".encode(), orjson.dumps(value)
