"""Acknowledging what was stored (R6)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from mqtui.brokers.rabbitmq.channel import Channel

Gate = Callable[[int], bool]
"""Whether so many acknowledgements may be sent now: each lets a consumer get another letter (R2)."""


class Acks:
    """Delivery tags of one channel in order; `ack multiple` covers stored letters with nothing else before them."""

    def __init__(self, channel: Channel, gate: Gate) -> None:
        self._channel = channel
        self._gate = gate
        self._order: deque[int] = deque()
        self._stored: set[int] = set()
        self._gone: set[int] = set()
        self._due = False
        self.sent = 0
        """Acknowledgements sent so far."""

    @property
    def unacknowledged(self) -> int:
        """Letters the broker still counts as taken."""
        return len(self._order) - len(self._gone)

    def took(self, tag: int) -> None:
        """A delivery came."""
        self._order.append(tag)

    def stored(self, tag: int) -> None:
        """That letter is safe elsewhere; its turn comes with the loop's next one."""
        self._stored.add(tag)
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self.prefix)

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

    def rest(self) -> bool:
        """Acknowledge every stored letter, those behind a held one singly; False where the gate is shut."""
        self.prefix()
        if not self._stored:
            return True
        if self._channel.failure is not None or not self._gate(len(self._stored)):
            return False
        for tag in sorted(self._stored):
            self.single(tag)
        self._stored.clear()
        return True

    def single(self, tag: int) -> None:
        """Acknowledge one letter whatever stands before it."""
        self._channel.ack(tag, multiple=False)
        self.forget(tag)
        self.sent += 1

    def forget(self, tag: int) -> None:
        """That letter is acknowledged already."""
        self._gone.add(tag)
