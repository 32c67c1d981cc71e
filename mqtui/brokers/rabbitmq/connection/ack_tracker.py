"""Acknowledging what was stored (R6), and giving back the rest in order (R5).

Quorum queues want care [3.10.8]. Their client in the broker holds commands back while 32 wait to be applied, and what
it holds is lost with the channel: 157 of 1,000 single acknowledgements came to nothing although the channel had
answered after them, and in 3 of 80 runs one sent right before the channel closed. And a queue returns what one
`nack multiple` covers consumer by consumer, `basic.get` first, more than 32 messages in no order at all, and two nacks
as one when the first is not yet applied.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from enum import StrEnum
from itertools import groupby

from mqtui.brokers.rabbitmq.connection.channel import Channel
from mqtui.domain.errors import MqtuiError

Gate = Callable[[int], bool]
"""Whether so many acknowledgements may be sent now: each lets a consumer get another letter (R2)."""

AT_ONCE = 24
"""Commands for a quorum queue that may wait to be applied."""

PACE = 0.005
"""Seconds between acknowledgements of a quorum queue."""

GIVEN = 0.1
"""Seconds a queue that does not tell is given to apply them, or four times its latency."""

RETURNED = 32
"""Messages a quorum queue returns in order: it keeps them in a map, and a larger one has no order."""

SETTLING = 100
"""Hundredths of a second a queue is given to count what was returned."""


class Applies(StrEnum):
    """How one learns that a queue has taken note of acknowledgements and returns."""

    AT_ONCE = "at once"
    ASKED = "asked"
    """Quorum queues before 4.0: by a consumer without credit."""

    WAITED = "waited"
    """Nothing tells: time is given."""


class Acks:
    """Delivery tags of one channel in order; `ack multiple` covers stored letters with nothing else before them."""

    def __init__(self, channel: Channel, queue: str, gate: Gate, applies: Applies) -> None:
        self._channel = channel
        self._queue = queue
        self._gate = gate
        self._applies = applies
        self._order: deque[int] = deque()
        self._stored: set[int] = set()
        self._gone: set[int] = set()
        self._turns: list[int] = []
        self._newest = 0
        self._unapplied = 0
        self._due = False
        self._catching_up: asyncio.Task[None] | None = None
        self._resting = asyncio.Lock()
        self.latency = 0.0
        """Seconds the queue needed for a `basic.get`, as last seen."""

        self.sent = 0
        """Acknowledgements sent so far."""

    @property
    def unacknowledged(self) -> int:
        """Letters the broker still counts as taken."""
        return len(self._order) - len(self._gone)

    def took(self, tag: int) -> None:
        """A delivery came."""
        self._order.append(tag)
        self._newest = tag

    def turn(self) -> None:
        """From here on deliveries come another way: by a consumer, or by `basic.get`."""
        self._turns.append(self._newest)

    def out_since_turn(self) -> int:
        """Unacknowledged letters that came the present way."""
        first = self._turns[-1] if self._turns else 0
        return sum(tag > first and tag not in self._gone for tag in self._order)

    def stored(self, tag: int) -> None:
        """That letter is safe elsewhere; it is acknowledged with others a moment later."""
        self._stored.add(tag)
        if not self._due:
            self._due = True
            loop = asyncio.get_running_loop()
            if self._applies is Applies.AT_ONCE:
                loop.call_soon(self.prefix)
            else:
                loop.call_later(PACE, self._paced)

    def _paced(self) -> None:
        """A quorum queue's turn."""
        if self._unapplied < AT_ONCE // 2:
            self.prefix()
        elif self._channel.failure is None:
            self._catching_up = asyncio.get_running_loop().create_task(self._catch_up())

    async def _catch_up(self) -> None:
        with suppress(MqtuiError):
            await self._applied(1)
        self.prefix()

    def prefix(self) -> None:
        """Acknowledge the stored letters at the front in one go."""
        self._due = False
        if self._channel.failure is not None:
            return
        run = 0
        for tag in self._order:
            if tag in self._stored:
                run += 1
            elif tag not in self._gone:
                break
        if not run or not self._gate(run):
            return
        last = 0
        while run:
            tag = self._order.popleft()
            if tag in self._gone:
                self._gone.discard(tag)
                continue
            self._stored.discard(tag)
            last, run = tag, run - 1
            self.sent += 1
        self._channel.ack(last, multiple=True)
        self._unapplied += 1

    async def rest(self) -> None:
        """Acknowledge every stored letter, those behind a held one singly; wait until the broker took note.

        Raises:
            BrokerTrouble: the channel was lost; which of them were acknowledged is not known.
        """
        async with self._resting:
            await self._applied(AT_ONCE // 2)
            self.prefix()
            while self._stored and not self._gate(len(self._stored)):
                await self._channel.barrier()
                self.prefix()
            left = sorted(self._stored)
            self._stored.clear()
            for tag in left:
                self._channel.ack(tag, multiple=False)
                self._gone.add(tag)
                self.sent += 1
                self._unapplied += 1
                await self._applied(AT_ONCE)
            await self._applied(1)
            await self._channel.barrier()

    def forget(self, tag: int) -> None:
        """That letter was acknowledged by somebody else on this channel."""
        self._gone.add(tag)
        self._unapplied += 1

    async def give_back(self) -> None:
        """Return everything unacknowledged, in order, and wait until the queue counts it.

        Raises:
            BrokerTrouble: the channel was lost; the broker returns it all.
        """
        left = [tag for tag in self._order if tag not in self._gone]
        self._order.clear()
        self._gone.clear()
        await self._applied(1)
        if not left:
            return
        ready = (await self._channel.declared(self._queue))[0]
        for tags in [left] if self._applies is Applies.AT_ONCE else self._portions(left):
            self._channel.give_back(tags[-1])
            ready += len(tags)
            if self._applies is Applies.ASKED:
                await self._channel.applied(self._queue)
            else:
                await self._counted(ready)

    def _portions(self, left: Sequence[int]) -> Iterator[Sequence[int]]:
        for _, turn in groupby(left, lambda tag: bisect_left(self._turns, tag)):
            tags = list(turn)
            for start in range(0, len(tags), RETURNED):
                yield tags[start : start + RETURNED]

    async def _counted(self, ready: int) -> None:
        """Wait until the queue has so many ready messages; where others take them meanwhile, not for long."""
        for _ in range(SETTLING):
            if (await self._channel.declared(self._queue))[0] >= ready:
                return
            await asyncio.sleep(0.01)

    async def _applied(self, most: int) -> None:
        """Go on when fewer than `most` commands wait to be applied."""
        if self._applies is Applies.AT_ONCE or self._unapplied < most:
            return
        self._unapplied = 0
        if self._applies is Applies.ASKED:
            await self._channel.applied(self._queue)
        else:
            await self._channel.barrier()
            await asyncio.sleep(max(GIVEN, 4 * self.latency))
