"""Letters that had no delivery left when the process died: the queue may have dropped them, the bundle did not (R2)."""

from __future__ import annotations

from mqtui.brokers.guard import BoundWriter
from mqtui.domain.redrive import OUTCOMES, Outcome, Transfer
from mqtui.services.redrive.ledger import Ledger
from mqtui.services.redrive.routing import Router
from mqtui.state.bundles import Bundle


async def restore(writer: BoundWriter, router: Router, ledger: Ledger, bundle: Bundle) -> None:
    """Send again, from the bundle, what was in hand without a delivery left and is not in the source any more.

    Each is named as a suspect: it may have been stored before the process died.
    """
    frail = {mark[0]: mark for mark in ledger.not_met() if mark[2] == 0}
    if not frail:
        return
    ways: list[tuple[str, Transfer]] = []
    for name, letter in bundle.read():
        if name in frail:
            way = router.route(letter)
            if isinstance(way, Transfer):
                ways.append((name, way))
                ledger.settle(frail.pop(name))
    async with writer.publisher() as publisher:
        receipts = await publisher.send([way.outgoing() for _, way in ways])
    for (name, way), receipt in zip(ways, receipts, strict=True):
        outcome = OUTCOMES[receipt.state]
        ledger.add(outcome, reason="" if outcome is Outcome.MOVED else receipt.reason)
        ledger.suspects.append(f"{way.letter.resource.name} {name}, sent again from the bundle")
