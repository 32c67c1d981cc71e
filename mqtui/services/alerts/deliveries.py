"""Gives events to their receivers, each at its own pace: what one does not take waits on disk (at least once)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson

from mqtui.domain.alert import Alert, AlertEvent
from mqtui.domain.errors import StorageFailed
from mqtui.services.alerts.event_rows import event_row
from mqtui.services.alerts.receivers import EventNotTaken, Receiver
from mqtui.services.jsonlines import dump
from mqtui.state.alert_store import MOST_WAITING, AlertStore

RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0)
"""Seconds between two tries, as long as a receiver takes nothing."""


@dataclass(frozen=True, slots=True)
class Unkept:
    """The events of a look that are not on disk yet, with the alerts that were raised at it."""

    source: str
    raised: Sequence[Alert]
    rows: Sequence[bytes]


class Deliveries:
    """The events that wait for receivers, and a task for each receiver that gives them to it."""

    def __init__(self, store: AlertStore, receivers: Sequence[Receiver], note: Callable[[str], None]) -> None:
        """`note` is told of receivers that take nothing, once until they do again."""
        self.store = store
        self._receivers = receivers
        self._note = note
        self._more = {receiver.name: asyncio.Event() for receiver in receivers}
        self._tasks: list[asyncio.Task[None]] = []
        self._unkept: deque[Unkept] = deque(maxlen=MOST_WAITING)
        self._keeping = asyncio.Lock()
        self._disk_failed = False

    @property
    def has_unkept(self) -> bool:
        """Whether events could not be written to disk: the next `record` tries again."""
        return bool(self._unkept)

    async def record(self, source: str, raised: Sequence[Alert], events: Sequence[AlertEvent]) -> None:
        """Keep the events of a look for every receiver, and what was told with them.

        A disk that takes nothing is noted, and they wait in memory for the next call.
        """
        self._unkept.append(Unkept(source, raised, [dump(event_row(event)) for event in events]))
        async with self._keeping:
            try:
                await self._keep_all()
            except StorageFailed as error:
                if not self._disk_failed:
                    self._note(f"▲ events can't be kept for receivers now: {error.detail}")
                self._disk_failed = True
            else:
                self._disk_failed = False
        for more in self._more.values():
            more.set()

    async def _keep_all(self) -> None:
        """Write what waits in memory, in order.

        Raises:
            StorageFailed: the disk takes nothing.
        """
        names, dropped = [receiver.name for receiver in self._receivers], 0
        while self._unkept:
            look = self._unkept[0]
            dropped += await asyncio.to_thread(self.store.record, look.source, look.raised, look.rows, names)
            self._unkept.popleft()
        if dropped:
            self._note(f"▲ {dropped:,} events were dropped: a receiver has taken none for too long")

    def start(self) -> None:
        """Give events to all receivers until `stop`."""
        self._tasks = [asyncio.create_task(self._keep_giving(receiver)) for receiver in self._receivers]

    async def stop(self) -> None:
        """End the deliveries; what was not taken waits for the next time."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for receiver in self._receivers:
            await receiver.close()

    async def give_once(self) -> None:
        """Give what waits to all receivers, each event once; what is not taken waits for the next time."""
        await asyncio.gather(*(self._give_until_refused(receiver) for receiver in self._receivers))

    async def _give_until_refused(self, receiver: Receiver) -> None:
        try:
            while await self._give_next(receiver):
                pass
        except (EventNotTaken, StorageFailed) as error:
            self._note(f"▲ {receiver.name} has not taken an event, which waits: {error}")

    async def _keep_giving(self, receiver: Receiver) -> None:
        failures = 0
        while True:
            self._more[receiver.name].clear()
            try:
                while await self._give_next(receiver):
                    failures = 0
            except (EventNotTaken, StorageFailed) as error:
                if not failures:
                    self._note(f"▲ {receiver.name} takes no events, which wait: {error}")
                pause = RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)]
                failures += 1
                await asyncio.sleep(pause)
                continue
            await self._more[receiver.name].wait()

    async def _give_next(self, receiver: Receiver) -> bool:
        """Give the oldest event; whether there was one. One that is never taken is dropped, which is said.

        Raises:
            EventNotTaken: it was not taken, and may be later.
            StorageFailed: what waits can't be read, or what was taken not be removed: it is given once more.
        """
        waiting = await asyncio.to_thread(self.store.next_waiting, receiver.name)
        if waiting is None:
            return False
        try:
            await receiver.take(orjson.loads(waiting.body))
        except EventNotTaken as error:
            if not error.final:
                raise
            self._note(f"✗ {receiver.name} refuses an event, which is dropped: {error}")
        await asyncio.to_thread(self.store.remove_waiting, waiting.number)
        return True
