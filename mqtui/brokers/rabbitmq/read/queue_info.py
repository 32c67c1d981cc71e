"""What is known of one queue: type, counts, limit, policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mqtui.brokers.rabbitmq.config import HINT
from mqtui.brokers.rabbitmq.connection.ack_tracker import AckVisibility
from mqtui.brokers.rabbitmq.connection.management_api import Row
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.read.delivery_limit import UNREADABLE_LIMIT, DeliveryLimit, resolve_delivery_limit
from mqtui.brokers.rabbitmq.read.policies import queue_policy
from mqtui.domain.errors import BrokerTrouble, CannotConnect, MqtuiError, NotAuthorised, NotFound, Unsupported
from mqtui.domain.resource import Kind, Ref

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class QueueInfo:
    """A queue or stream. `ready` and `consumers` come from the queue itself, the rest from the management API.

    `type` is `classic`, `quorum`, `stream` or `unknown`. Where the API did not answer, `row` is empty and
    `unreadable_reason` says why. `policy` is the definition in force, None where it can't be read.
    """

    name: str
    type: str
    ready: int
    consumers: int
    limit: DeliveryLimit
    row: Row
    policy: Mapping[str, Any] | None
    unreadable_reason: str = ""
    ack_visibility: AckVisibility = AckVisibility.BY_WAITING

    @property
    def ref(self) -> Ref:
        """The queue or stream as the rest of mqtui names it."""
        return Ref(Kind.STREAM if self.type == "stream" else Kind.QUEUE, self.name)

    @property
    def auto_delete(self) -> bool:
        """Whether the broker deletes it with its last consumer; assumed where it can't be read."""
        return bool(self.row.get("auto_delete", True))

    def setting(self, name: str) -> Any:
        """The value of argument or policy `name` (without `x-`); of two numbers the lower one."""
        argument, policy = self.row.get("arguments", {}).get(f"x-{name}"), (self.policy or {}).get(name)
        if isinstance(argument, int) and isinstance(policy, int):
            return min(argument, policy)
        return policy if argument is None else argument


async def describe_queue(session: RabbitSession, name: str) -> QueueInfo:
    """Ask the queue itself and the management API.

    Raises:
        NotFound: there is no such queue.
        Refused: it is exclusive to another connection.
    """
    ready, consumers = await session.queue_counts(name)
    try:
        row = await session.management.queue(name)
    except (Unsupported, CannotConnect, NotAuthorised, NotFound, BrokerTrouble) as error:
        return QueueInfo(name, UNKNOWN, ready, consumers, UNREADABLE_LIMIT, {}, None, _reason(error))
    policy = await queue_policy(session.management, row)
    version = (await session.server_info()).version_numbers
    queue_type = str(row.get("type", "classic"))
    visibility = AckVisibility.BY_PROBE if version < (4,) else AckVisibility.BY_WAITING
    if queue_type == "classic":
        visibility = AckVisibility.IMMEDIATE
    limit = resolve_delivery_limit(row, policy, version)
    return QueueInfo(name, queue_type, ready, consumers, limit, row, policy, ack_visibility=visibility)


def _reason(error: MqtuiError) -> str:
    if isinstance(error, Unsupported):
        return f"only the management API reports it ({HINT[0].lower()}{HINT[1:].rstrip('.')})"
    return f"{error.title} ({error.detail.rstrip('.')})" if error.detail else error.title
