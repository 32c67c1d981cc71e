"""Monitors a redrive: did consumers pass the copies, and was any dead-lettered again (C16, K12, R9, R16)?

One mechanism for every transport. Nothing is peeked that costs a delivery. What can't be known is not claimed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import suppress
from time import monotonic
from typing import Protocol

from mqtui.brokers.loop_yield import TimeSlices
from mqtui.brokers.port import Batch, Broker
from mqtui.domain.convention import Conventions
from mqtui.domain.deadletter import Origin, describe, origin
from mqtui.domain.errors import MqtuiError
from mqtui.domain.message import Message, Offset, Position
from mqtui.domain.redrive import Source
from mqtui.domain.resource import Ref
from mqtui.services.redrive.planning.mqtui_headers import RUN
from mqtui.services.redrive.run.group_progress import ConsumerProgress
from mqtui.services.redrive.run.monitor_result import MonitorResult
from mqtui.services.redrive.run.stored_copies import StoredCopies

POLL_SECONDS = 1.0
"""Seconds between two polls of the consumers' progress."""

BACKOFF_FACTOR = 3
"""A slow poll is followed by a pause of this many times its duration."""

STABLE_SECONDS = 10.0
"""Seconds without any change after which the result is final: all consumers have passed, or nothing can be seen."""

MAX_UNMATCHED = 20_000
"""Unmatched dead letters that are remembered: a copy may be dead-lettered before its receipt was read."""

MAX_RETURNED_NAMED = 100
"""How many of the letters that came back are named."""


class DeadLetterListener(Protocol):
    """Listens to what is dead-lettered to a source."""

    def listen(self, source: Source) -> AsyncIterator[Batch]:
        """As `Writer.listen`."""


class ConsumptionMonitor:
    """Monitors one run, or one published message."""

    def __init__(
        self, target: Broker, source: Source | None, run: str, conventions: Conventions, not_observable: str = ""
    ) -> None:
        """`target` is the broker the copies went to, `source` where those that are dead-lettered again arrive; None
        where that is not known. `not_observable` says why they can't be seen there, or not all of them.
        """
        self.message_ids: Collection[str] = ()
        """Message ids by which dead letters of a queue are recognised, beside the run's own header."""

        self.noun = "letter"
        self.copies = StoredCopies(conventions)
        self._progress = ConsumerProgress(target, self.copies)
        self._source = source
        self._run = run
        self._conventions = conventions
        self._returned: dict[str, str] = {}
        self._unmatched: dict[tuple[Ref, Position], str] = {}
        """Dead letters that match no known copy yet, by the position of their original: position and error of each."""

        self._without_position: Counter[Ref | None] = Counter()
        """Dead letters that do not tell the position of their original, counted by their origin."""

        self._not_observable = not_observable
        self._listening: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    async def start(self, listener: DeadLetterListener) -> None:
        """Start to listen for letters that are dead-lettered again, before the first one is moved."""
        if self._source is None:
            return
        self._listening = asyncio.create_task(self._listen(listener, self._source), name="monitor")
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait({ready, self._listening}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()

    async def close(self) -> None:
        """Stop listening."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    async def _listen(self, listener: DeadLetterListener, source: Source) -> None:
        try:
            async for batch in listener.listen(source):
                self._ready.set()
                for letter in batch:
                    self._match_returned(letter)
        except MqtuiError as error:
            self._not_observable = self._not_observable or error.detail or error.title

    def _match_returned(self, letter: Message) -> None:
        """Whether it is one of ours: by the run's id, else by our copy's position as its origin (K12)."""
        stamp = letter.header(RUN)
        if stamp is not None and self._run.encode() in stamp:
            self._add_returned(f"{letter.position} {len(self._returned)}", letter)
            return
        if stamp is not None:
            return
        if letter.envelope is not None and dict(letter.envelope.properties).get("message_id") in self.message_ids:
            self._add_returned(f"{letter.position} {len(self._returned)}", letter)
            return
        came_from = origin(letter, self._conventions)
        place = None if came_from is None else _original_position(came_from)
        if came_from is None or place is None:
            self._without_position[None if came_from is None else came_from.ref] += 1
        elif self.copies.contains(came_from.ref, place):
            self._add_returned(str(place), letter)
        else:
            if len(self._unmatched) >= MAX_UNMATCHED:
                del self._unmatched[next(iter(self._unmatched))]
            self._unmatched[came_from.ref, place] = self._describe(letter)

    async def _match_unmatched(self) -> None:
        """Match dead letters that arrived before the positions of our copies were known."""
        slices = TimeSlices()
        for (ref, place), named in list(self._unmatched.items()):
            if slices.is_over:
                await slices.yield_to_loop()
            if self.copies.contains(ref, place) and self._unmatched.pop((ref, place), ""):
                self._returned[str(place)] = named if len(self._returned) < MAX_RETURNED_NAMED else ""

    def _add_returned(self, key: str, letter: Message) -> None:
        self._returned[key] = self._describe(letter) if len(self._returned) < MAX_RETURNED_NAMED else ""

    def _describe(self, letter: Message) -> str:
        return f"{letter.resource.name} {letter.position}: {describe(letter, self._conventions).text}"

    async def watch(
        self, seconds: float, most: float, tell: Callable[[MonitorResult], None], stop: asyncio.Event
    ) -> MonitorResult:
        """Poll until the result is final, too many came back (more than the share `most`), the time is over, or a stop.

        It is final where nothing that matters has changed for a while, and no consumer is waited for.
        """
        began = since = monotonic()
        before: tuple[int | None, int, tuple[str, ...]] | None = None
        while True:
            began_poll = monotonic()
            result = await self._result(began, seconds)
            tell(result)
            now = monotonic()
            state = (result.passed, result.came_back, result.without_consumer)
            waits = bool(result.waiting) and not result.without_consumer
            if state != before or waits:
                before, since = state, now
            past = now - began
            if (
                result.returned_share > most
                or past >= seconds
                or now - since >= min(STABLE_SECONDS, seconds)
                or stop.is_set()
            ):
                return result
            pause = max(POLL_SECONDS, BACKOFF_FACTOR * (now - began_poll))
            with suppress(TimeoutError):
                async with asyncio.timeout(min(pause, max(0.05, seconds - past))):
                    await stop.wait()

    async def _result(self, began: float, most: float) -> MonitorResult:
        """What is known now."""
        await self._match_unmatched()
        not_observable = self._not_observable or self._why_listening_ended()
        progress = await self._progress.poll(len(self._returned), not_observable)
        return MonitorResult(
            self.copies.stored,
            progress.passed,
            len(self._returned),
            min(monotonic() - began, most),
            most,
            progress.groups,
            tuple(filter(None, self._returned.values())),
            sum(self._without_position[ref] for ref in (None, *self.copies.targets)),
            progress.why,
            not_observable,
            progress.without_consumer,
            self.noun,
        )

    def _why_listening_ended(self) -> str:
        """Why listening ended by itself; "" while it continues."""
        if self._listening is None or not self._listening.done():
            return ""
        error = None if self._listening.cancelled() else self._listening.exception()
        return f"the listening ended: {error!r}" if error else "the listening ended"


def _original_position(came_from: Origin) -> Position | None:
    """The position of the message that a letter came from."""
    if came_from.partition is not None and came_from.offset is not None:
        return Offset(came_from.partition, came_from.offset)
    return came_from.id
