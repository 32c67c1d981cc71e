"""Which policy holds for a queue or an exchange.

The management API reports it as `effective_policy_definition`, but only some seconds after the queue was made [3.10];
until then it is worked out from the lists of policies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mqtui.brokers.rabbitmq.management import Row

KINDS = {"classic": "classic_queues", "quorum": "quorum_queues", "stream": "streams"}


def effective(row: Row, policies: Sequence[Row], operators: Sequence[Row], *, queue: bool) -> Mapping[str, Any]:
    """The definition that holds for `row`; where both name a number the lower one counts."""
    own = _strongest(row, policies, queue=queue)
    merged = dict(own)
    for key, value in _strongest(row, operators, queue=queue).items():
        known = merged.get(key)
        merged[key] = min(known, value) if isinstance(known, int) and isinstance(value, int) else value
    return merged


def _strongest(row: Row, policies: Sequence[Row], *, queue: bool) -> Mapping[str, Any]:
    fitting = [policy for policy in policies if _applies(policy, row, queue=queue)]
    if not fitting:
        return {}
    found: Mapping[str, Any] = max(fitting, key=lambda policy: int(policy.get("priority", 0)))["definition"]
    return found


def _applies(policy: Row, row: Row, *, queue: bool) -> bool:
    scope = policy.get("apply-to", "all")
    wanted = {"all", "queues", KINDS.get(row.get("type", "classic"), "")} if queue else {"all", "exchanges"}
    try:
        return scope in wanted and re.search(policy["pattern"], row["name"]) is not None
    except re.error:
        return False
