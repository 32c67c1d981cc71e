"""How letters go that need no look of their own: what the router says of one holds for all of its shape."""

from __future__ import annotations

from mqtui.domain.convention import Conventions
from mqtui.domain.convoy import Lane
from mqtui.domain.message import Message, Offset
from mqtui.domain.redrive import Transfer
from mqtui.domain.resource import Kind
from mqtui.services.redrive.order import Order
from mqtui.services.redrive.routing import Router
from mqtui.services.redrive.stamps import NAMES, ORIGIN, origins_in


class HomeLanes:
    """`domain.convoy.Lanes` of one order between topics. Its router is its own: it is asked by the lease's thread.

    Letters that bear our headers, that have no way home, or that go elsewhere than the plan says have no lane.
    """

    def __init__(self, order: Order, router: Router, conventions: Conventions) -> None:
        self._asks_each = order.to is None
        self._keeps_time = order.keep_timestamp
        self._router = router
        self._conventions = conventions

    def decisive(self, letter: Message) -> tuple[int, ...]:
        """The headers that name the letter's origin, where that is its target, and the group it failed in."""
        slots = self._conventions.layout(letter).slots
        origin = {slots["origin"].first} if self._asks_each and "origin" in slots else set()
        return tuple(sorted(origin | ({slots["group"].last} if "group" in slots else set())))

    def lane(self, letter: Message) -> Lane | None:
        """What the router says of this one."""
        way = self._router.route(letter)
        if not isinstance(way, Transfer) or way.target.kind is not Kind.TOPIC or not _bears_none_of_ours(letter):
            return None
        place, origin = letter.position, origins_in(letter.resource.name)
        (name, value, _), *rest = way.added
        if (
            not isinstance(place, Offset)
            or name != ORIGIN
            or value != origin(place.partition, place.offset, letter.timestamp)
        ):
            return None
        kept = tuple(at for at, (name, _, _) in enumerate(letter.headers) if name not in way.stripped)
        return Lane(way.target, kept, ORIGIN, origin, tuple(rest), self._keeps_time, self._group(letter))

    def _group(self, letter: Message) -> str:
        group = self._conventions.layout(letter).read_last(letter, "group")
        return group if isinstance(group, str) else ""


def _bears_none_of_ours(letter: Message) -> bool:
    return {name for name, _, _ in letter.headers}.isdisjoint(NAMES)
