"""Where each letter goes, and what stays behind on the way."""

from __future__ import annotations

from dataclasses import dataclass

from mqtui.domain.convention import Conventions, Layout
from mqtui.domain.deadletter import home_by, original_key
from mqtui.domain.message import Message
from mqtui.domain.redrive import Transfer
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.services.redrive.order import Order
from mqtui.services.redrive.stamps import NAMES, Stamps

DROPPED = frozenset({"user_id", "expiration"})
"""AMQP properties that stay behind: `user_id` must be the sender's own, an expiration would kill the letter again."""

BROKER_OWN = frozenset({"x-delivery-count", "x-acquired-count"})
"""Headers a quorum queue adds to each delivery; they are no part of the letter."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A letter that can't be sent, and why."""

    reason: str


class Router:
    """Decides for each letter of one order."""

    def __init__(
        self, order: Order, kind: BrokerKind, conventions: Conventions, stamps: Stamps, targets: frozenset[Ref] | None
    ) -> None:
        """`targets` are the plan's, and letters that would go elsewhere are left; None while the plan is made."""
        self.verb = order.verb
        self._to = order.to
        self._kind = kind
        self._keep_timestamp = order.keep_timestamp
        self._conventions = conventions
        self._stamps = stamps
        self._targets = targets
        self._ours = stamps.stripped(kind) | (BROKER_OWN if kind is BrokerKind.RABBITMQ else frozenset())
        self._dropped = DROPPED if kind is BrokerKind.RABBITMQ else frozenset()
        self._layout: Layout | None = None
        """Of the letter before, and what follows from it: nearly always that of the next one too."""

        self._strips: frozenset[str] = frozenset()
        self._mark = stamps.of
        self._usual: Ref | None = None
        """The target of the letter before."""

    def route(self, letter: Message) -> Transfer | Lost:
        """The letter's way, or why it has none."""
        routing_key = ""
        layout = self._conventions.layout(letter)
        if layout is not self._layout:
            self._learn(layout)
        if self._to is not None:
            target = self._to
            if target.kind is Kind.EXCHANGE and letter.envelope is not None:
                told = original_key(layout, letter)
                routing_key = letter.envelope.routing_key if told is None else told
        else:
            found = home_by(layout, letter, self._conventions)
            if found is None:
                return Lost("nothing says where it came from")
            target, routing_key = found.ref, found.routing_key
        if target is not self._usual:
            if self._targets is not None and target not in self._targets:
                return Lost(f"{target} is not in the plan")
            self._usual = target
        return Transfer(
            letter,
            target,
            routing_key,
            None,
            letter.timestamp if self._keep_timestamp else None,
            self._strips,
            self._mark(letter),
            self._dropped,
        )

    def _learn(self, layout: Layout) -> None:
        """What stays behind, the convention's and ours of an earlier run, and how such letters are marked."""
        self._layout = layout
        self._strips = layout.stripped | self._ours
        fresh = layout.stripped.isdisjoint(NAMES) and not set(NAMES).intersection(layout.kept)
        self._mark = self._stamps.of_fresh if fresh else self._stamps.of
