"""Route templates of the bulk path: what the router decides for one letter holds for all with the same headers.

The fields of a stream entry count as headers.
"""

from __future__ import annotations

from mqtui.domain.bulk import RouteTemplate
from mqtui.domain.convention import Conventions
from mqtui.domain.message import EntryId, Message, Offset
from mqtui.domain.redrive import Transfer
from mqtui.domain.resource import Kind, name_text
from mqtui.services.redrive.planning.mqtui_headers import COUNT, ORIGIN, origin_encoder
from mqtui.services.redrive.planning.routing import RedriveRouter
from mqtui.services.redrive.request import RedriveRequest


class BulkRoutes:
    """`domain.bulk.RouteTemplates` of one request. It has its own router: the lease's thread asks it."""

    def __init__(self, request: RedriveRequest, router: RedriveRouter, conventions: Conventions) -> None:
        self._targets_vary = request.to is None
        self._keeps_timestamp = request.keep_timestamp
        self._router = router
        self._conventions = conventions

    def discriminating_headers(self, letter: Message) -> tuple[int, ...]:
        """Indices of the headers that a route depends on: origin, failed group, number of earlier redrives."""
        slots = self._conventions.layout(letter).slots
        if "expires" in slots:
            return ()
        indices = {at for at, (name, _, _) in enumerate(letter.headers) if name == COUNT}
        if self._targets_vary and "origin" in slots:
            indices.add(slots["origin"].first)
        if "group" in slots:
            indices.add(slots["group"].last)
        return tuple(sorted(indices))

    def route_for(self, letter: Message) -> RouteTemplate | None:
        """The route of this letter as a template; None where it has none, or goes elsewhere than the plan says."""
        route, position = self._router.route(letter), letter.position
        if (
            not isinstance(route, Transfer)
            or route.content is not None
            or route.target.kind not in (Kind.TOPIC, Kind.STREAM)
            or "expires" in self._conventions.layout(letter).slots
        ):
            return None
        added, origin = route.added, None
        if added and added[0][0] == ORIGIN and isinstance(position, Offset):
            origin = origin_encoder(letter.resource.name)
            if added[0][1] != origin(position.partition, position.offset, letter.timestamp):
                return None
            added = added[1:]
        kept = tuple(at for at, name in enumerate(_names(letter)) if name not in route.stripped)
        return RouteTemplate(route.target, kept, ORIGIN, origin, added, self._keeps_timestamp, self._group(letter))

    def _group(self, letter: Message) -> str:
        group = self._conventions.layout(letter).read_last(letter, "group")
        return group if isinstance(group, str) else ""


def _names(letter: Message) -> list[str]:
    if isinstance(letter.position, EntryId):
        return [name_text(name) for name, _ in letter.fields]
    return [name for name, _, _ in letter.headers]
