"""What is known of one queue before anything is done to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mqtui.brokers.rabbitmq.config import HINT
from mqtui.brokers.rabbitmq.connection.ack_tracker import Applies
from mqtui.brokers.rabbitmq.connection.management_api import Row
from mqtui.brokers.rabbitmq.connection.session import Access
from mqtui.brokers.rabbitmq.read.delivery_limit import UNTOLD, Limit, limit_of
from mqtui.brokers.rabbitmq.read.policies import queue_policy
from mqtui.domain.errors import BrokerTrouble, CannotConnect, MqtuiError, NotAuthorised, NotFound, Unsupported
from mqtui.domain.resource import Kind, Ref

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue. `ready` and `consumers` come from the queue itself, the rest from the management API.

    `sort` is `classic`, `quorum`, `stream` or `unknown`. `row` is empty and `why` says the reason where the API did not
    answer; `policy` is the effective definition, None where it can't be read.
    """

    name: str
    sort: str
    ready: int
    consumers: int
    limit: Limit
    row: Row
    policy: Mapping[str, Any] | None
    why: str = ""
    applies: Applies = Applies.WAITED

    @property
    def ref(self) -> Ref:
        """Its name and kind."""
        return Ref(Kind.STREAM if self.sort == "stream" else Kind.QUEUE, self.name)

    @property
    def auto_delete(self) -> bool:
        """Whether it may vanish with its last consumer; so taken where it can't be read."""
        return bool(self.row.get("auto_delete", True))

    def setting(self, name: str) -> Any:
        """What argument or policy say of `name`; of two numbers the lower counts."""
        given, ruled = self.row.get("arguments", {}).get(f"x-{name}"), (self.policy or {}).get(name)
        if isinstance(given, int) and isinstance(ruled, int):
            return min(given, ruled)
        return ruled if given is None else given


async def queue_facts(access: Access, name: str) -> Queue:
    """Ask the queue and the management API.

    Raises:
        NotFound: there is no such queue.
        Refused: it is exclusive to another connection.
    """
    ready, consumers = await access.declared(name)
    try:
        row = await access.management.queue(name)
    except (Unsupported, CannotConnect, NotAuthorised, NotFound, BrokerTrouble) as error:
        return Queue(name, UNKNOWN, ready, consumers, UNTOLD, {}, None, _why(error))
    policy = await queue_policy(access.management, row)
    version = (await access.server()).numbers
    sort = str(row.get("type", "classic"))
    applies = Applies.AT_ONCE if sort == "classic" else Applies.ASKED if version < (4,) else Applies.WAITED
    limit = limit_of(row, policy, version)
    return Queue(name, sort, ready, consumers, limit, row, policy, applies=applies)


def _why(error: MqtuiError) -> str:
    if isinstance(error, Unsupported):
        return f"the management API tells it ({HINT[0].lower()}{HINT[1:].rstrip('.')})"
    return f"{error.title} ({error.detail.rstrip('.')})" if error.detail else error.title
