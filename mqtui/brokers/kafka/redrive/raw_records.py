"""The bulk path: librdkafka's records with the headers for their target, without a domain Message per letter.

A header shape is a sequence of header names. Its route is built once for each combination of the header values that
decide it; all other code here runs for every letter of a move.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TypeAlias

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE

from mqtui.brokers.kafka.messages import NO_TIME, Record, WireHeaders, header_error, read_headers, to_message
from mqtui.brokers.port import Batch
from mqtui.domain.bulk import OffsetRanges, RouteTemplate, RouteTemplates
from mqtui.domain.resource import Ref

MAX_SHAPES = 2_000
FREED_AT_ONCE = 500
"""Records that are freed before other threads get Python's lock: 10,000 at once hold it for 30 ms and more."""

RawRecord: TypeAlias = tuple[Record, int, int, RouteTemplate | None, WireHeaders, int]
"""Record, partition, offset, route (None: it must be moved as a message), headers and timestamp to send (0: now)."""


@dataclass(frozen=True, slots=True)
class EncodedRoute:
    """A route template with its added headers as confluent-kafka takes them."""

    template: RouteTemplate
    added: WireHeaders


@dataclass(slots=True)
class HeaderShape:
    """The routes of records with the same header names, by the values that `discriminator` picks from all values."""

    discriminator: Callable[[tuple[str | bytes | None, ...]], Hashable]
    routes: dict[Hashable, EncodedRoute | None] = field(default_factory=dict)


class RecordRouter:
    """Makes a RawRecord of each record by its headers. Used by one thread."""

    def __init__(self, ref: Ref, templates: RouteTemplates) -> None:
        self._ref = ref
        self._templates = templates
        self._shapes: dict[tuple[str, ...], HeaderShape] = {}

    def __call__(self, record: Record, partition: int, offset: int) -> RawRecord:
        """The routed record at that partition and offset."""
        try:
            headers: WireHeaders = read_headers(record) or []
        except SystemError:  # a header name that is not UTF-8
            return (record, partition, offset, None, [], 0)
        names, values = zip(*headers, strict=True) if headers else ((), ())
        shape = self._shapes.get(names) or self._learn(names, record, partition, offset)
        discriminating = shape.discriminator(values)
        try:
            route = shape.routes[discriminating]
        except KeyError:
            route = self._build(shape, discriminating, record, partition, offset)
        if route is None:
            return (record, partition, offset, None, [], 0)
        template = route.template
        kind, time = record.timestamp()
        if kind == TIMESTAMP_NOT_AVAILABLE or time == NO_TIME:
            time = None
        pairs = [headers[index] for index in template.kept]
        if (origin := template.origin) is not None:
            pairs.append((template.origin_name, origin(partition, offset, time)))
        pairs += route.added
        return (record, partition, offset, template, pairs, (time or 0) if template.keeps_time else 0)

    def _learn(self, names: tuple[str, ...], record: Record, partition: int, offset: int) -> HeaderShape:
        if len(self._shapes) >= MAX_SHAPES:
            self._shapes.clear()
        indexes = self._templates.discriminating_headers(to_message(self._ref, record, partition, offset))
        found = self._shapes[names] = HeaderShape(itemgetter(*indexes) if indexes else len)
        return found

    def _build(
        self, shape: HeaderShape, values: Hashable, record: Record, partition: int, offset: int
    ) -> EncodedRoute | None:
        if len(shape.routes) >= MAX_SHAPES:
            shape.routes.clear()
        letter = to_message(self._ref, record, partition, offset)
        template = self._templates.route_for(letter)
        route = None
        if template is not None and not header_error([letter.headers[index] for index in template.kept]):
            route = EncodedRoute(template, [(name, content) for name, content, _ in template.added])
        shape.routes[values] = route
        return route


class RawRecordBatch:
    """The port's RawBatch: raw records that were given out and not yet moved."""

    def __init__(self, ref: Ref, records: list[RawRecord]) -> None:
        self._ref = ref
        self.records = records
        self.partitions = [record[1] for record in records]
        self.offsets = [record[2] for record in records]
        self.positions = OffsetRanges.of(self.partitions, self.offsets)
        templates = {id(record[3]): record[3] for record in records}.values()
        self.is_routed = None not in templates
        self.routes: Sequence[RouteTemplate] = [template for template in templates if template is not None]

    def __len__(self) -> int:
        return len(self.offsets)

    def free_records(self) -> None:
        """Free the records, which are moved, a part at a time."""
        while self.records:
            del self.records[-FREED_AT_ONCE:]

    def letters(self) -> Batch:
        return [to_message(self._ref, record, number, offset) for record, number, offset, *_ in self.records]
