"""The policy in force for a queue or an exchange.

The management API reports it as `effective_policy_definition`, but only some seconds after a queue was declared [3.10];
until then it is computed from the lists of policies and operator policies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from typing import Any

from mqtui.brokers.rabbitmq.connection.management_api import ManagementApi, Row
from mqtui.domain.errors import NotAuthorised

EXCHANGE_SCOPES = frozenset({"all", "exchanges"})
SCOPE_OF_TYPE = {"classic": "classic_queues", "quorum": "quorum_queues", "stream": "streams"}


def queue_definition(row: Row, policies: Sequence[Row], operators: Sequence[Row]) -> Mapping[str, Any]:
    """The definition in force for a queue; where a policy and an operator policy both set a number, the lower one."""
    return _merge(row, policies, operators, {"all", "queues", SCOPE_OF_TYPE.get(row.get("type", "classic"), "")})


async def queue_policy(management: ManagementApi, row: Row) -> Mapping[str, Any] | None:
    """The policy in force for a queue; None where the user may not read it."""
    return (await queue_policies(management, (row,)))[row["name"]]


async def queue_policies(management: ManagementApi, rows: Sequence[Row]) -> dict[str, Mapping[str, Any] | None]:
    """The policy in force by queue; None where the user may not read it."""
    found: dict[str, Mapping[str, Any] | None] = {}
    for row in rows:
        reported = row.get("effective_policy_definition")
        found[row["name"]] = reported if isinstance(reported, Mapping) else None
    missing = [row for row in rows if found[row["name"]] is None]
    if missing and (lists := await _policy_lists(management)) is not None:
        for row in missing:
            found[row["name"]] = queue_definition(row, *lists)
    return found


async def exchange_policy(management: ManagementApi, row: Row) -> Mapping[str, Any] | None:
    """The policy in force for an exchange; None where the user may not read policies."""
    lists = await _policy_lists(management)
    return None if lists is None else _merge(row, *lists, EXCHANGE_SCOPES)


async def _policy_lists(management: ManagementApi) -> tuple[Sequence[Row], Sequence[Row]] | None:
    try:
        return await management.policies()
    except NotAuthorised:
        return None


def _merge(row: Row, policies: Sequence[Row], operators: Sequence[Row], scopes: Set[str]) -> Mapping[str, Any]:
    merged = dict(_strongest(row, policies, scopes))
    for key, value in _strongest(row, operators, scopes).items():
        known = merged.get(key)
        merged[key] = min(known, value) if isinstance(known, int) and isinstance(value, int) else value
    return merged


def _strongest(row: Row, policies: Sequence[Row], scopes: Set[str]) -> Mapping[str, Any]:
    fitting = [policy for policy in policies if _is_for(policy, row, scopes)]
    if not fitting:
        return {}
    found: Mapping[str, Any] = max(fitting, key=lambda policy: int(policy.get("priority", 0)))["definition"]
    return found


def _is_for(policy: Row, row: Row, scopes: Set[str]) -> bool:
    try:
        return policy.get("apply-to", "all") in scopes and re.search(policy["pattern"], row["name"]) is not None
    except re.error:
        return False
