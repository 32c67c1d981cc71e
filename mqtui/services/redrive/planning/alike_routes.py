"""Which letters of a source a plan counts together: those that the router treats alike, whatever is in their bodies."""

from __future__ import annotations

from mqtui.domain.convention import Conventions
from mqtui.domain.message import Message
from mqtui.domain.redrive import Transfer
from mqtui.services.redrive.planning.mqtui_headers import COUNT, RUN
from mqtui.services.redrive.planning.partition_check import MAX_COMPARED, can_compare, recorded_partition
from mqtui.services.redrive.planning.routing import RedriveRouter

ROUTED_BY_MORE = frozenset({"expires", "exchange", "routing_key"})
"""Fields that may decide a letter's route beside its origin."""


class AlikeRoutes:
    """`domain.bulk.Alikeness` of one plan. It has its own router: the thread that reads the source asks it.

    Letters are alike by origin and earlier redrives. A body is looked at only where no header names the origin: it may
    then be an envelope, or hint at one.
    """

    def __init__(self, router: RedriveRouter, conventions: Conventions) -> None:
        self._router = router
        self._conventions = conventions
        self._samples_wanted = MAX_COMPARED

    def deciding_headers(self, letter: Message) -> tuple[int, ...] | None:
        """Indexes of the headers with the origin and with the number and run of earlier redrives."""
        layout = self._conventions.layout(letter)
        origin = layout.slots.get("origin")
        if origin is None or layout.remains or not ROUTED_BY_MORE.isdisjoint(layout.slots):
            return None
        ours = [at for at, (name, _, _) in enumerate(letter.headers) if name in (COUNT, RUN)]
        return tuple(sorted({origin.first, *ours}))

    def samples_from(self, letter: Message) -> bool:
        """Whether the partition check may compare such letters, and has not compared enough."""
        if not self._samples_wanted or "partition" not in self._conventions.layout(letter).slots:
            return False
        route = self._router.route_alike(letter)
        return isinstance(route, Transfer) and can_compare(letter, route, self._conventions)

    def takes_sample(self, letter: Message) -> bool:
        """Whether the partition check compares this letter."""
        if not self._samples_wanted or recorded_partition(letter, self._conventions) is None:
            return False
        self._samples_wanted -= 1
        return True
