"""The bulk path: entries as the server sends them, moved without a domain Message per letter.

A field shape is a sequence of field names. Its route is built once for each combination of the values that decide it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import TypeVar

from mqtui.brokers.port import Batch
from mqtui.brokers.redis.connection.resp import Entry
from mqtui.brokers.redis.redrive.move_large_entry import MAX_SCRIPT_FIELDS
from mqtui.brokers.redis.redrive.move_spec import MoveSpec
from mqtui.domain.bulk import RouteTemplate, RouteTemplates
from mqtui.domain.raw_entries import RawEntries
from mqtui.domain.resource import Ref, name_text

MAX_SHAPES = 2_000
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True, eq=False)
class EntryRoute:
    """A route template, and the move that it stands for."""

    template: RouteTemplate
    spec: MoveSpec


@dataclass(slots=True)
class FieldShape:
    """The routes of entries with the same field names, by the values that `discriminator` picks from a flat entry."""

    discriminator: Callable[[list[bytes]], Hashable]
    routes: dict[Hashable, EntryRoute | None] = field(default_factory=dict)


class EntryRouter:
    """Routes the entries of one stream. `can_move` says whether a script can move entries to a target."""

    def __init__(self, ref: Ref, templates: RouteTemplates, can_move: Callable[[Ref], bool]) -> None:
        self._ref = ref
        self._templates = templates
        self._can_move = can_move
        self._shapes: dict[tuple[bytes, ...], FieldShape] = {}

    def route(self, entries: Sequence[Entry]) -> list[EntryRoute | None]:
        """The route of each entry; None: it must be moved as a message."""
        routes: list[EntryRoute | None] = []
        for alike in split_alike(entries, self._discriminating_values):
            routes += [self._route_of(alike[0])] * len(alike)
        return routes

    def _discriminating_values(self, _: Sequence[bytes], entries: Sequence[Entry]) -> Sequence[Hashable]:
        discriminator = self._shape_of(entries[0]).discriminator
        return [discriminator(flat) for _, flat in entries]

    def _route_of(self, entry: Entry) -> EntryRoute | None:
        shape = self._shape_of(entry)
        deciding = shape.discriminator(entry[1])
        try:
            return shape.routes[deciding]
        except KeyError:
            if len(shape.routes) >= MAX_SHAPES:
                shape.routes.clear()
            route = shape.routes[deciding] = self._build(entry)
            return route

    def _shape_of(self, entry: Entry) -> FieldShape:
        names = tuple(entry[1][::2])
        shape = self._shapes.get(names)
        if shape is None:
            if len(self._shapes) >= MAX_SHAPES:
                self._shapes.clear()
            (letter,) = RawEntries(self._ref, [entry]).letters()
            indexes = [2 * index + 1 for index in self._templates.discriminating_headers(letter)]
            shape = self._shapes[names] = FieldShape(itemgetter(*indexes) if indexes else len)
        return shape

    def _build(self, entry: Entry) -> EntryRoute | None:
        (letter,) = RawEntries(self._ref, [entry]).letters()
        template = self._templates.route_for(letter)
        if template is None or len(letter.fields) > MAX_SCRIPT_FIELDS or not self._can_move(template.target):
            return None
        kept = frozenset(template.kept)
        stripped = frozenset(name_text(name) for at, (name, _) in enumerate(letter.fields) if at not in kept)
        return EntryRoute(template, MoveSpec(self._ref, template.target, stripped, template.added))


class RawEntryBatch:
    """The port's RawBatch: entries that were read and not yet moved, with the route of each."""

    def __init__(self, ref: Ref, entries: Sequence[Entry], routes: Sequence[EntryRoute | None]) -> None:
        self.positions = RawEntries(ref, entries)
        self.route_of_each = routes
        self.entry_routes = [route for route in dict.fromkeys(routes) if route is not None]
        self.is_routed = None not in routes
        self.routes = [route.template for route in self.entry_routes]

    def __len__(self) -> int:
        return len(self.positions)

    def letters(self) -> Batch:
        return self.positions.letters()

    def indexes_by_spec(self) -> dict[MoveSpec, Sequence[int]]:
        """The indexes of the routed entries, by what a move does to them."""
        specs = {route: route.spec for route in self.entry_routes}
        if self.is_routed and len(set(specs.values())) == 1:
            return {self.entry_routes[0].spec: range(len(self))}
        found: dict[MoveSpec, list[int]] = {spec: [] for spec in specs.values()}
        lists = {route: found[spec] for route, spec in specs.items()}
        for index, route in enumerate(self.route_of_each):
            if route is not None:
                lists[route].append(index)
        return {**found}


def split_alike(
    entries: Sequence[Entry], values_of: Callable[[Sequence[bytes], Sequence[Entry]], Sequence[Hashable]]
) -> Iterator[Sequence[Entry]]:
    """Entries in stretches that have the same field names, and the same value by `values_of`.

    Where all are alike, which is usual, this takes no step of Python's for each.
    """
    for names, same_names in _split_by(entries, [flat[::2] for _, flat in entries]):
        for _, alike in _split_by(same_names, values_of(names, same_names)):
            yield alike


def _split_by(entries: Sequence[Entry], keys: Sequence[Key]) -> Iterator[tuple[Key, Sequence[Entry]]]:
    """Entries in stretches of the same key."""
    if entries and keys.count(keys[0]) == len(keys):
        yield keys[0], entries
        return
    start = 0
    for key, stretch in groupby(keys):
        end = start + len(list(stretch))
        yield key, entries[start:end]
        start = end
