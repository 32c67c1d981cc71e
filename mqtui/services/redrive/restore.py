"""What becomes of letters that were in hand when a process died and are not in the source any more.

Most were moved: they left the source only after they were stored. One that had no delivery left may have been dropped
by its queue when the connection broke; the bundle has it (R2).
"""

from __future__ import annotations

from mqtui.brokers.guard import BoundWriter
from mqtui.domain.capability import Verb
from mqtui.domain.redrive import OUTCOMES, Outcome, Transfer
from mqtui.domain.resource import BrokerKind
from mqtui.services.redrive.crossing import cross
from mqtui.services.redrive.hands import PERHAPS_TWICE, suspect
from mqtui.services.redrive.keeping import Keeper
from mqtui.services.redrive.ledger import Ledger, Name, fingerprint
from mqtui.services.redrive.routing import Router
from mqtui.state.runs import Done, Mark

GONE = "not in the source any more after a crash"


async def settle(
    writer: BoundWriter,
    router: Router,
    ledger: Ledger,
    keeper: Keeper,
    kinds: tuple[BrokerKind, BrokerKind],
    repeated: frozenset[str],
) -> None:
    """Send frail letters again, and write down that the others were moved. `kinds` are those of source and target.

    `writer` writes to the target. Each letter sent again is a suspect: it may have been stored before the process died.
    So are `repeated` ones, which were in hand at several crashes.
    """
    frail = {mark[0]: mark for mark in ledger.not_met() if mark[2] == 0}
    if frail and keeper.bundle is not None and router.verb is not Verb.DISCARD:
        await _restore(writer, router, ledger, keeper, frail, kinds)
    gone = [mark for mark in ledger.not_met() if mark[0] not in frail or router.verb is Verb.DISCARD]
    for mark in gone:
        ledger.settle(mark)
    ledger.add(Outcome.MOVED, len(gone))
    twice = _named([mark[0] for mark in gone if mark[0] in repeated], keeper)
    ledger.suspects += twice.values()
    reasons = {name: PERHAPS_TWICE + text for name, text in twice.items()}
    await keeper.settled(gone, [(mark[0], Outcome.MOVED, "", reasons.get(mark[0], GONE)) for mark in gone])


def _named(names: list[str], keeper: Keeper) -> dict[str, str]:
    """How those letters are named as suspects: by what the bundle has of them, else by the journal's name."""
    found = dict.fromkeys(names, "")
    if found and keeper.bundle is not None:
        for name, letter in keeper.bundle.read():
            if name in found:
                found[name] = suspect(Name(name, fingerprint(letter), suspect=True), letter)
    return {name: text or name for name, text in found.items()}


async def _restore(
    writer: BoundWriter,
    router: Router,
    ledger: Ledger,
    keeper: Keeper,
    frail: dict[str, Mark],
    kinds: tuple[BrokerKind, BrokerKind],
) -> None:
    assert keeper.bundle is not None
    ways: dict[str, Transfer] = {}
    for name, letter in keeper.bundle.read():
        way = router.route(letter) if name in frail else None
        if isinstance(way, Transfer):
            ways[name] = way
    async with writer.publisher() as publisher:
        receipts = await publisher.send([cross(way.outgoing(), *kinds) for way in ways.values()])
    marks: list[Mark] = []
    dones: list[Done] = []
    for (name, way), receipt in zip(ways.items(), receipts, strict=True):
        outcome = OUTCOMES[receipt.state]
        named = suspect(Name(name, fingerprint(way.letter), suspect=True), way.letter)
        ledger.settle(frail[name])
        ledger.add(outcome, reason="" if outcome is Outcome.MOVED else receipt.reason)
        ledger.suspects.append(f"{named}, sent again from the bundle")
        if outcome is Outcome.MOVED:
            marks.append(frail[name])
            dones.append((name, outcome, way.target.name, PERHAPS_TWICE + named))
    await keeper.settled(marks, dones)
