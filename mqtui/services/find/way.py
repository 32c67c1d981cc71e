"""The way of a message: its copies in order of time, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mqtui.brokers.header_values import untyped_value
from mqtui.domain.deadletter import DeadLetterInfo, dead_letter_time, describe
from mqtui.domain.message import Message
from mqtui.domain.resource import BrokerKind
from mqtui.domain.scan import Bound, bound_of
from mqtui.services.conventions import load_for_profile
from mqtui.services.find.hit import Hit, ReadState
from mqtui.services.header_search import OWN_CONVENTION
from mqtui.services.redrive.planning.mqtui_headers import RUN

SHORT_RUN = 4


class StationKind(StrEnum):
    """What a copy is."""

    PUBLISHED = "published"
    DEAD = "dead"
    REDRIVEN = "redriven"


@dataclass(frozen=True, slots=True)
class Station:
    """A hit on its way. `time` is when it came there (ms); `letter` is set where it is a dead letter."""

    hit: Hit
    kind: StationKind
    time: int | None
    letter: DeadLetterInfo | None = None
    run: str = ""
    broker: str = ""
    """What its broker is called among those of the way: its kind, or its target where two are of one kind."""

    @property
    def what(self) -> str:
        """`published`, `dead: NumberFormatException: N/A, from orders 4/118203`, `redriven by run 86BC`."""
        if self.kind is StationKind.REDRIVEN:
            return f"redriven by run {self.run[:SHORT_RUN].upper()}" if self.run else "redriven"
        if self.letter is None:
            return "published"
        origin = self.letter.origin
        came = ""
        if origin is not None:
            at = origin.id or (f"{origin.partition}/{origin.offset}" if origin.offset is not None else "")
            came = f", from {origin.ref.name} {at}".rstrip()
        return f"dead: {self.letter.text}{came}" if self.letter.text else f"dead{came}"

    @property
    def sign(self) -> str:
        """`†` dead, `▲` somebody has still to read it or has it pending, `✓` all who read there have passed it."""
        if self.kind is StationKind.DEAD:
            return "†"
        states = {reader.state for reader in self.hit.readers or ()}
        if states & {ReadState.WAITING, ReadState.PENDING}:
            return "▲"
        return "✓" if states == {ReadState.PASSED} else " "


def find_way(hits: Sequence[Hit]) -> list[Station]:
    """The stations of some hits, the oldest first, of one time as they lie; those without a time last."""
    targets: dict[BrokerKind, set[str]] = {}
    for hit in hits:
        targets.setdefault(hit.broker, set()).add(hit.session.target)
    stations = [_station(hit, hit.session.target if len(targets[hit.broker]) > 1 else hit.broker.value) for hit in hits]
    return sorted(stations, key=_order)


def _order(station: Station) -> tuple[bool, int, Bound]:
    return station.time is None, station.time or 0, bound_of(station.hit.message.position)


def _station(hit: Hit, broker: str) -> Station:
    conventions = load_for_profile(hit.session.profile).conventions
    message = hit.message
    letter = describe(message, conventions)
    if _is_dead(message, letter):
        return Station(
            hit, StationKind.DEAD, dead_letter_time(message, conventions.layout(message)), letter, broker=broker
        )
    if letter.convention == OWN_CONVENTION or message.header(RUN) is not None:
        return Station(hit, StationKind.REDRIVEN, hit.time, run=_run_of(message), broker=broker)
    return Station(hit, StationKind.PUBLISHED, hit.time, broker=broker)


def _is_dead(message: Message, letter: DeadLetterInfo) -> bool:
    """Whether headers say that it died, and not on its way to this very place, or the place's name says it."""
    if letter.convention == OWN_CONVENTION or (letter.origin is not None and letter.origin.ref == message.resource):
        return False
    return bool(letter.convention)


def _run_of(message: Message) -> str:
    found = next(((value, kind) for name, value, kind in message.headers if name == RUN), None)
    raw = untyped_value(*found) if found is not None else None
    return (raw or b"").decode("ascii", "replace")
