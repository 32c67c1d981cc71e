"""A fingerprint that tells a queue from a later one of the same name (R13).

RabbitMQ has no id of a queue that a client could ask for. A fingerprint can only prove that two queues differ: by their
arguments, by the index of the Raft log, which never decreases (from 3.13 on), and by counters that grow while the node
runs. Without such a proof they are taken to be the same queue.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
import orjson

from mqtui.brokers.rabbitmq.connection.management_api import quote_name
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.read.queue_info import UNKNOWN, QueueInfo
from mqtui.domain.errors import MqtuiError

CLOCK_TOLERANCE = 10
"""Seconds by which the start time of a node may seem to differ: it is computed from two times in whole seconds."""


class QueueFingerprint(msgspec.Struct, frozen=True):
    """What is known of one queue at one time; None where it is unknown.

    `published` and `delivered` count messages of the queue, `broker_total` those of the whole broker, since the node
    `node` was started at `node_started` (seconds since the epoch, by the broker's clock). Counters are up to 5 s old.
    """

    declaration: str = msgspec.field(name="shape")
    """Type, durability and arguments."""

    commit_index: int | None = msgspec.field(default=None, name="committed")
    """The index up to which the queue's Raft log is committed."""

    last_log_index: int | None = msgspec.field(default=None, name="written")
    """The last index of that log."""

    node: str = ""
    node_started: int | None = msgspec.field(default=None, name="started")
    published: int = 0
    delivered: int = 0
    broker_total: int = msgspec.field(default=0, name="total")

    def encode(self) -> str:
        """As JSON, to be stored."""
        return msgspec.json.encode(self).decode()

    @property
    def has_counters(self) -> bool:
        """Whether it has counters that would start again with a later queue."""
        return self.commit_index is not None or (self.node_started is not None and self.published + self.delivered > 0)


def decode(text: str) -> QueueFingerprint | None:
    """A stored fingerprint; None where the text is empty or of another version."""
    try:
        return msgspec.json.decode(text, type=QueueFingerprint) if text else None
    except msgspec.DecodeError:
        return None


def is_different_queue(before: QueueFingerprint, now: QueueFingerprint) -> bool:
    """Whether the two are proved to be different queues."""
    if before.declaration != now.declaration:
        return True
    if before.commit_index is not None and now.last_log_index is not None and now.last_log_index < before.commit_index:
        return True
    if before.node_started is None or now.node_started is None or before.node != now.node:
        return False
    if abs(now.node_started - before.node_started) > CLOCK_TOLERANCE or now.broker_total < before.broker_total:
        return False
    return now.published < before.published or now.delivered < before.delivered


async def take_fingerprint(session: RabbitSession, queue: QueueInfo) -> QueueFingerprint | None:
    """The fingerprint of a queue; None where the management API does not answer."""
    if queue.type == UNKNOWN:
        return None
    row = queue.row
    arguments = orjson.dumps(row.get("arguments", {}), option=orjson.OPT_SORT_KEYS).decode()
    declaration = f"{queue.type} {row.get('durable', True)} {arguments}"
    indexes = await _log_indexes(session, queue) if queue.type == "quorum" else (None, None)
    known = QueueFingerprint(declaration, *indexes)
    try:
        life = await _node_lifetime(session)
    except MqtuiError:
        return known
    if life is None:
        return known
    node, started, total = life
    stats: Mapping[str, Any] = row.get("message_stats") or {}
    counters = int(stats.get("publish", 0)), int(stats.get("deliver_get", 0))
    return QueueFingerprint(declaration, *indexes, node, started, *counters, total)


async def _log_indexes(session: RabbitSession, queue: QueueInfo) -> tuple[int | None, int | None]:
    """Commit index and last index of a quorum queue's Raft log; None where they can't be read."""
    path = "queues/quorum/{vhost}/" + quote_name(queue.name) + "/status"
    try:
        rows = await session.management.get(path, f"log of {queue.name}")
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


async def _node_lifetime(session: RabbitSession) -> tuple[str, int, int] | None:
    """Name, start time and message total of the only node; None where there are several nodes."""
    nodes = await session.management.get("nodes", "nodes", {"columns": "name,uptime,running"})
    overview = await session.management.get("overview", "overview", {"columns": "message_stats"})
    now = broker_time(session)
    if len(nodes) != 1 or now is None or not isinstance(nodes[0].get("uptime"), int):
        return None
    stats = overview.get("message_stats") or {}
    total = int(stats.get("publish", 0)) + int(stats.get("deliver_get", 0))
    return str(nodes[0]["name"]), now - nodes[0]["uptime"] // 1000, total


def broker_time(session: RabbitSession) -> int | None:
    """The broker's clock in seconds since the epoch, as of the management API's last response; None without one."""
    try:
        return int(parsedate_to_datetime(session.management.last_date).timestamp())
    except (TypeError, ValueError):
        return None
