"""How often a queue gives a message away before it removes it (R4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from mqtui.domain.figure import Figure, exact, unknown

DEFAULT_SINCE = (4, 0)
DEFAULT = 20
"""The limit of quorum queues from 4.0 on that name none."""


class Sort(StrEnum):
    """What is known of a limit."""

    NONE = "none"
    """Looking spends nothing that counts."""

    KNOWN = "known"
    UNTOLD = "untold"
    """Arguments and policy can't be read: every message is treated as one with 1 left."""

    NEVER = "never"
    """A negative limit before 4.0: no return at all is survived."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The delivery limit of one queue; `orders` says whether what is returned keeps its place (R5)."""

    sort: Sort
    number: int | None = None
    orders: bool = True

    @property
    def costs(self) -> bool:
        """Whether a return may remove a message."""
        return self.sort is not Sort.NONE

    def spare(self, deliveries: int | None) -> int | None:
        """The same for decisions: None without a limit, 1 where the limit is untold."""
        match self.sort:
            case Sort.NONE:
                return None
            case Sort.UNTOLD:
                return 1
            case Sort.NEVER:
                return 0
            case Sort.KNOWN:
                return max(0, (self.number or 0) - (deliveries or 0))

    def left(self, deliveries: int | None) -> Figure:
        """How often a message that arrived with that count can still be returned."""
        if self.sort is Sort.NONE:
            return _WITHOUT
        if self.sort is Sort.UNTOLD:
            return _UNTOLD
        return _left(max(0, (self.number or 0) - (deliveries or 0)) if self.sort is Sort.KNOWN else 0)


_WITHOUT = unknown("the queue has no delivery limit")
_UNTOLD = unknown("the queue's arguments and policy can't be read")
FREE = Limit(Sort.NONE)
UNTOLD = Limit(Sort.UNTOLD, orders=False)


@lru_cache(maxsize=4096)
def _left(number: int) -> Figure:
    return exact(number)


def limit_of(row: Mapping[str, Any], policy: Mapping[str, Any] | None, version: tuple[int, ...]) -> Limit:
    """The limit of a queue: reported, else the least of argument and policy, else by version.

    `row` is the management API's; `policy` the effective definition, operator policy included, None where it can't be
    read.
    """
    if row.get("type", "classic") != "quorum":
        return FREE
    reported = row.get("delivery_limit")
    if isinstance(reported, int):
        return _of(reported, version)
    if reported == "unlimited":
        return Limit(Sort.NONE, orders=False)
    if policy is None:
        return UNTOLD
    named = (row.get("arguments", {}).get("x-delivery-limit"), policy.get("delivery-limit"))
    told = [value for value in named if isinstance(value, int)]
    if told:
        return _of(min(told), version)
    return _of(DEFAULT, version) if version >= DEFAULT_SINCE else Limit(Sort.NONE, orders=False)


def _of(number: int, version: tuple[int, ...]) -> Limit:
    if number >= 0:
        return Limit(Sort.KNOWN, number)
    return Limit(Sort.NONE, orders=False) if version >= DEFAULT_SINCE else Limit(Sort.NEVER, number)
