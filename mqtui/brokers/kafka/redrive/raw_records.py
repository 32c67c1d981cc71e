"""Letters that nobody looks at: librdkafka's records, and the headers they are sent on with.

A shape is a row of header names. What letters of one shape have in common is asked once; all the rest here is paid for
each letter of a move.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TypeAlias

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE

from mqtui.brokers.kafka.messages import NO_TIME, Record, WireHeaders, message, read_headers, unsendable
from mqtui.brokers.port import Batch
from mqtui.domain.bulk import OffsetRanges, RouteTemplate, RouteTemplates
from mqtui.domain.resource import Ref

MOST_SHAPES = 2_000

Parcel: TypeAlias = tuple[Record, int, int, RouteTemplate | None, WireHeaders, int]
"""Record, partition, offset, lane (None: it needs a look), headers and time to send it with (0: now)."""


@dataclass(frozen=True, slots=True)
class Road:
    """A lane, ready to send along."""

    lane: RouteTemplate
    added: WireHeaders


@dataclass(slots=True)
class Shape:
    """Letters with the same header names: their roads by the headers that decide."""

    decisive: Callable[[WireHeaders], Hashable]
    roads: dict[Hashable, Road | None] = field(default_factory=dict)


class Sorter:
    """Makes a parcel of each record. Used by one thread."""

    def __init__(self, ref: Ref, lanes: RouteTemplates) -> None:
        self._ref = ref
        self._lanes = lanes
        self._shapes: dict[tuple[str, ...], Shape] = {}

    def __call__(self, record: Record, partition: int, offset: int) -> Parcel:
        """The parcel of one record, from that place."""
        try:
            headers: WireHeaders = read_headers(record) or []
        except SystemError:  # a header name that is not UTF-8
            return (record, partition, offset, None, [], 0)
        names = tuple([name for name, _ in headers])
        shape = self._shapes.get(names)
        if shape is None:
            shape = self._learn(names, record, partition, offset)
        decided = shape.decisive(headers)
        try:
            road = shape.roads[decided]
        except KeyError:
            road = self._build(shape, decided, record, partition, offset)
        if road is None:
            return (record, partition, offset, None, [], 0)
        lane = road.lane
        kind, time = record.timestamp()
        if kind == TIMESTAMP_NOT_AVAILABLE or time == NO_TIME:
            time = None
        pairs = [headers[place] for place in lane.kept]
        if (origin := lane.origin) is not None:
            pairs.append((lane.origin_name, origin(partition, offset, time)))
        pairs += road.added
        return (record, partition, offset, lane, pairs, (time or 0) if lane.keeps_time else 0)

    def _learn(self, names: tuple[str, ...], record: Record, partition: int, offset: int) -> Shape:
        if len(self._shapes) >= MOST_SHAPES:
            self._shapes.clear()
        places = self._lanes.discriminating_headers(message(self._ref, record, partition, offset))
        found = self._shapes[names] = Shape(itemgetter(*places) if places else len)
        return found

    def _build(self, shape: Shape, decided: Hashable, record: Record, partition: int, offset: int) -> Road | None:
        if len(shape.roads) >= MOST_SHAPES:
            shape.roads.clear()
        letter = message(self._ref, record, partition, offset)
        lane = self._lanes.route_for(letter)
        road = None
        if lane is not None and not unsendable([letter.headers[place] for place in lane.kept]):
            road = Road(lane, [(name, content) for name, content, _ in lane.added])
        shape.roads[decided] = road
        return road


class ParcelLoad:
    """Parcels in hand."""

    def __init__(self, ref: Ref, parcels: list[Parcel]) -> None:
        self._ref = ref
        self.parcels = parcels
        self.partitions = [parcel[1] for parcel in parcels]
        self.offsets = [parcel[2] for parcel in parcels]
        self.ranges = OffsetRanges.of(self.partitions, self.offsets)
        lanes = {id(parcel[3]): parcel[3] for parcel in parcels}.values()
        self.is_routed = None not in lanes
        self.routes: Sequence[RouteTemplate] = [lane for lane in lanes if lane is not None]

    def __len__(self) -> int:
        return len(self.parcels)

    def letters(self) -> Batch:
        """The letters themselves."""
        return [message(self._ref, record, number, offset) for record, number, offset, *_ in self.parcels]
