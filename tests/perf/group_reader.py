"""A consumer group of another program, which reads a topic while mqtui moves letters into it."""

from __future__ import annotations

import asyncio
import multiprocessing
from contextlib import closing
from multiprocessing.synchronize import Event
from typing import Any

from confluent_kafka import Consumer, Message, Producer

from mqtui.demo.shop.connections import kafka_settings
from mqtui.demo.shop.failures import card_declined
from mqtui.demo.shop.spring import FailedRecord, dead_letter_headers
from tests.chaos.scenes import Scene


class GroupReader:
    """A live consumer group of a topic that commits as it reads, and lets its first record die again.

    It has a process of its own, as it has in production: in this one it would hold Python's lock, and the loop with it.
    """

    def __init__(self, url: str, scene: Scene) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._joined, self._over = spawn.Event(), spawn.Event()
        words = (kafka_settings(url), scene.home, scene.dlq, self._joined, self._over)
        self._process = spawn.Process(target=_read, args=words, daemon=True)

    async def __aenter__(self) -> GroupReader:
        self._process.start()
        assert await asyncio.to_thread(self._joined.wait, 30)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        await asyncio.to_thread(self._process.join, 10)
        assert self._process.exitcode == 0


def _read(settings: dict[str, Any], home: str, dlq: str, joined: Event, over: Event) -> None:
    """Read until it is over."""
    own = {"group.id": f"{home}-readers", "auto.offset.reset": "earliest", "auto.commit.interval.ms": 500}
    read = 0
    with closing(Consumer(settings | own)) as consumer:
        consumer.subscribe([home], on_assign=lambda *_: joined.set())
        while not over.is_set():
            for record in consumer.consume(5_000, 0.2):
                if record.error() is None and not read:
                    _let_die(settings, dlq, record)
                read += record.error() is None


def _let_die(settings: dict[str, Any], dlq: str, record: Message) -> None:
    home = record.topic() or ""
    delivery = FailedRecord(
        home, record.partition() or 0, record.offset() or 0, 0, group=f"{home}-readers", listener=f"{home}-readers"
    )
    producer = Producer(settings)
    headers: list[tuple[str, str | bytes | None]] = [*dead_letter_headers(delivery, card_declined(51))]
    producer.produce(dlq, record.value(), record.key(), headers=headers)
    producer.flush(10)
