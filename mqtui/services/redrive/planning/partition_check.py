"""Whether letters with a key would go back to their original partition (K6).

They do not where their producer used another partitioner than Java's, or where partitions were added since.
"""

from __future__ import annotations

from mqtui.brokers.port import Broker
from mqtui.domain.convention import Conventions
from mqtui.domain.deadletter import origin
from mqtui.domain.errors import MqtuiError
from mqtui.domain.figure import pluralize
from mqtui.domain.message import Message
from mqtui.domain.partitioner import partition_for
from mqtui.domain.redrive import Transfer
from mqtui.domain.resource import Kind, Ref

MAX_COMPARED = 1_000
"""Letters that are compared."""


def can_compare(letter: Message, route: Transfer, conventions: Conventions) -> bool:
    """Whether letters with this route go back to the topic that they name as their origin."""
    came_from = origin(letter, conventions)
    return came_from is not None and came_from.ref == route.target and route.target.kind is Kind.TOPIC


def recorded_partition(letter: Message, conventions: Conventions) -> int | None:
    """The partition that a letter came from, by its headers."""
    came_from = origin(letter, conventions)
    return None if came_from is None else came_from.partition


class PartitionCheck:
    """Compares the recorded partition with the one that the key hashes to, for the first letters that have both."""

    def __init__(self, conventions: Conventions) -> None:
        self._conventions = conventions
        self._recorded: dict[Ref, list[tuple[bytes, int]]] = {}
        self._compared = 0
        self.original_targets: set[Ref] = set()
        """Targets that a letter names as its origin."""

    def add(self, letter: Message, route: Transfer) -> None:
        """Take one letter that is routed to its original topic."""
        key = (route.content or letter).key
        compares = self._compared < MAX_COMPARED and key is not None and route.target.kind is Kind.TOPIC
        if not compares and route.target in self.original_targets:
            return
        came_from = origin(letter, self._conventions)
        if came_from is None or came_from.ref != route.target:
            return
        self.original_targets.add(route.target)
        if not compares or key is None or came_from.partition is None:
            return
        self._compared += 1
        self._recorded.setdefault(route.target, []).append((key, came_from.partition))

    async def describe(self, broker: Broker) -> str:
        """A sentence for the plan; "" where all agree, or where the topics can't be described."""
        elsewhere = 0
        for target, letters in self._recorded.items():
            try:
                partitions = (await broker.catalog.describe(target)).partitions
            except MqtuiError:
                continue
            if partitions:
                elsewhere += sum(partition_for(key, partitions) != at for key, at in letters)
        if not elsewhere:
            return ""
        of = ("the first " if self._compared >= MAX_COMPARED else "") + pluralize(self._compared, "letter")
        return f"{elsewhere:,} of {of} would go to another partition than the one they came from"
