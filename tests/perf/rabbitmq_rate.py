"""How fast letters move on RabbitMQ, against a bare pika loop of the same guarantees in the same run.

Both loops take with manual acknowledgement and a window of 2,000, publish mandatory and confirmed, and acknowledge what
was confirmed with `multiple`. Each runs in a process of its own: ours replaces pika's reading of properties.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import pika
from pika.adapters.asyncio_connection import AsyncioConnection

from mqtui.profiles.url import parse_url

WINDOW = 2_000
BODY = b"x" * 500
HEADERS = {
    "x-death": [
        {"count": 1, "reason": "rejected", "queue": "work", "exchange": "", "routing-keys": ["work"], "time": None}
    ],
    "x-first-death-queue": "work",
    "x-first-death-reason": "rejected",
    "x-first-death-exchange": "",
    "trace": "0123456789abcdef",
}


def ratio(url: str, count: int, *, headers: bool = True, quorum: bool = False) -> tuple[float, float]:
    """Letters a second: ours and the bare loop's, one after the other on queues of their own.

    Without `headers` the letters carry none, which is the bare loop's best case.
    """
    return (_measured("ours", url, count, headers, quorum), _measured("bare", url, count, headers, quorum))


def _measured(loop: str, url: str, count: int, headers: bool, quorum: bool) -> float:
    stem = f"test.rate.{secrets.token_hex(4)}"
    source, target = f"{stem}.from", f"{stem}.to"
    arguments = {"x-queue-type": "quorum"} if quorum else None
    with pika.BlockingConnection(_parameters(url)) as connection:
        channel = connection.channel()
        for queue in (source, target):
            channel.queue_declare(queue, durable=True, arguments=arguments)
        try:
            _fill(channel, source, count, headers)
            done = subprocess.run(
                [sys.executable, "-m", "tests.perf.rabbitmq_rate", loop, url, source, target, str(count)],
                check=True,
                capture_output=True,
                text=True,
            )
            seconds = float(json.loads(done.stdout))
            _until(channel, target, count)
        finally:
            for queue in (source, target):
                channel.queue_delete(queue)
    return count / seconds


def _fill(channel: Any, queue: str, count: int, headers: bool) -> None:
    properties = pika.BasicProperties(delivery_mode=2, headers=HEADERS if headers else None)
    for _ in range(count):
        channel.basic_publish("", queue, BODY, properties)
    _until(channel, queue, count)


def _until(channel: Any, queue: str, count: int) -> None:
    deadline = time.monotonic() + 60
    while channel.queue_declare(queue, passive=True).method.message_count != count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{queue} does not hold {count} letters")
        time.sleep(0.05)


def _parameters(url: str) -> pika.ConnectionParameters:
    host, port = parse_url(url)[0].hosts[0]
    return pika.ConnectionParameters(host, port, heartbeat=0)


async def ours(url: str, source: str, target: str, count: int) -> float:
    """Seconds our lease needs."""
    from mqtui.brokers.rabbitmq.adapter import connect
    from mqtui.domain.redrive import LeaseOptions, Transfer
    from mqtui.domain.resource import Kind, Ref
    from tests.contract.rabbitmq_test_client import writer

    adapter = connect(parse_url(url)[0])
    home = Ref(Kind.QUEUE, target)
    moving: asyncio.Task[Sequence[object]] | None = None
    try:
        taken = await adapter.broker.snapshot(Ref(Kind.QUEUE, source))
        start = time.perf_counter()
        async with writer(adapter).lease(taken, LeaseOptions("0" * 32, "perf", "", WINDOW)) as lease:
            async for batch in lease.batches(WINDOW):
                transfers = [Transfer(letter, home) for letter in batch]
                if moving is not None:
                    await moving
                moving = asyncio.create_task(_moved(lease, transfers))
            if moving is not None:
                await moving
        return time.perf_counter() - start
    finally:
        await adapter.close()


async def _moved(lease: Any, transfers: Sequence[object]) -> Sequence[object]:
    receipts: Sequence[object] = await lease.move(transfers)
    return receipts


class Bare:
    """What somebody would write with pika alone."""

    def __init__(self, url: str, source: str, target: str, count: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._source, self._target, self._count = source, target, count
        self._moved = self._published = self._acked = 0
        self._tags: dict[int, int] = {}
        self._seconds = 0.0
        self._start = time.perf_counter()
        self._connection = AsyncioConnection(_parameters(url), self._opened, custom_ioloop=self._loop)

    def run(self) -> float:
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


def main() -> None:
    """`ours | bare URL SOURCE TARGET COUNT`: print the seconds."""
    loop, url, source, target, count = sys.argv[1:]
    if loop == "ours":
        seconds = asyncio.run(ours(url, source, target, int(count)))
    else:
        seconds = Bare(url, source, target, int(count)).run()
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
