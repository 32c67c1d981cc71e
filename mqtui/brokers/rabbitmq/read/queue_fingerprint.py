"""Telling a queue from a later one of the same name (R13).

RabbitMQ gives a queue no id that a client could ask for. What is kept instead can only prove that it is another one:
its arguments, the index of its Raft log, which never goes back (from 3.13 on), and counters that grow until their node
ends. No proof means the same queue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
import orjson

from mqtui.brokers.rabbitmq.connection.management_api import encoded
from mqtui.brokers.rabbitmq.connection.session import Access
from mqtui.brokers.rabbitmq.read.queue_info import UNKNOWN, Queue
from mqtui.domain.errors import MqtuiError

SLACK = 10
"""Seconds by which the start of a node may seem to move: its clock is read twice, in whole seconds."""


@dataclass(frozen=True, slots=True)
class Creation:
    """What is known of one queue at one time; None where it is not known.

    `node` and `started` (seconds since the epoch, by the broker's clock) name a node's life, `published` and
    `delivered` are counters of the queue, `total` of the whole broker, in that life. Counters are up to 5 s old.
    """

    shape: str
    """Type, durability and arguments."""

    committed: int | None = None
    """The index up to which the queue's Raft log is committed."""

    written: int | None = None
    """The last index of that log."""

    node: str = ""
    started: int | None = None
    published: int = 0
    delivered: int = 0
    total: int = 0

    def encoded(self) -> str:
        """As JSON, to be kept."""
        return msgspec.json.encode(self).decode()

    @property
    def pluralize(self) -> bool:
        """Whether it has counters that a later queue starts again."""
        return self.committed is not None or (self.started is not None and self.published + self.delivered > 0)


def decoded(text: str) -> Creation | None:
    """What was kept; None where nothing was, or by another version."""
    try:
        return msgspec.json.decode(text, type=Creation) if text else None
    except msgspec.DecodeError:
        return None


def is_another(before: Creation, now: Creation) -> bool:
    """Whether the queue of now is proved not to be the one of before."""
    if before.shape != now.shape:
        return True
    if before.committed is not None and now.written is not None and now.written < before.committed:
        return True
    if before.started is None or now.started is None or before.node != now.node:
        return False
    if abs(now.started - before.started) > SLACK or now.total < before.total:
        return False
    return now.published < before.published or now.delivered < before.delivered


async def creation_of(access: Access, facts: Queue) -> Creation | None:
    """What tells that queue from others; None where the management API does not answer."""
    if facts.sort == UNKNOWN:
        return None
    row = facts.row
    arguments = orjson.dumps(row.get("arguments", {}), option=orjson.OPT_SORT_KEYS).decode()
    shape = f"{facts.sort} {row.get('durable', True)} {arguments}"
    committed, written = await _log(access, facts) if facts.sort == "quorum" else (None, None)
    known = Creation(shape, committed, written)
    try:
        life = await _life(access)
    except MqtuiError:
        return known
    if life is None:
        return known
    node, started, total = life
    stats: Mapping[str, Any] = row.get("message_stats") or {}
    counted = int(stats.get("publish", 0)), int(stats.get("deliver_get", 0))
    return Creation(shape, committed, written, node, started, *counted, total)


async def _log(access: Access, facts: Queue) -> tuple[int | None, int | None]:
    """Committed and last index of a quorum queue's log."""
    path = "queues/quorum/{vhost}/" + encoded(facts.name) + "/status"
    try:
        rows = await access.management.get(path, f"log of {facts.name}")
    except MqtuiError:
        return None, None
    numbers = [
        (row.get("Commit Index"), row.get("Last Log Index"))
        for row in rows
        if isinstance(row, Mapping) and row.get("Raft State") == "leader"
    ]
    if len(numbers) != 1 or not all(isinstance(number, int) for number in numbers[0]):
        return None, None
    return numbers[0]


async def _life(access: Access) -> tuple[str, int, int] | None:
    """Name and start of the only node, and how much it published and delivered since; None where there are several."""
    nodes = await access.management.get("nodes", "nodes", {"columns": "name,uptime,running"})
    overview = await access.management.get("overview", "overview", {"columns": "message_stats"})
    now = broker_time(access)
    if len(nodes) != 1 or now is None or not isinstance(nodes[0].get("uptime"), int):
        return None
    stats = overview.get("message_stats") or {}
    total = int(stats.get("publish", 0)) + int(stats.get("deliver_get", 0))
    return str(nodes[0]["name"]), now - nodes[0]["uptime"] // 1000, total


def broker_time(access: Access) -> int | None:
    """Seconds since the epoch by the broker's clock, at the management API's last answer; None where it gave none."""
    try:
        return int(parsedate_to_datetime(access.management.date).timestamp())
    except (TypeError, ValueError):
        return None
