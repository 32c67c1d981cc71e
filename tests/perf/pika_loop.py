"""What somebody would write with pika alone, of the same guarantees as a redrive.

It takes with manual acknowledgement and a window of 2,000, publishes mandatory and confirmed, and acknowledges what was
confirmed with `multiple`. It has a process of its own: ours replaces pika's reading of properties.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import pika
from pika.adapters.asyncio_connection import AsyncioConnection

from mqtui.profiles.url import parse_url

WINDOW = 2_000


class PikaLoop:
    """One channel for both ways."""

    def __init__(self, url: str, source: str, target: str, count: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._source, self._target, self._count = source, target, count
        self._published = self._acked = 0
        self._tags: dict[int, int] = {}
        self._seconds = 0.0
        self._start = time.perf_counter()
        host, port = parse_url(url)[0].hosts[0]
        self._connection = AsyncioConnection(
            pika.ConnectionParameters(host, port, heartbeat=0), self._opened, custom_ioloop=self._loop
        )

    def run(self) -> float:
        """Seconds until the last acknowledgement is sent."""
        self._loop.run_forever()
        self._loop.close()
        return self._seconds

    def _opened(self, connection: Any) -> None:
        connection.channel(on_open_callback=self._ready)

    def _ready(self, channel: Any) -> None:
        self._channel = channel
        channel.confirm_delivery(self._confirmed)
        channel.basic_qos(prefetch_count=WINDOW)
        channel.basic_consume(self._source, self._came)

    def _came(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self._published += 1
        self._tags[self._published] = method.delivery_tag
        channel.basic_publish("", self._target, body, properties, mandatory=True)

    def _confirmed(self, frame: Any) -> None:
        number = frame.method.delivery_tag
        confirmed = range(self._acked + 1, number + 1) if frame.method.multiple else (number,)
        for each in confirmed:
            self._tags.pop(each, None)
        oldest = min(self._tags, default=self._published + 1) if len(self._tags) < 3 else next(iter(self._tags))
        if oldest - 1 > self._acked:
            self._acked = oldest - 1
            self._channel.basic_ack(self._acked, multiple=True)
        if self._acked >= self._count:
            self._seconds = time.perf_counter() - self._start
            self._connection.add_on_close_callback(lambda *_: self._loop.stop())
            self._connection.close()


if __name__ == "__main__":
    url, source, target, count = sys.argv[1:]
    print(json.dumps(PikaLoop(url, source, target, int(count)).run()))
