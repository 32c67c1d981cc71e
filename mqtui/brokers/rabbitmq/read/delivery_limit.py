"""The delivery limit of a queue: how often a message may be delivered before the broker drops it (R4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from mqtui.domain.figure import Figure, exact, unknown

DEFAULT_SINCE = (4, 0)
DEFAULT = 20
"""The limit of quorum queues from 4.0 on that set none."""


class LimitKind(StrEnum):
    """What is known of the limit."""

    NONE = "none"
    """There is none: a peek costs nothing that counts."""

    KNOWN = "known"
    UNREADABLE = "unreadable"
    """Arguments and policy can't be read: every message is treated as if it had 1 delivery left."""

    NO_REQUEUE = "no requeue"
    """A negative limit before 4.0: a message that is requeued is dropped."""


@dataclass(frozen=True, slots=True)
class DeliveryLimit:
    """The delivery limit of one queue. `keeps_order`: whether requeued messages keep their places (R5)."""

    kind: LimitKind
    number: int | None = None
    keeps_order: bool = True

    @property
    def counts_deliveries(self) -> bool:
        """Whether a requeue may drop a message."""
        return self.kind is not LimitKind.NONE

    def deliveries_left(self, deliveries: int | None) -> int | None:
        """How often a message with that delivery count can be requeued: None without a limit, 1 where unreadable."""
        match self.kind:
            case LimitKind.NONE:
                return None
            case LimitKind.UNREADABLE:
                return 1
            case LimitKind.NO_REQUEUE:
                return 0
            case LimitKind.KNOWN:
                return max(0, (self.number or 0) - (deliveries or 0))

    def left_figure(self, deliveries: int | None) -> Figure:
        """The same as a figure, with the reason where it is unknown."""
        if self.kind is LimitKind.NONE:
            return _LEFT_WITHOUT_LIMIT
        if self.kind is LimitKind.UNREADABLE:
            return _LEFT_UNREADABLE
        return _exact(max(0, (self.number or 0) - (deliveries or 0)) if self.kind is LimitKind.KNOWN else 0)


_LEFT_WITHOUT_LIMIT = unknown("the queue has no delivery limit")
_LEFT_UNREADABLE = unknown("the queue's arguments and policy can't be read")
NO_LIMIT = DeliveryLimit(LimitKind.NONE)
UNLIMITED_QUORUM = DeliveryLimit(LimitKind.NONE, keeps_order=False)
UNREADABLE_LIMIT = DeliveryLimit(LimitKind.UNREADABLE, keeps_order=False)


@lru_cache(maxsize=4096)
def _exact(number: int) -> Figure:
    return exact(number)


def resolve_delivery_limit(
    row: Mapping[str, Any], policy: Mapping[str, Any] | None, version: tuple[int, ...]
) -> DeliveryLimit:
    """The limit of a queue: as reported, else the lower of argument and policy, else the default of the version.

    `row` comes from the management API. `policy` is the definition in force, operator policy included; None where it
    can't be read.
    """
    if row.get("type", "classic") != "quorum":
        return NO_LIMIT
    reported = row.get("delivery_limit")
    if isinstance(reported, int):
        return _from_number(reported, version)
    if reported == "unlimited":
        return UNLIMITED_QUORUM
    if policy is None:
        return UNREADABLE_LIMIT
    configured = (row.get("arguments", {}).get("x-delivery-limit"), policy.get("delivery-limit"))
    numbers = [value for value in configured if isinstance(value, int)]
    if numbers:
        return _from_number(min(numbers), version)
    return _from_number(DEFAULT, version) if version >= DEFAULT_SINCE else UNLIMITED_QUORUM


def _from_number(number: int, version: tuple[int, ...]) -> DeliveryLimit:
    if number >= 0:
        return DeliveryLimit(LimitKind.KNOWN, number)
    return UNLIMITED_QUORUM if version >= DEFAULT_SINCE else DeliveryLimit(LimitKind.NO_REQUEUE, number)
