"""The thread of a lease: it holds the source, reads letters ahead, moves them, and renews the hold while idle.

One thread, so that at most one does Python work for each record; the waits for the broker are librdkafka's.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from confluent_kafka import KafkaException

from mqtui.brokers.blocking import complete, new_future, start_thread
from mqtui.brokers.kafka.connection.clients import Connection, log
from mqtui.brokers.kafka.messages import Record, message
from mqtui.brokers.kafka.publish import batch_bytes
from mqtui.brokers.kafka.read.topic_limits import TopicLimits
from mqtui.brokers.kafka.redrive.move import Mover
from mqtui.brokers.kafka.redrive.process_identity import here
from mqtui.brokers.kafka.redrive.raw_records import Parcel, ParcelLoad, Sorter
from mqtui.brokers.kafka.redrive.source_lock import Hold
from mqtui.brokers.kafka.redrive.state_topic import Stamp
from mqtui.brokers.kafka.redrive.unhandled_reader import Letters
from mqtui.domain.bulk import BulkResult, RouteTemplates
from mqtui.domain.errors import BrokerTrouble, CannotConnect
from mqtui.domain.message import Message
from mqtui.domain.redrive import LeaseOptions, Receipt, Source, Transfer

Result = TypeVar("Result")
Item = TypeVar("Item", Message, Parcel)
AWAY = (BrokerTrouble, CannotConnect)
AHEAD = 0.1
"""Seconds of reading ahead in an open transaction."""

IDLE = 0.5
"""Seconds between two looks at the hold while nobody asks for anything."""


class Work:
    """Started by `begin`, ended by `end`; the other methods queue a job for the thread."""

    def __init__(
        self, connection: Connection, source: Source, terms: LeaseOptions, limits: Mapping[str, TopicLimits], codec: str
    ) -> None:
        self._connection = connection
        self._source = source
        self._terms = terms
        self._stamp = Stamp(terms.run, terms.operator, terms.plan_hash, here())
        self._hold = Hold(connection, source.identity, source.ref.name, self._stamp, batch_bytes(limits), codec)
        self._limits = limits
        self._letters: Letters | None = None
        self._mover: Mover | None = None
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._ended: Future[None] = new_future()
        self._broken: Exception | None = None
        """What went wrong while nobody was waiting, or why the broker is taken for gone."""
        self._given = 0
        """Letters given out and not kept back."""

    def begin(self) -> Future[None]:
        """Take hold of the source. Fails with Held, NotAuthorised and the like."""
        opened: Future[None] = new_future()
        start_thread("redrive", lambda: self._run(opened))
        return opened

    def take(self, size: int) -> Future[list[Message]]:
        """The next letters; none at the end."""
        make = partial(message, self._source.ref)
        return self._post(lambda: self._taken(size, make))

    def sorter(self, lanes: RouteTemplates) -> Sorter:
        """What makes parcels of records."""
        return Sorter(self._source.ref, lanes)

    def load(self, size: int, sorter: Sorter) -> Future[ParcelLoad]:
        """The next letters, unseen; an empty load at the end."""
        return self._post(lambda: ParcelLoad(self._source.ref, self._taken(size, sorter)))

    def move(self, batch: Sequence[Transfer]) -> Future[list[Receipt]]:
        """Store letters and mark them handled."""
        return self._post(lambda: self._tried(lambda mover: mover.move(batch)))

    def carry(self, load: ParcelLoad) -> Future[BulkResult]:
        """Store parcels and mark them handled."""
        return self._post(lambda: self._tried(lambda mover: mover.carry(load)))

    def settle(self, letters: Sequence[Message]) -> Future[list[Receipt]]:
        """Mark letters handled."""
        return self._post(lambda: self._tried(lambda mover: mover.settle(letters)))

    def keep(self, count: int) -> Future[None]:
        """So many of the letters given out stay in the source."""
        return self._post(lambda: self._kept(count))

    def drain(self) -> Future[None]:
        """Read no more."""
        return self._post(self._drained)

    def end(self) -> Future[None]:
        """Give up the hold and end the thread."""
        self._jobs.put(None)
        return self._ended

    def _post(self, job: Callable[[], Result]) -> Future[Result]:
        promise: Future[Result] = new_future()
        self._jobs.put(lambda: complete(promise, job))
        return promise

    def _run(self, opened: Future[None]) -> None:
        complete(opened, self._open)
        while (job := self._next()) is not None:
            job()
        complete(self._ended, self._close)

    def _open(self) -> None:
        terms = self._terms
        state = self._hold.take(take_over=terms.take_over, resumed=terms.resumed)
        self._letters = Letters(self._connection, self._source, state, terms.max_in_flight)
        self._mover = Mover(
            self._connection, self._source.identity, self._hold, state, self._stamp, self._ahead, self._limits
        )

    def _close(self) -> None:
        if self._letters is not None:
            self._letters.close()
        if self._mover is None or isinstance(self._broken, AWAY):
            return
        try:
            self._hold.renew(ended=True)
        except (KafkaException, SystemError) as error:  # the hold lapses by itself after 30 s
            log.warning("the end of run %s was not noted: %s", self._terms.run, error)

    def _next(self) -> Callable[[], None] | None:
        """The next job; while there is none, letters are read ahead and the hold is renewed."""
        while True:
            letters = self._letters
            hungry = letters is not None and letters.hungry and self._broken is None
            try:
                return self._jobs.get(block=not hungry, timeout=None if hungry else IDLE)
            except queue.Empty:
                self._meanwhile(letters if hungry else None)

    def _meanwhile(self, letters: Letters | None) -> None:
        if self._mover is None or self._broken is not None:
            return
        try:
            if letters is not None:
                letters.fetch(0.05)
            self._mover.renew()
        except Exception as error:  # noqa: BLE001 - raised again by the next job, whatever it is
            self._broken = error

    def _ahead(self) -> None:
        """Read ahead while librdkafka sends what is in the transaction."""
        if self._letters is None or self._broken is not None:
            return
        try:
            self._letters.ahead(AHEAD)
        except Exception as error:  # noqa: BLE001 - raised again by the next job, whatever it is
            self._broken = error

    def _held_mover(self) -> Mover:
        if self._broken is not None:
            raise self._broken
        if self._mover is None:
            raise RuntimeError("the lease did not begin")
        return self._mover

    def _tried(self, work: Callable[[Mover], Result]) -> Result:
        """Do it. Once no broker answers, what is still queued fails at once instead of waiting for it again."""
        mover = self._held_mover()
        try:
            return work(mover)
        except AWAY as error:
            self._broken = error
            raise

    def _taken(self, size: int, make: Callable[[Record, int, int], Item]) -> list[Item]:
        self._held_mover()
        want = self._terms.limit
        if want is not None:
            size = min(size, want - self._given)
        if self._letters is None or size <= 0:
            return []
        self._letters.make = self._letters.make or make
        batch = self._letters.take(size)
        self._given += len(batch)
        return batch

    def _kept(self, count: int) -> None:
        self._given -= count

    def _drained(self) -> None:
        if self._letters is not None:
            self._letters.drain()
