"""After a redrive: did the copies pass their readers, and did any come back as a dead letter (C16, K12, R9, R16)?

One watch whatever way letters were moved. Nothing is peeked that costs a delivery. What can't be known is not claimed.
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
from mqtui.services.redrive.copies import Copies
from mqtui.services.redrive.readers import Readers
from mqtui.services.redrive.stamps import RUN
from mqtui.services.redrive.verdict import Verdict

LOOK = 1.0
"""Seconds between two looks at the readers; a look that took long is not repeated at once."""

REST = 3
"""How many times as long as the last look took the readers are left alone."""

SETTLED = 10.0
"""Seconds without any change after which the verdict is certain: all readers have passed, or nothing can be seen."""

EARLY = 20_000
"""Letters of unknown copies that are remembered, for a letter may die before the receipt of its copy was read."""

SHOWN = 100
"""Letters that came back that are named."""


class Listener(Protocol):
    """Who can hear what comes to a source."""

    def listen(self, source: Source) -> AsyncIterator[Batch]:
        """As `Writer.listen`."""


class Aftermath:
    """Watches one run."""

    def __init__(
        self, target: Broker, source: Source | None, run: str, conventions: Conventions, deaf: str = ""
    ) -> None:
        """`target` is the broker the copies went to, `source` where those that die again come; None where that is not
        known. `deaf` says why they are not heard there, or not all of them.
        """
        self.message_ids: Collection[str] = ()
        """Ids by which messages of a queue are known again, beside the run's own header."""

        self.noun = "letter"
        self.copies = Copies(conventions)
        self._readers = Readers(target, self.copies)
        self._source = source
        self._run = run
        self._conventions = conventions
        self._back: dict[str, str] = {}
        self._early: dict[tuple[Ref, Position], str] = {}
        """Letters of copies that are not known to be ours, by where those lay: where each is and what it died of."""

        self._placeless: Counter[Ref | None] = Counter()
        """Letters that do not tell where their copies lay, by the destination they came from."""

        self._deaf = deaf
        self._listening: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    async def start(self, listener: Listener) -> None:
        """Listen for letters that die again, before the first one leaves."""
        if self._source is None:
            return
        self._listening = asyncio.create_task(self._listen(listener, self._source), name="aftermath")
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait({ready, self._listening}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()

    async def close(self) -> None:
        """Stop listening."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    async def _listen(self, listener: Listener, source: Source) -> None:
        try:
            async for batch in listener.listen(source):
                self._ready.set()
                for letter in batch:
                    self._judge(letter)
        except MqtuiError as error:
            self._deaf = self._deaf or error.detail or error.title

    def _judge(self, letter: Message) -> None:
        """Whether it is one of ours: by the run's id, else by the place of our copy as its origin (K12)."""
        stamp = letter.header(RUN)
        if stamp is not None and self._run.encode() in stamp:
            self._note(f"{letter.position} {len(self._back)}", letter)
            return
        if stamp is not None:
            return
        if letter.envelope is not None and dict(letter.envelope.properties).get("message_id") in self.message_ids:
            self._note(f"{letter.position} {len(self._back)}", letter)
            return
        came_from = origin(letter, self._conventions)
        place = None if came_from is None else _place(came_from)
        if came_from is None or place is None:
            self._placeless[None if came_from is None else came_from.ref] += 1
        elif self.copies.holds(came_from.ref, place):
            self._note(str(place), letter)
        else:
            if len(self._early) >= EARLY:
                del self._early[next(iter(self._early))]
            self._early[came_from.ref, place] = self._named(letter)

    async def _match_early(self) -> None:
        """Letters that were heard before it was known where our copies lie."""
        slices = TimeSlices()
        for (ref, place), named in list(self._early.items()):
            if slices.is_over:
                await slices.yield_to_loop()
            if self.copies.holds(ref, place) and self._early.pop((ref, place), ""):
                self._back[str(place)] = named if len(self._back) < SHOWN else ""

    def _note(self, key: str, letter: Message) -> None:
        self._back[key] = self._named(letter) if len(self._back) < SHOWN else ""

    def _named(self, letter: Message) -> str:
        return f"{letter.resource.name} {letter.position}: {describe(letter, self._conventions).text}"

    async def watch(self, seconds: float, most: float, tell: Callable[[Verdict], None], stop: asyncio.Event) -> Verdict:
        """Look until the verdict is certain, too many came back (more than the share `most`), the time is over, or the
        stop. It is certain where nothing that matters has changed for a while, and nothing is waited for.
        """
        began = since = monotonic()
        before: tuple[int | None, int, tuple[str, ...]] | None = None
        while True:
            began_look = monotonic()
            verdict = await self._verdict(began, seconds)
            tell(verdict)
            now = monotonic()
            told = (verdict.passed, verdict.came_back, verdict.unread)
            waits = bool(verdict.waiting) and not verdict.unread
            if told != before or waits:
                before, since = told, now
            past = now - began
            if verdict.share > most or past >= seconds or now - since >= min(SETTLED, seconds) or stop.is_set():
                return verdict
            pause = max(LOOK, REST * (now - began_look))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), min(pause, max(0.05, seconds - past)))

    async def _verdict(self, began: float, most: float) -> Verdict:
        """What is known now."""
        await self._match_early()
        deaf = self._deaf or self._ended()
        look = await self._readers.look(len(self._back), deaf)
        return Verdict(
            self.copies.stored,
            look.passed,
            len(self._back),
            min(monotonic() - began, most),
            most,
            look.readers,
            tuple(filter(None, self._back.values())),
            sum(self._placeless[ref] for ref in (None, *self.copies.targets)),
            look.why,
            deaf,
            look.unread,
            self.noun,
        )

    def _ended(self) -> str:
        """Why nothing is heard any more though nobody said so; "" while it listens."""
        if self._listening is None or not self._listening.done():
            return ""
        error = None if self._listening.cancelled() else self._listening.exception()
        return f"the listening ended: {error!r}" if error else "the listening ended"


def _place(came_from: Origin) -> Position | None:
    """Where the message lay that a letter came from."""
    if came_from.partition is not None and came_from.offset is not None:
        return Offset(came_from.partition, came_from.offset)
    return came_from.id
