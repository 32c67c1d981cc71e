"""Open transactions: listed, and one of them aborted by a plan."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import tzinfo
from time import time

from mqtui.brokers.optional_port import ListsTransactions
from mqtui.domain.capability import Verb
from mqtui.domain.errors import NotFound, Unsupported
from mqtui.domain.figure import exact, pluralize
from mqtui.domain.plan import AbortTransaction, Plan, Risk
from mqtui.domain.policy import Consent
from mqtui.domain.times import format_age, format_time
from mqtui.domain.topology import Inventory
from mqtui.domain.transactions import OpenTransaction
from mqtui.services.browse import require_verb
from mqtui.services.jsonlines import Json, name_or_base64
from mqtui.services.pending import run_step
from mqtui.services.session import Session

MAX_NAMED = 20
"""Partitions that a plan names."""


async def list_transactions(session: Session) -> Inventory[OpenTransaction]:
    """All open transactions.

    Raises:
        Unsupported: the broker has none.
        MqtuiError: they can't be asked for.
    """
    await require_verb(session.broker, Verb.TRANSACTIONS)
    if not isinstance(session.broker, ListsTransactions):
        raise Unsupported("transactions is not offered here", f"{session.broker.kind} has none that can be listed.")
    return await session.broker.open_transactions()


def find_transaction(found: Inventory[OpenTransaction], name: str) -> OpenTransaction:
    """The one with a transactional id, or with the producer id where no coordinator lists it.

    Raises:
        NotFound: none is open under that name.
    """
    for each in found:
        if name in (each.transactional_id, str(each.producer_id)):
            return each
    raise NotFound(f"No open transaction {name}", "; ".join(found.missing), "mqtui transactions lists them.")


def plan_abort(session: Session, transaction: OpenTransaction) -> Plan:
    """Plan to abort one transaction: what it wrote is never seen by readers of what is committed."""
    now = time()
    name = transaction.transactional_id
    facts = [
        ("producer", f"{transaction.producer_id}, epoch {transaction.epoch}"),
        ("state", describe_state(transaction, now)),
    ]
    if name:
        facts.insert(0, ("id", name))
    facts += [("holds", place) for place in describe_places(transaction)]
    facts.append(("effect", "what it wrote is never seen by who reads only what is committed; the others go on"))
    risks = []
    if transaction.word(now) == "open":
        risks.append(Risk("in-use", "its time-out has not passed: its producer may be at work, and is fenced by this"))
    if not name:
        risks.append(Risk("markers", "no coordinator lists it: abort markers are written into its partitions by hand"))
    if name.startswith(f"{session.address.prefix}."):
        risks.append(Risk("own-run", "it is a run of mqtui, which is stopped by this: mqtui runs tells which"))
    return Plan(
        id=secrets.token_hex(16),
        verb=Verb.ABORT,
        profile=session.policy.profile,
        broker=session.broker.kind,
        steps=(AbortTransaction(transaction),),
        count=exact(1),
        facts=tuple(facts),
        risks=tuple(risks),
    )


async def abort(session: Session, plan: Plan, consent: Consent) -> tuple[str, ...]:
    """Abort what was planned; what there is to say of it.

    Raises:
        Refused, NeedsConsent, StorageFailed: as the guard says, or the transaction is another one by now.
        MqtuiError: it is open still.
    """
    return (await run_step(session, plan, consent)).notes


def describe_state(transaction: OpenTransaction, now: float, zone: tzinfo | None = None) -> str:
    """Its state and since when: `open since 02:53:10 (17m)`, `hanging, its last record was written 2h ago`."""
    word = transaction.word(now)
    if transaction.since is not None:
        age = format_age(now - transaction.since / 1000, units=2)
        return f"{word} since {format_time(transaction.since, '%H:%M:%S', zone)} ({age})"
    silent = transaction.silent_seconds(now)
    why = f"; {transaction.why}" if transaction.why else ""
    return word + ("" if silent is None else f", its last record was written {format_age(silent, units=2)} ago") + why


def describe_places(transaction: OpenTransaction) -> Sequence[str]:
    """Where it is open, a place each; those with no record yet are counted."""
    begun = [part.place for part in transaction.parts if part.start is not None]
    rest = len(transaction.parts) - len(begun)
    more = [f"and {pluralize(len(begun) - MAX_NAMED, 'partition')} more"] if len(begun) > MAX_NAMED else []
    return [*begun[:MAX_NAMED], *more, *([f"{pluralize(rest, 'partition')} without a record"] if rest else [])]


def transaction_row(transaction: OpenTransaction, now: float) -> Json:
    """A transaction as a JSON row."""
    row: Json = {
        "transactional_id": transaction.transactional_id or None,
        "producer_id": transaction.producer_id,
        "producer_epoch": transaction.epoch,
        "state": transaction.word(now),
        "broker_state": transaction.state,
        "open_since": transaction.since,
        "last_record": transaction.last_record,
        "timeout_ms": transaction.timeout_ms,
        "open_in": [
            {
                "resource": name_or_base64(part.resource.name),
                "partition": part.partition,
                "start_offset": part.start,
                "last_record": part.last_record,
            }
            for part in transaction.parts
        ],
    }
    return row | ({"why": transaction.why} if transaction.why else {})
