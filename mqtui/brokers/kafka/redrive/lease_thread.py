"""The thread of a lease: it takes the source's lock, prefetches letters, moves them, and renews the lock while idle.

One thread is enough: the work per record is Python and needs the GIL, and librdkafka waits for the broker in threads of
its own.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from confluent_kafka import KafkaException

from mqtui.brokers.blocking import complete, new_future, start_thread
from mqtui.brokers.kafka.connection.clients import KafkaClients, log
from mqtui.brokers.kafka.messages import Record, to_message
from mqtui.brokers.kafka.publish import batch_size_for
from mqtui.brokers.kafka.read.topic_limits import TopicLimits
from mqtui.brokers.kafka.redrive.move import TransactionalMover
from mqtui.brokers.kafka.redrive.process_identity import current_process
from mqtui.brokers.kafka.redrive.raw_records import RawRecord, RawRecordBatch, RecordRouter
from mqtui.brokers.kafka.redrive.source_lock import SourceLock
from mqtui.brokers.kafka.redrive.state_topic import RunIdentity, TopicProgress
from mqtui.brokers.kafka.redrive.unhandled_reader import UnhandledReader
from mqtui.domain.bulk import BulkResult, RouteTemplates
from mqtui.domain.errors import BrokerTrouble, CannotConnect
from mqtui.domain.message import Message
from mqtui.domain.redrive import LeaseOptions, Receipt, Source, Transfer

Result = TypeVar("Result")
Item = TypeVar("Item", Message, RawRecord)
BROKER_GONE = (BrokerTrouble, CannotConnect)
PREFETCH_SECONDS = 0.1
"""Seconds of prefetching during an open transaction."""

IDLE_INTERVAL = 0.5
"""Seconds between two checks whether the lock must be renewed while there is no job."""


class LeaseThread:
    """`start` starts the thread and `stop` ends it; each other method queues a job and returns its future."""

    def __init__(
        self,
        clients: KafkaClients,
        source: Source,
        options: LeaseOptions,
        limits: Mapping[str, TopicLimits],
        codec: str,
    ) -> None:
        self._clients = clients
        self._source = source
        self._options = options
        self._author = RunIdentity(options.run, options.operator, options.plan_hash, current_process())
        self._lock = SourceLock(clients, source.identity, source.ref.name, self._author, batch_size_for(limits), codec)
        self._limits = limits
        self._unhandled: UnhandledReader | None = None
        self._mover: TransactionalMover | None = None
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread_ended: Future[None] = new_future()
        self._failure: Exception | None = None
        """An error that came while no job was running, or that the broker is gone: it fails the next jobs."""
        self._handed_out = 0
        """Letters that were given out and not released."""

    def start(self) -> Future[None]:
        """Acquire the lock of the source. The future fails as `SourceLock.acquire`."""
        opened: Future[None] = new_future()
        start_thread("redrive", lambda: self._run(opened))
        return opened

    def next_messages(self, size: int) -> Future[list[Message]]:
        """The next letters; empty at the end."""
        make = partial(to_message, self._source.ref)
        return self._submit(lambda: self._take(size, make))

    def record_router(self, templates: RouteTemplates) -> RecordRouter:
        """A router of raw records for `next_raw_batch`."""
        return RecordRouter(self._source.ref, templates)

    def next_raw_batch(self, size: int, router: RecordRouter) -> Future[RawRecordBatch]:
        """The next letters as raw records; empty at the end."""
        return self._submit(lambda: RawRecordBatch(self._source.ref, self._take(size, router)))

    def move(self, batch: Sequence[Transfer]) -> Future[list[Receipt]]:
        """Store letters and mark them handled, in transactions."""
        return self._submit(lambda: self._run_or_fail(lambda mover: mover.move(batch)))

    def move_raw(self, raw_batch: RawRecordBatch) -> Future[BulkResult]:
        """`move` for raw records, which are freed then."""

        def move_and_free() -> BulkResult:
            result = self._run_or_fail(lambda mover: mover.move_raw(raw_batch))
            raw_batch.free_records()
            return result

        return self._submit(move_and_free)

    def mark_handled(self, letters: Sequence[Message]) -> Future[list[Receipt]]:
        """Mark letters handled without sending them."""
        return self._submit(lambda: self._run_or_fail(lambda mover: mover.mark_handled(letters)))

    def release(self, count: int) -> Future[None]:
        """Count so many letters as not given out: they stay in the source."""
        return self._submit(lambda: self._release(count))

    def drain(self) -> Future[None]:
        """Stop reading: the next batch is empty."""
        return self._submit(self._drain)

    def stop(self) -> Future[None]:
        """Release the lock and end the thread."""
        self._jobs.put(None)
        return self._thread_ended

    def _submit(self, job: Callable[[], Result]) -> Future[Result]:
        future: Future[Result] = new_future()
        self._jobs.put(lambda: complete(future, job))
        return future

    def _run(self, opened: Future[None]) -> None:
        complete(opened, self._open)
        while (job := self._next_job()) is not None:
            job()
        complete(self._thread_ended, self._close)

    def _open(self) -> None:
        options = self._options
        progress = self._lock.acquire(self._start_reading, take_over=options.take_over, resumed=options.resumed)
        self._mover = TransactionalMover(
            self._clients, self._source.identity, self._lock, progress, self._author, self._prefetch, self._limits
        )

    def _start_reading(self, progress: TopicProgress) -> None:
        """Start the consumer: it connects and fetches while the lock record is written."""
        if self._unhandled is not None:
            self._unhandled.close()
        self._unhandled = UnhandledReader(self._clients, self._source, progress, self._options.max_in_flight)

    def _close(self) -> None:
        if self._unhandled is not None:
            self._unhandled.close()
        if self._mover is None or isinstance(self._failure, BROKER_GONE):
            return
        try:
            self._lock.renew(ended=True)
        except (KafkaException, SystemError) as error:  # the lock expires by itself after 30 s
            log.warning("the end of run %s was not recorded: %s", self._options.run, error)

    def _next_job(self) -> Callable[[], None] | None:
        """Wait for the next job, prefetching letters and renewing the lock meanwhile; None to end."""
        while True:
            letters = self._unhandled
            wants_more = letters is not None and letters.wants_more and self._failure is None
            try:
                return self._jobs.get(block=not wants_more, timeout=None if wants_more else IDLE_INTERVAL)
            except queue.Empty:
                self._work_while_idle(letters if wants_more else None)

    def _work_while_idle(self, letters: UnhandledReader | None) -> None:
        if self._mover is None or self._failure is not None:
            return
        try:
            if letters is not None:
                letters.read_more(0.05)
            self._mover.renew()
        except Exception as error:  # noqa: BLE001 - raised again by the next job, whatever it is
            self._failure = error

    def _prefetch(self) -> None:
        """Prefetch while librdkafka sends the records of the open transaction."""
        if self._unhandled is None or self._failure is not None:
            return
        try:
            self._unhandled.prefetch(PREFETCH_SECONDS)
        except Exception as error:  # noqa: BLE001 - raised again by the next job, whatever it is
            self._failure = error

    def _mover_or_raise(self) -> TransactionalMover:
        if self._failure is not None:
            raise self._failure
        if self._mover is None:
            raise RuntimeError("the lease did not begin")
        return self._mover

    def _run_or_fail(self, task: Callable[[TransactionalMover], Result]) -> Result:
        """Run a job. Once no broker answers, the queued jobs fail at once instead of each waiting for it again."""
        mover = self._mover_or_raise()
        try:
            return task(mover)
        except BROKER_GONE as error:
            self._failure = error
            raise

    def _take(self, size: int, make: Callable[[Record, int, int], Item]) -> list[Item]:
        self._mover_or_raise()
        want = self._options.limit
        if want is not None:
            size = min(size, want - self._handed_out)
        if self._unhandled is None or size <= 0:
            return []
        self._unhandled.make_item = self._unhandled.make_item or make
        batch = self._unhandled.next_items(size)
        self._handed_out += len(batch)
        return batch

    def _release(self, count: int) -> None:
        self._handed_out -= count

    def _drain(self) -> None:
        if self._unhandled is not None:
            self._unhandled.drain()
