"""Route templates of the bulk path: what the router decides for one letter holds for all with the same headers."""

from __future__ import annotations

from mqtui.domain.bulk import RouteTemplate
from mqtui.domain.convention import Conventions
from mqtui.domain.message import Message, Offset
from mqtui.domain.redrive import Transfer
from mqtui.domain.resource import Kind
from mqtui.services.redrive.planning.mqtui_headers import COUNT, ORIGIN, origin_encoder
from mqtui.services.redrive.planning.routing import RedriveRouter
from mqtui.services.redrive.request import RedriveRequest


class BulkRoutes:
    """`domain.bulk.RouteTemplates` of one request between topics. It has its own router: the lease's thread asks it."""

    def __init__(self, request: RedriveRequest, router: RedriveRouter, conventions: Conventions) -> None:
        self._targets_vary = request.to is None
        self._keeps_timestamp = request.keep_timestamp
        self._router = router
        self._conventions = conventions

    def discriminating_headers(self, letter: Message) -> tuple[int, ...]:
        """Indices of the headers that a route depends on: origin, failed group, number of earlier redrives."""
        slots = self._conventions.layout(letter).slots
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
            or route.target.kind is not Kind.TOPIC
            or not isinstance(position, Offset)
        ):
            return None
        added, origin = route.added, None
        if added and added[0][0] == ORIGIN:
            origin = origin_encoder(letter.resource.name)
            if added[0][1] != origin(position.partition, position.offset, letter.timestamp):
                return None
            added = added[1:]
        kept = tuple(at for at, (name, _, _) in enumerate(letter.headers) if name not in route.stripped)
        return RouteTemplate(route.target, kept, ORIGIN, origin, added, self._keeps_timestamp, self._group(letter))

    def _group(self, letter: Message) -> str:
        group = self._conventions.layout(letter).read_last(letter, "group")
        return group if isinstance(group, str) else ""
