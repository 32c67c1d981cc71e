"""From rows of the management API to destinations, with figures and how exact they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mqtui.brokers.rabbitmq.connection.management_api import QUEUE_TOTALS, SAMPLED, ManagementApi, Row
from mqtui.brokers.rabbitmq.read.bindings import argument_or_policy
from mqtui.domain.figure import Figure, about, exact, unknown
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import HOLDS_NOTHING, NOT_ASKED, Destination

NAME_COLUMNS = "name,type,durable,auto_delete,exclusive,arguments,internal"
"""The columns of a listing without figures."""

MAX_EXACT = 2_000
"""With more queues than this, depths are the sampled ones: asking each queue costs the broker too much."""

REMOVAL_RATES = ("ack", "deliver_no_ack", "get_no_ack")
"""Rates of the management API at which messages leave a queue for good."""

NO_FIGURE = unknown("the management API has no figure yet")


async def list_totals(management: ManagementApi, queues: int) -> list[Row]:
    """The counts of all queues as they report them themselves; none where there are too many `queues`."""
    if queues > MAX_EXACT:
        return []
    return [row async for page in management.list_all("queues", QUEUE_TOTALS) for row in page]


def depths_by_queue(totals: Sequence[Row]) -> dict[str, tuple[Figure, Figure]]:
    """All messages and ready messages by queue name, as the queues report them. Streams do not."""
    found: dict[str, tuple[Figure, Figure]] = {}
    for row in totals:
        if isinstance(row.get("messages"), int) and isinstance(row.get("messages_ready"), int):
            figure = exact if row.get("type") == "classic" else _quorum_count
            found[row["name"]] = (figure(row["messages"]), figure(row["messages_ready"]))
    return found


def queue_row(
    row: Row,
    depths: Mapping[str, tuple[Figure, Figure]],
    dead_letters_to: tuple[Ref, ...] = (),
    policy: Mapping[str, Any] | None = None,
) -> Destination:
    """A queue or stream. `depths` come from `depths_by_queue`; `dead_letters_to` is where its dead letters go."""
    queue_type = str(row.get("type", "classic"))
    messages, backlog = depths.get(row["name"], (_sampled(row, "messages"), _sampled(row, "messages_ready")))
    facts: dict[str, str | int | bool | None] = {
        "durable": row.get("durable"),
        "auto_delete": row.get("auto_delete"),
        "exclusive": True if row.get("exclusive") else None,
        "consumers": row.get("consumers"),
        "policy": row.get("policy"),
        "dead_letter_exchange": argument_or_policy(row, policy, "dead-letter-exchange"),
        "dead_letter_routing_key": argument_or_policy(row, policy, "dead-letter-routing-key"),
        "message_ttl": argument_or_policy(row, policy, "message-ttl"),
        "max_length": argument_or_policy(row, policy, "max-length"),
        "overflow": argument_or_policy(row, policy, "overflow"),
        "delivery_limit": argument_or_policy(row, policy, "delivery-limit"),
        "state": row.get("state"),
    }
    return Destination(
        Ref(Kind.STREAM if queue_type == "stream" else Kind.QUEUE, row["name"]),
        queue_type,
        messages=messages,
        backlog=unknown("each consumer of a stream has its own offset") if queue_type == "stream" else backlog,
        size=_sampled(row, "message_bytes"),
        internal=row["name"].startswith("amq."),
        facts={name: value for name, value in facts.items() if value is not None},
        rate_in=_rate_in(row),
        dead_letters_to=dead_letters_to,
    )


def _rate_in(row: Row) -> Figure:
    """Messages per second that come in. Dead letters are not counted as published: then growth plus removals."""
    stats = row.get("message_stats") or {}
    published = _rate(stats, "publish")
    if published:
        return about(published, SAMPLED)
    growth = _rate(row, "messages")
    if growth is None:
        return unknown("the management API reports no rates") if "node" in row else NOT_ASKED
    return about(max(0.0, growth + sum(_rate(stats, name) or 0.0 for name in REMOVAL_RATES)), SAMPLED)


def _rate(row: Row, name: str) -> float | None:
    rate = (row.get(f"{name}_details") or {}).get("rate")
    return float(rate) if isinstance(rate, int | float) else None


def _quorum_count(number: int) -> Figure:
    return about(number, "a quorum queue updates its counts a moment later")


def _sampled(row: Row, key: str) -> Figure:
    if isinstance(row.get(key), int):
        return about(row[key], SAMPLED)
    return NO_FIGURE if "node" in row else NOT_ASKED


def exchange_row(row: Row, policy: Mapping[str, Any] | None = None) -> Destination:
    """An exchange, which holds no messages."""
    facts = {
        "durable": row.get("durable"),
        "auto_delete": row.get("auto_delete"),
        "alternate_exchange": row.get("arguments", {}).get("alternate-exchange")
        or (policy or {}).get("alternate-exchange"),
    }
    return Destination(
        Ref(Kind.EXCHANGE, row["name"]),
        str(row["type"]),
        messages=HOLDS_NOTHING,
        backlog=HOLDS_NOTHING,
        size=HOLDS_NOTHING,
        internal=bool(row.get("internal")) or row["name"].startswith("amq."),
        facts={name: value for name, value in facts.items() if value is not None},
    )
