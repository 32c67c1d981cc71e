"""Which letters a run's bundle still holds: those that the journal expects, and those that only it has."""

from __future__ import annotations

from collections.abc import Collection, Set

from mqtui.brokers.registry import traits_of
from mqtui.profiles.keys import bundle_key
from mqtui.services.redrive.run.batch import deliveries_left
from mqtui.services.redrive.run.outcome_counter import fingerprint
from mqtui.services.session import Session
from mqtui.state import bundles
from mqtui.state.journal import InFlight, Journal, RunRecord


def find_in_bundle(session: Session, record: RunRecord, wanted: Collection[str]) -> tuple[Set[str], str]:
    """Those of the letters that can be read from the bundle, and a sentence on the others; "" where there are none.

    It blocks: the whole bundle is read.

    Raises:
        Refused: the bundle was made with another key, or there is none.
        StorageFailed: it is that of another run, or it can't be read at all.
    """
    if not bundles.exists(record.id):
        gone = f"the bundle is gone: none of {len(wanted):,} can be put back (bundles are kept for 14 days)"
        return frozenset(), gone if wanted else ""
    found = bundles.list_contents(record.id, bundle_key(session.profile))
    kept = {name for name in wanted if name in found.names}
    if len(kept) == len(wanted):
        return kept, ""
    why = found.damage or "the bundle lacks letters that the journal has"
    return kept, f"{why}: {len(kept):,} of {len(wanted):,} can be put back"


def find_unjournaled(session: Session, record: RunRecord, runs: Journal) -> list[InFlight]:
    """Letters on their last delivery that a process wrote to the bundle, and died before it wrote them to the journal.

    Their queue has dropped them, so only the bundle has them. It blocks: the whole bundle is read.

    Raises:
        Refused, StorageFailed: the bundle can't be read.
    """
    if not traits_of(record.broker).lends or not bundles.exists(record.id):
        return []
    kept = bundles.read_damaged(record.id, bundle_key(session.profile), lambda _: None)
    spent = {name: fingerprint(letter) for name, letter in kept if deliveries_left(letter) == 0}
    noted = {mark[0] for mark in runs.letters_named(record.id, spent)} if spent else set[str]()
    return [(name, print_, 0) for name, print_ in spent.items() if name not in noted]
