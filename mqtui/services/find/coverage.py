"""What was looked at, and what was not, with why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic

from mqtui.domain.errors import MqtuiError, NotFound
from mqtui.domain.figure import pluralize
from mqtui.services.find.priced import PricedQueue
from mqtui.services.find.request import FindRequest

MAX_NAMED = 5
"""Names that one line has."""


@dataclass(frozen=True, slots=True)
class NotLookedAt:
    """A place, or a broker, that could not be looked at, or not to its end. `place` is "" where it is no single one."""

    target: str
    place: str
    why: str
    detail: str = ""
    is_broker: bool = False
    is_gone: bool = False
    """Whether it vanished meanwhile, so that nothing of it is missing."""

    @classmethod
    def of(cls, target: str, place: str, error: MqtuiError) -> NotLookedAt:
        """Why an error hides a place; without a place the whole broker."""
        return cls(target, place, error.title, error.detail, not place, isinstance(error, NotFound))

    @property
    def text(self) -> str:
        """`shop/kafka topic:orders: The topic orders is closed to this user`."""
        where = f"{self.target} {self.place}".strip()
        detail = f". {self.detail}" if self.detail and self.is_broker else ""
        return f"{where}: {self.why}{detail}"


@dataclass(slots=True)
class Coverage:
    """Counts of places and messages over all brokers."""

    places: int = 0
    looked_at: int = 0
    scanned: int = 0
    size: int = 0
    found: int = 0
    undecodable: int = 0
    internal: int = 0
    """Topics of the brokers' own, which are not looked at."""

    with_older: int = 0
    """Places that hold more than the depth."""

    queues_with_more: int = 0
    """Queues that hold more than was read of each."""

    uncommitted: int = 0
    dropped: int = 0
    """Hits beyond those that are kept."""

    missing: list[NotLookedAt] = field(default_factory=list)
    declined: list[PricedQueue] = field(default_factory=list)
    declined_why: str = ""
    began: float = field(default_factory=monotonic)

    def add_missing(self, missing: NotLookedAt) -> None:
        """Something could not be looked at."""
        self.missing.append(missing)

    @property
    def is_complete(self) -> bool:
        """Whether everything that is there could be looked at, but for the price of queues."""
        return all(each.is_gone for each in self.missing)

    def add_declined(self, queues: Sequence[PricedQueue], why: str) -> None:
        """Queues whose price was not accepted."""
        self.declined += queues
        self.declined_why = why

    @property
    def seconds(self) -> float:
        """How long it has taken."""
        return monotonic() - self.began

    def describe(self) -> str:
        """`4 hits, 1,228 of 1,231 places looked at, 812,301 messages`."""
        return (
            f"{pluralize(self.found, 'hit')}, {self.looked_at:,} of {pluralize(self.places, 'place')} looked at, "
            f"{pluralize(self.scanned, 'message')}"
        )

    def notes(self, request: FindRequest) -> list[str]:
        """What was not looked at, a line each; alike ones together."""
        found = [f"✗ {each.text}" for each in self.missing if each.is_broker]
        by_reason: dict[tuple[str, str], list[str]] = {}
        for each in self.missing:
            if not each.is_broker:
                by_reason.setdefault((each.target, each.why), []).append(each.place)
        found += [f"· {target}{_names(places)}: {why}" for (target, why), places in by_reason.items()]
        by_target = Counter(queue.session.target for queue in self.declined)
        for target in by_target:
            names = [str(queue.ref) for queue in self.declined if queue.session.target == target]
            found.append(f"· {target}{_names(names)}: {self.declined_why}")
        if self.with_older:
            places = pluralize(self.with_older, "place")
            found.append(f"· {places} with more than the newest {request.place_depth:,}: --depth looks further back")
        if self.queues_with_more:
            queues = pluralize(self.queues_with_more, "queue")
            found.append(f"· {queues} with more than the first {request.queue_depth:,}: --depth reads more")
        if self.uncommitted:
            found.append(f"· {self.uncommitted:,} in open transactions: not yet committed by their writer")
        if self.internal:
            found.append(f"· {pluralize(self.internal, 'topic')} of the brokers' own")
        if self.undecodable:
            found.append(
                f"· {pluralize(self.undecodable, 'value')} that can't be decoded: only their bytes were searched"
            )
        if self.dropped:
            found.append(f"· {self.dropped:,} further hits are not shown: give more of the text")
        return found


def _names(places: Sequence[str]) -> str:
    named = [place for place in places if place]
    if not named:
        return ""
    more = f" and {len(named) - MAX_NAMED:,} more" if len(named) > MAX_NAMED else ""
    return f" {', '.join(named[:MAX_NAMED])}{more}"
