"""All that RabbitMQ says of one queue, stream or exchange: arguments, policy, bindings, consumers, replicas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from mqtui.brokers.rabbitmq.connection.management_api import SAMPLED, ManagementApi, Row
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.read.policies import exchange_policy, queue_policy
from mqtui.brokers.rabbitmq.read.queue_info import QueueInfo
from mqtui.domain.errors import MqtuiError
from mqtui.domain.topology import Property

SETTINGS = ("type", "durable", "auto_delete", "exclusive", "internal", "state", "node", "leader")
COUNTS = ("messages_unacknowledged", "memory")
DEFAULT_EXCHANGE = "(default)"
NO_POLICY_RIGHT = "this user may not read policies"


async def list_queue_properties(session: RabbitSession, queue: QueueInfo) -> list[Property]:
    """The properties of a queue or stream; without the management API what the queue itself says."""
    counts = [
        Property("queue", "ready", f"{queue.ready:,}"),
        Property("queue", "consumers", f"{queue.consumers:,}"),
    ]
    if not queue.row:
        hidden = ("argument", "policy", "binding", "consumer")
        return [*counts, *(Property(part, "all", None, queue.unreadable_reason) for part in hidden)]
    return [
        *counts,
        *_settings("queue", queue.row),
        *_counts(queue.row),
        *_replicas(queue.row),
        *_arguments(queue.row),
        *_policy(queue.row, await queue_policy(session.management, queue.row)),
        *await _bindings_to(session.management, queue.name),
        *_consumers(queue.row),
    ]


async def list_exchange_properties(management: ManagementApi, row: Row) -> list[Property]:
    """The properties of an exchange."""
    try:
        found: list[Property] = [
            _binding(str(each["destination"]), each, str(each["destination_type"]))
            for each in await management.bindings(row["name"])
        ]
    except MqtuiError as error:
        found = [Property("binding", "all", None, error.title)]
    policy = await exchange_policy(management, row)
    return [*_settings("exchange", row), *_arguments(row), *_policy(row, policy), *found]


def _settings(part: str, row: Row) -> Iterator[Property]:
    for name in SETTINGS:
        if row.get(name) is not None:
            yield Property(part, name.replace("_", " "), _text(row[name]))


def _counts(row: Row) -> Iterator[Property]:
    for name in COUNTS:
        if isinstance(row.get(name), int):
            unit = " bytes" if name == "memory" else ""
            yield Property("queue", name.removeprefix("messages_"), f"≈ {row[name]:,}{unit}", SAMPLED)


def _replicas(row: Row) -> Iterator[Property]:
    """Members of a quorum queue or stream, and those that are not online."""
    members, online = row.get("members"), row.get("online")
    if not isinstance(members, Sequence) or not isinstance(online, Sequence):
        return
    for member in members:
        role = "leader" if member == row.get("leader") else "follower"
        problem = "" if member in online else "it is away"
        yield Property("replica", str(member), f"{role} · {'away' if problem else 'online'}", problem=problem)


def _arguments(row: Row) -> Iterator[Property]:
    for name, value in sorted((row.get("arguments") or {}).items()):
        yield Property("argument", str(name), _text(value), "declared with it")


def _policy(row: Row, policy: Mapping[str, Any] | None) -> Iterator[Property]:
    """The names of the policies that apply, and the definition in force."""
    names = [str(row[key]) for key in ("policy", "operator_policy") if row.get(key)]
    if policy is None:
        yield Property("policy", " + ".join(names) or "all", None, NO_POLICY_RIGHT)
        return
    for name, value in sorted(policy.items()):
        yield Property("policy", str(name), _text(value), " + ".join(names))


async def _bindings_to(management: ManagementApi, queue: str) -> list[Property]:
    try:
        rows = await management.queue_bindings(queue)
    except MqtuiError as error:
        return [Property("binding", "all", None, error.title)]
    return [_binding(str(row["source"]) or DEFAULT_EXCHANGE, row, "from") for row in rows]


def _binding(other: str, row: Row, way: str) -> Property:
    arguments = f" · {_text(row['arguments'])}" if row.get("arguments") else ""
    return Property("binding", other, f"key {row['routing_key'] or '(empty)'}{arguments}", way)


def _consumers(row: Row) -> Iterator[Property]:
    details = row.get("consumer_details")
    if not isinstance(details, Sequence):
        yield Property("consumer", "all", None, "the management API has no figure yet")
        return
    for each in details:
        channel = each.get("channel_details") or {}
        host, port = channel.get("peer_host"), channel.get("peer_port")
        parts = [
            f"prefetch {each.get('prefetch_count') or 'unlimited'}",
            "acks" if each.get("ack_required") else "no acks",
            *([] if each.get("active", True) else ["waits: another is the single active one"]),
            *([f"user {channel['user']}"] if channel.get("user") else []),
        ]
        where = f"{host}:{port}" if isinstance(host, str) else ""
        yield Property("consumer", str(each.get("consumer_tag", "?")), " · ".join(parts), where)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else orjson.dumps(value).decode()
