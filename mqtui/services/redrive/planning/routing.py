"""Decides where each letter goes, and which headers and properties are stripped."""

from __future__ import annotations

from dataclasses import dataclass

from mqtui.brokers.registry import traits_of
from mqtui.domain.body_envelope import EnvelopeContent, looks_like_envelope, open_envelope
from mqtui.domain.convention import Conventions, Layout
from mqtui.domain.deadletter import original_key, redrive_target_by_layout
from mqtui.domain.message import Message, MessageFormat
from mqtui.domain.redrive import Transfer
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.services.redrive.planning.mqtui_headers import HEADER_NAMES, HeaderStamper
from mqtui.services.redrive.request import RedriveRequest

DROPPED_PROPERTIES = frozenset({"user_id", "expiration"})
"""AMQP properties that are not sent: `user_id` must be the sender's own, `expiration` would expire the letter again."""

ENVELOPE_RISK = "envelope"
"""The risk of delivering an envelope's content without being sure of its bytes, or an envelope as it is."""

UNKNOWN_ENVELOPE = "it looks like an envelope that no convention describes, and would be delivered whole"

MAX_ORIGINS = 10_000
"""Values of an origin header whose routes are remembered."""

DELIVERY_HEADERS = frozenset({"x-delivery-count", "x-acquired-count"})
"""Headers that a quorum queue adds to each delivery; they are not part of the message."""


NO_LAYOUT = Layout(MessageFormat.RECORD, Kind.TOPIC, "", {}, frozenset(), (), (), frozenset())

ORIGIN_UNKNOWN = "original destination unknown: no header names it, use --to"


@dataclass(frozen=True, slots=True)
class Unroutable:
    """Why a letter stays in the source."""

    reason: str


EXPIRED_RISK = "expired"
"""The risk name under which letters are sent although their own expiry has passed."""


class RedriveRouter:
    """Routes the letters of one request."""

    def __init__(
        self,
        request: RedriveRequest,
        kind: BrokerKind,
        conventions: Conventions,
        stamper: HeaderStamper,
        targets: frozenset[Ref] | None,
        risks: frozenset[str] = frozenset(),
        alive_at: int | None = None,
    ) -> None:
        """`targets` are those of the plan: letters that would go elsewhere stay; None while planning. `risks` are the
        names of the plan's risks: no other risk is taken. Letters whose own expiry was before `alive_at` (ms since the
        epoch) stay; None: they are sent too.
        """
        self._alive_at = alive_at
        self.verb = request.verb
        self._to = request.to
        self._source = None if request.to_target else request.source
        self._kind = kind
        self._keep_timestamp = request.keep_timestamp
        self._conventions = conventions
        self._stamper = stamper
        self._targets = targets
        self._allows_doubtful = targets is None or ENVELOPE_RISK in risks
        is_amqp = traits_of(kind).message_format is MessageFormat.AMQP
        self._own_headers = stamper.headers_to_strip(kind) | (DELIVERY_HEADERS if is_amqp else frozenset())
        self._dropped = DROPPED_PROPERTIES if is_amqp else frozenset()
        self.layout = NO_LAYOUT
        """The layout of the letter that was routed last, and what was derived from it: the next nearly always has the
        same."""

        self._strips: frozenset[str] = frozenset()
        self._headers_for = stamper.headers_for
        self._routes_by_origin: dict[bytes | None, Transfer | Unroutable] = {}
        self._origin_index = -1
        """The index of the header that alone decides the route of letters of this layout; -1: more than one decides."""

        self._last_target: Ref | None = None
        """The target of the previous letter, already checked."""

    def route(self, letter: Message) -> Transfer | Unroutable:
        """Where the letter goes and with which headers, or why it stays."""
        alike = self.route_alike(letter)
        if isinstance(alike, Unroutable) or alike.letter is letter:
            return alike
        time = letter.timestamp if self._keep_timestamp else None
        added = self._headers_for(letter)
        return Transfer(
            letter, alike.target, alike.routing_key, None, time, alike.stripped, added, alike.dropped, alike.content
        )

    def route_alike(self, letter: Message) -> Transfer | Unroutable:
        """The route of this letter, or of an earlier one with the same header names and origin: to count, not to send.

        Letter, time and added headers are then those of the earlier one; all else is the same.
        """
        layout = self._conventions.layout(letter)
        if layout is not self.layout:
            self._use_layout(layout)
        if self._origin_index < 0:
            return self._decide(letter, layout)
        value = (letter.headers or letter.fields)[self._origin_index][1]
        known = self._routes_by_origin.get(value)
        if known is None:
            if len(self._routes_by_origin) >= MAX_ORIGINS:
                self._routes_by_origin.clear()
            known = self._routes_by_origin[value] = self._decide(letter, layout)
        return known

    def _decide(self, letter: Message, layout: Layout) -> Transfer | Unroutable:
        routing_key = ""
        if self._alive_at is not None and _is_expired(layout, letter, self._alive_at):
            return Unroutable(f"its own expiry has passed, so consumers would drop it; --allow {EXPIRED_RISK} sends it")
        if self._to is not None:
            target = self._to
            if target.kind is Kind.EXCHANGE and letter.envelope is not None:
                told = original_key(layout, letter)
                routing_key = letter.envelope.routing_key if told is None else told
        else:
            found = redrive_target_by_layout(layout, letter, self._conventions)
            if found is None:
                return Unroutable(ORIGIN_UNKNOWN)
            target, routing_key = found.ref, found.routing_key
        if target is not self._last_target:
            if target == self._source:
                return Unroutable("it would go back to the destination it lies in")
            if self._targets is not None and target not in self._targets:
                return Unroutable(f"{target} is not in the plan")
            self._last_target = target
        content: EnvelopeContent | None = None
        if layout.envelope is not None:
            opened = open_envelope(layout.envelope, letter)
            if isinstance(opened, str):
                return Unroutable(opened)
            if opened.doubt and not self._allows_doubtful:
                return Unroutable(
                    f"the message in its envelope is not sure to be the one that was sent: {opened.doubt}"
                )
            content = opened
        return Transfer(
            letter,
            target,
            routing_key,
            None,
            letter.timestamp if self._keep_timestamp else None,
            self._strips,
            self._headers_for(letter),
            self._dropped,
            content,
        )

    def why_doubtful(self, letter: Message, route: Transfer | Unroutable) -> str:
        """Why the message of the letter that was routed last may not be the original one; "" where there is no doubt.

        Of letters without known headers the body is looked at: an envelope of an unknown kind would be sent whole.
        """
        if isinstance(route, Unroutable):
            return ""
        if route.content is not None:
            return route.content.doubt
        layout = self.layout
        if layout.slots and not layout.remains:
            return ""
        if layout.remains and any(layout.read(letter, name) is not None for name in ("exception", "group")):
            return layout.remains
        tells_nothing = not layout.slots and not letter.fields
        return UNKNOWN_ENVELOPE if tells_nothing and looks_like_envelope(letter.value) else ""

    def _use_layout(self, layout: Layout) -> None:
        """Derive what is stripped, and whether letters of this layout can have headers of an earlier run."""
        self.layout = layout
        self._strips = layout.stripped | self._own_headers
        fresh = layout.stripped.isdisjoint(HEADER_NAMES) and not set(HEADER_NAMES).intersection(layout.kept)
        self._headers_for = self._stamper.first_headers_for if fresh else self._stamper.headers_for
        self._routes_by_origin.clear()
        origin, is_amqp = layout.slots.get("origin"), layout.format is MessageFormat.AMQP
        more = is_amqp or self._to is not None or layout.envelope is not None or "expires" in layout.slots
        self._origin_index = -1 if origin is None or more else origin.first


def _is_expired(layout: Layout, letter: Message, now: int) -> bool:
    expires = layout.read_last(letter, "expires")
    return isinstance(expires, int) and expires < now
