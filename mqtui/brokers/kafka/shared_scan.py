"""A scan that several processes share by Kafka's group protocol: each is a member of one group, which has progress
committed for each partition.

The consumer reads nothing: its partitions are paused, and what they hold is scanned elsewhere, in parts. A part is
committed as held before it is scanned and as reached once its hits were given. So a member that dies leaves one part of
each of its partitions that was perhaps given, and its successor names it. A thread owns the consumer.
"""

from __future__ import annotations

import asyncio
import os
import queue
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition

from mqtui.brokers.blocking import as_asyncio, complete, new_future, start_thread, wait_uncancelled
from mqtui.brokers.kafka.connection.clients import REQUEST_TIMEOUT, KafkaClients
from mqtui.brokers.kafka.errors import MISSING_RIGHTS, describe_error, unwrap
from mqtui.brokers.kafka.shared_partition import SharedPartition
from mqtui.domain.errors import MqtuiError, NotAuthorised, Refused
from mqtui.domain.plan import JoinScan
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.scan import ScanRange
from mqtui.domain.shared_scan import RepeatedPart, SharedPart, SharedProgress, decode_progress
from mqtui.machine.process import host, operator

Result = TypeVar("Result")
Place: TypeAlias = tuple[str, int]
"""A topic and the number of a partition."""

SESSION_TIMEOUT_MS = 10_000
"""After so long the partitions of a member that was killed go to the others."""

POLL_SECONDS = 0.05
WAIT_SECONDS = 0.1
CHECK_SECONDS = 1.0
"""Between two looks whether the others are done."""

COMMITTED_SECONDS = 5.0
"""How long the broker may take to say where partitions stand; then it is asked again."""

GIVING_SECONDS = 30.0
"""How long a partition that is to go to another member waits until its hits were given."""

LATER = frozenset(
    {
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError._STATE,
        KafkaError._ASSIGNMENT_LOST,
    }
)
"""Errors of a commit that is tried again: the members are just dividing the partitions. Whose a partition is then, the
callbacks tell."""

HARMLESS = frozenset({KafkaError._PARTITION_EOF, KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT})
"""Events that librdkafka recovers from by itself."""


class KafkaScanShare:
    """One member of the group. The port's `ScanShare`."""

    def __init__(self, clients: KafkaClients, step: JoinScan) -> None:
        self._clients = clients
        self._step = step
        self._me = f"{operator()} at {host()}, process {os.getpid()}"
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._owned: dict[Place, SharedPartition] = {}
        self._consumer: Consumer | None = None
        self._fresh: set[Place] = set()
        """Partitions that were assigned, and of which it is not known yet where they stand."""

        self._closing = False
        self._is_over = False
        self._known_commit: Place | None = None
        """A partition of which this member has committed progress."""

        self._checked_at = 0.0
        self._stopped: Future[None] = new_future()
        self._ended = as_asyncio(self._stopped)
        self.repeated: list[RepeatedPart] = []
        """What was perhaps scanned twice."""

    def start(self) -> None:
        """Join the group, in a thread."""
        start_thread("share", lambda: complete(self._stopped, self._run))

    async def take(self) -> SharedPart | None:
        """The next part to scan; waits for one while others are not done. None at the end of all."""
        while True:
            found = await self._call(self._try_take)
            if isinstance(found, SharedPart):
                return found
            if found:
                return None
            await asyncio.sleep(WAIT_SECONDS)

    async def begin_giving(self, part: SharedPart) -> bool:
        """Whether the part is still this member's, so that its hits may be given; it then stays so until `finish`."""
        return await self._call(lambda: self._begin_giving(part))

    async def finish(self, part: SharedPart) -> None:
        """Commit that the part was scanned and its hits given, even while this task is cancelled."""
        finishing = asyncio.ensure_future(self._finish(part))
        try:
            await asyncio.shield(finishing)
        except asyncio.CancelledError:
            await finishing
            raise

    async def _finish(self, part: SharedPart) -> None:
        until = time.monotonic() + GIVING_SECONDS
        while not await self._call(lambda: self._try_finish(part)):
            if time.monotonic() > until:
                await self._call(lambda: self._name_repeated(part, "its end could not be committed"))
                return
            await asyncio.sleep(WAIT_SECONDS)

    async def leave(self) -> None:
        """Leave the group, and remove it if all is scanned and nobody else is in it."""
        self._closing = True
        await wait_uncancelled(self._stopped)
        if self._is_over:
            await self._remove_group()

    async def _call(self, work: Callable[[], Result]) -> Result:
        """Call a function in the thread that owns the consumer."""
        done: Future[Result] = new_future()
        self._calls.put(lambda: complete(done, work))
        waiting = as_asyncio(done)
        coming: set[asyncio.Future[Any]] = {waiting, self._ended}
        await asyncio.wait(coming, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            self._ended.result()
            raise Refused("The shared search has ended")
        try:
            return waiting.result()
        except KafkaException as error:
            raise self._translate(error) from error

    # -- in the thread

    def _run(self) -> None:
        self._consumer = self._clients.create_consumer(
            "share",
            group_id=self._step.group.name,
            partition_assignment_strategy="cooperative-sticky",
            session_timeout_ms=SESSION_TIMEOUT_MS,
        )
        topics = [ref.name for ref in self._step.ranges]
        try:
            self._consumer.subscribe(
                topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
            while not self._closing:
                self._serve_calls()
                self._poll(self._consumer)
            self._serve_calls()
            self._release(list(self._owned))
        except KafkaException as error:
            raise self._translate(error) from error
        finally:
            self._owned.clear()
            self._consumer.close()

    def _poll(self, consumer: Consumer) -> None:
        record = consumer.poll(POLL_SECONDS)
        error = record.error() if record is not None else None
        if error is not None and error.code() not in HARMLESS and not error.retriable():
            raise KafkaException(error)
        if (trouble := self._clients.health.error()) is not None:
            raise self._clients.explain(trouble)

    def _serve_calls(self) -> None:
        while not self._calls.empty():
            self._calls.get()()

    def _on_assign(self, consumer: Consumer, places: Sequence[TopicPartition]) -> None:
        paused = [TopicPartition(each.topic, each.partition, OFFSET_END) for each in places]
        consumer.incremental_assign(paused)
        if not paused:
            return
        consumer.pause(paused)
        self._fresh |= {(each.topic, each.partition) for each in places}

    def _adopt_fresh(self, consumer: Consumer) -> bool:
        """Go on with partitions that were assigned, each where it stands; False where the broker does not tell yet.

        Not in the callback: a member that waits there for an answer holds up the others.
        """
        fresh = sorted(self._fresh)
        try:
            if self._is_removed(consumer):
                self._is_over = True
                return True
            self._check_same_scan(consumer)
            committed = consumer.committed([TopicPartition(*place) for place in fresh], timeout=COMMITTED_SECONDS)
        except KafkaException as error:
            if not _comes_later(error):
                raise
            return False
        for each in committed:
            self._adopt(each)
        self._fresh -= set(fresh)
        return True

    def _check_same_scan(self, consumer: Consumer) -> None:
        """Check that no partition has progress of another scan, also of those that this member does not have."""
        for each in consumer.committed(self._places(), timeout=COMMITTED_SECONDS):
            progress = decode_progress(each.metadata)
            if progress is not None and progress.scan != self._step.scan:
                raise self._another_scan(each)

    def _another_scan(self, place: TopicPartition) -> Refused:
        return Refused(
            f"{self._step.group.name} is shared by another search",
            f"It has committed progress of another search in partition {place.partition} of {place.topic}.",
            "Give the same conditions as the others, or another --share NAME.",
        )

    def _places(self) -> list[TopicPartition]:
        return [TopicPartition(ref.name, number) for ref, parts in self._step.ranges.items() for number in parts]

    def _is_removed(self, consumer: Consumer) -> bool:
        """Whether the others were done and have removed the group, while this member could not be heard."""
        if self._known_commit is None:
            return False
        (committed,) = consumer.committed([TopicPartition(*self._known_commit)], timeout=COMMITTED_SECONDS)
        return committed.error is None and committed.offset < 0

    def _adopt(self, committed: TopicPartition) -> None:
        """Go on with a partition where it stands, or begin it."""
        place = (committed.topic, committed.partition)
        if committed.error is not None:
            raise KafkaException(committed.error)
        progress, reached = decode_progress(committed.metadata), committed.offset
        if committed.offset < 0:
            start, end = self._step.ranges[_topic(committed)].get(committed.partition, (0, 0))
            progress, reached = SharedProgress(self._step.scan, start, end), start
        elif progress is None:
            raise self._another_scan(committed)
        elif progress.holder and reached < progress.end:
            self._repeat(place, reached, progress.next_end(reached), f"{progress.holder} ended while scanning it")
        self._owned[place] = SharedPartition(progress, reached)

    def _on_revoke(self, consumer: Consumer, places: Sequence[TopicPartition]) -> None:
        names = [(each.topic, each.partition) for each in places]
        until = time.monotonic() + GIVING_SECONDS
        while any(self._is_giving(name) for name in names) and time.monotonic() < until:
            self._serve_calls()
            time.sleep(POLL_SECONDS)
        self._release(names)
        consumer.incremental_unassign(list(places))

    def _on_lost(self, consumer: Consumer, places: Sequence[TopicPartition]) -> None:
        """The group has given this member up: what it was giving is named when its commit is refused."""
        for each in places:
            self._fresh.discard((each.topic, each.partition))
            self._owned.pop((each.topic, each.partition), None)
        consumer.incremental_unassign(list(places))

    def _is_giving(self, place: Place) -> bool:
        part = self._owned.get(place)
        return part is not None and part.is_giving

    def _release(self, places: Sequence[Place]) -> None:
        """Give partitions back. One of which hits were being given stays marked as held, so that it is named."""
        for place in places:
            self._fresh.discard(place)
            part = self._owned.pop(place, None)
            if part is not None and part.is_held and not part.is_giving and part.reached < part.progress.end:
                self._commit(place, part, holder="")

    def _try_take(self) -> SharedPart | bool:
        """A part of a partition of this member; else whether all is done, by everybody."""
        assert self._consumer is not None
        if self._fresh and not self._adopt_fresh(self._consumer):
            return False
        for place, part in list(self._owned.items()):
            part.is_held = part.is_held or self._commit(place, part, holder=self._me)
            if not part.is_held:
                return False
            if part.taken is None and part.reached < part.progress.end:
                end = part.progress.next_end(part.reached)
                part.taken = SharedPart(Ref(Kind.TOPIC, place[0]), ScanRange(place[1], (part.reached, 0), (end, 0)))
                return part.taken
        if not self._is_over and time.monotonic() - self._checked_at > CHECK_SECONDS:
            self._checked_at = time.monotonic()
            self._is_over = self._are_all_done()
        return self._is_over

    def _are_all_done(self) -> bool:
        assert self._consumer is not None
        try:
            committed = self._consumer.committed(self._places(), timeout=COMMITTED_SECONDS)
        except KafkaException as error:
            if not _comes_later(error):
                raise
            return False
        found = [(each.offset, decode_progress(each.metadata)) for each in committed]
        return all(progress is not None and offset >= progress.end for offset, progress in found)

    def _begin_giving(self, part: SharedPart) -> bool:
        owned = self._owned.get(_place(part))
        if owned is None or owned.taken is not part:
            return False
        owned.is_giving = True
        return True

    def _try_finish(self, part: SharedPart) -> bool:
        """Whether that is settled: committed, or the part named as perhaps repeated."""
        place = _place(part)
        owned = self._owned.get(place)
        if owned is None or owned.taken is not part:
            return self._name_repeated(part, "another process has its partition")
        before, owned.reached = owned.reached, part.range.end[0]
        if not self._commit(place, owned, holder=self._me):
            owned.reached = before
            return False
        owned.taken, owned.is_giving = None, False
        return True

    def _name_repeated(self, part: SharedPart, why: str) -> bool:
        self.repeated.append(RepeatedPart(part, why))
        return True

    def _repeat(self, place: Place, start: int, end: int, why: str) -> None:
        part = SharedPart(Ref(Kind.TOPIC, place[0]), ScanRange(place[1], (start, 0), (end, 0)))
        self.repeated.append(RepeatedPart(part, why))

    def _commit(self, place: Place, part: SharedPartition, *, holder: str) -> bool:
        """Commit where a partition stands; False where that has to be tried again."""
        progress = SharedProgress(part.progress.scan, part.progress.start, part.progress.end, holder)
        assert self._consumer is not None
        try:
            wanted = TopicPartition(*place, part.reached, progress.encode())
            (committed,) = self._consumer.commit(offsets=[wanted], asynchronous=False)
            error = committed.error
        except KafkaException as raised:
            error = unwrap(raised)
        if error is None:
            self._known_commit = place
            return True
        if error.code() in LATER or error.retriable():
            return False
        raise KafkaException(error)

    def _translate(self, error: KafkaException) -> MqtuiError:
        found = unwrap(error)
        if found.code() in MISSING_RIGHTS:
            name = self._step.group.name
            return NotAuthorised(
                f"The group {name} is closed to this user", describe_error(found), f"Needed: Read on group {name}."
            )
        return self._clients.translate(error, f"sharing {self._step.group.name}")

    # -- at the end

    async def _remove_group(self) -> None:
        """Remove the group; another member that is still in it does so later."""
        admin = await self._clients.admin()
        name = self._step.group.name
        future = admin.delete_consumer_groups([name], request_timeout=REQUEST_TIMEOUT)[name]
        try:
            await asyncio.wrap_future(future)
        except KafkaException as error:
            if unwrap(error).code() not in (KafkaError.NON_EMPTY_GROUP, KafkaError.GROUP_ID_NOT_FOUND):
                raise self._translate(error) from error


def _comes_later(error: KafkaException) -> bool:
    """Whether the broker may answer when it is asked again."""
    return unwrap(error).code() in {KafkaError._TIMED_OUT, KafkaError._TIMED_OUT_QUEUE, *LATER}


def _topic(place: TopicPartition) -> Ref:
    return Ref(Kind.TOPIC, place.topic)


def _place(part: SharedPart) -> Place:
    return part.ref.name, part.range.partition


@asynccontextmanager
async def join_scan(clients: KafkaClients, step: JoinScan) -> AsyncIterator[KafkaScanShare]:
    """A member of the group of a shared scan, which leaves it at the end."""
    share = KafkaScanShare(clients, step)
    share.start()
    try:
        yield share
    finally:
        await share.leave()
