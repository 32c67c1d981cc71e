"""How letters go that need no look of their own: what the router says of one holds for all of its shape."""

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
    """`domain.convoy.Lanes` of one order between topics. Its router is its own: it is asked by the lease's thread.

    Letters that have no way home, or that would go elsewhere than the plan says, have no lane.
    """

    def __init__(self, request: RedriveRequest, router: RedriveRouter, conventions: Conventions) -> None:
        self._targets_vary = request.to is None
        self._keeps_timestamp = request.keep_timestamp
        self._router = router
        self._conventions = conventions

    def discriminating_headers(self, letter: Message) -> tuple[int, ...]:
        """Origin, where that is the target, the group it failed in, and how often it was sent home before."""
        slots = self._conventions.layout(letter).slots
        places = {at for at, (name, _, _) in enumerate(letter.headers) if name == COUNT}
        if self._targets_vary and "origin" in slots:
            places.add(slots["origin"].first)
        if "group" in slots:
            places.add(slots["group"].last)
        return tuple(sorted(places))

    def route_for(self, letter: Message) -> RouteTemplate | None:
        """What the router says of this one."""
        route, place = self._router.route(letter), letter.position
        if (
            not isinstance(route, Transfer)
            or route.content is not None
            or route.target.kind is not Kind.TOPIC
            or not isinstance(place, Offset)
        ):
            return None
        added, origin = route.added, None
        if added and added[0][0] == ORIGIN:
            origin = origin_encoder(letter.resource.name)
            if added[0][1] != origin(place.partition, place.offset, letter.timestamp):
                return None
            added = added[1:]
        kept = tuple(at for at, (name, _, _) in enumerate(letter.headers) if name not in route.stripped)
        return RouteTemplate(route.target, kept, ORIGIN, origin, added, self._keeps_timestamp, self._group(letter))

    def _group(self, letter: Message) -> str:
        group = self._conventions.layout(letter).read_last(letter, "group")
        return group if isinstance(group, str) else ""
