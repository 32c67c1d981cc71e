"""What the bundle of a run still holds of the letters that the journal says are in it, and what only it knows of."""

from __future__ import annotations

from collections.abc import Collection

from mqtui.domain.resource import BrokerKind
from mqtui.profiles.keys import bundle_key
from mqtui.services.redrive.run.batch import deliveries_left
from mqtui.services.redrive.run.outcome_counter import fingerprint
from mqtui.services.session import Session
from mqtui.state import bundles
from mqtui.state.runs import Mark, RunRecord, Runs


def find_in_bundle(session: Session, record: RunRecord, wanted: Collection[str]) -> tuple[frozenset[str], str]:
    """Those of the letters that can be read from the bundle, and a sentence on the others; "" where there are none.

    It reads the whole bundle, so this is not for an event loop.

    Raises:
        Refused: the bundle was made with another key, or there is none.
        StorageFailed: it is that of another run, or it can't be read at all.
    """
    if not bundles.exists(record.id):
        gone = f"the bundle is gone: none of {len(wanted):,} can be put back (bundles are kept for 14 days)"
        return frozenset(), gone if wanted else ""
    found = bundles.survey(record.id, bundle_key(session.profile))
    kept = frozenset(wanted) & found.names
    if len(kept) == len(wanted):
        return kept, ""
    why = found.damage or "the bundle lacks letters that the journal has"
    return kept, f"{why}: {len(kept):,} of {len(wanted):,} can be put back"


def find_unjournaled(session: Session, record: RunRecord, runs: Runs) -> list[Mark]:
    """Letters without a delivery left that a process kept in the bundle, and died before it noted them in the journal.

    Their queue has dropped them, so only the bundle has them. It reads the whole bundle.

    Raises:
        Refused, StorageFailed: the bundle can't be read.
    """
    if record.broker is not BrokerKind.RABBITMQ or not bundles.exists(record.id):
        return []
    kept = bundles.salvage(record.id, bundle_key(session.profile), lambda _: None)
    spent = {name: fingerprint(letter) for name, letter in kept if deliveries_left(letter) == 0}
    noted = {mark[0] for mark in runs.marks_of(record.id, spent)} if spent else set[str]()
    return [(name, print_, 0) for name, print_ in spent.items() if name not in noted]
