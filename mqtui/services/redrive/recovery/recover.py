"""Finds out what became of letters that were in flight when a process died and left the source since (C13).

One counts as moved where something proves it: the journal says that it was stored before it was to be removed, or the
broker's own record says so. One on its last delivery may have been dropped by its queue when the connection broke: it
is sent again from the bundle (R2). All others are unknown: purged, trimmed, expired, or discarded by the process that
died; the bundle has them, and put back returns them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from mqtui.brokers.blocking import run_in_thread
from mqtui.brokers.optional_port import TracesMoves
from mqtui.brokers.port import Broker
from mqtui.brokers.registry import traits_of
from mqtui.brokers.restricted_writer import RestrictedWriter
from mqtui.domain.capability import Verb
from mqtui.domain.message import Message, MessageFormat, Position
from mqtui.domain.redrive import OUTCOMES, LeaseOptions, Outcome, PublishStatus, Receipt, Source, Transfer
from mqtui.domain.resource import BrokerKind
from mqtui.domain.times import parse_entry_id, parse_offset
from mqtui.services.redrive.planning.convert import convert_message
from mqtui.services.redrive.planning.routing import RedriveRouter
from mqtui.services.redrive.run.batch import POSSIBLE_DUPLICATE, name_suspect
from mqtui.services.redrive.run.journal_writer import JournalWriter
from mqtui.services.redrive.run.outcome_counter import JournalKey, OutcomeCounter, fingerprint
from mqtui.state.journal import InFlight, OutcomeRow

STORED_BEFORE = "stored before a crash, and not in the source any more"
FATE_UNKNOWN = "in flight at a crash and not in the source any more; nothing tells whether it was moved"


@dataclass(frozen=True, slots=True)
class CrashEvidence:
    """What is known of letters that were in flight at a crash, by their names in the journal."""

    proven: frozenset[str] = frozenset()
    """Stored for certain: the journal has the broker's confirmation."""

    repeated: frozenset[str] = frozenset()
    """In flight at more than one crash: each time it may have been stored."""

    traced: Mapping[str, Receipt] = field(default_factory=dict)
    """What the broker's own record of the run says."""

    def receipt_for(self, mark: InFlight) -> Receipt:
        """What became of a letter that is not in the source any more."""
        name = mark[0]
        if name in self.proven:
            return Receipt(PublishStatus.STORED, None, STORED_BEFORE)
        traced = self.traced.get(name)
        if traced is None or (traced.state is PublishStatus.UNKNOWN and not traced.reason):
            return Receipt(PublishStatus.UNKNOWN, None, FATE_UNKNOWN)
        return traced


async def trace_in_flight(
    broker: Broker, source: Source, options: LeaseOptions, marks: Iterable[InFlight]
) -> dict[str, Receipt]:
    """What the broker's own record says of letters that were in flight, by name; nothing where it keeps none.

    It is read before the source is: a Kafka run marks the gaps that it meets as handled.
    """
    positions: dict[str, Position] = {}
    for mark in marks:
        position = _position(broker.kind, mark)
        if position is not None:
            positions[mark[0]] = position
    if not positions or not isinstance(broker, TracesMoves):
        return {}
    receipts = await broker.trace(source, options, list(positions.values()))
    return dict(zip(positions, receipts, strict=True))


def _position(kind: BrokerKind, mark: InFlight) -> Position | None:
    """Where the letter lay; None for a letter of a queue, which has no position."""
    if mark[1]:
        return None
    return parse_entry_id(mark[0]) if traits_of(kind).message_format is MessageFormat.ENTRY else parse_offset(mark[0])


async def resolve_unmatched(
    writer: RestrictedWriter,
    router: RedriveRouter,
    counter: OutcomeCounter,
    journal: JournalWriter,
    kinds: tuple[BrokerKind, BrokerKind],
    evidence: CrashEvidence,
) -> None:
    """Resend letters on their last delivery, and record what is known of the others. `kinds`: of source and target.

    `writer` writes to the target. Each letter that is resent is a suspect: it may have been stored before the crash.
    """
    known = {mark[0]: evidence.receipt_for(mark) for mark in counter.unmatched()}
    last_delivery = {mark[0]: mark for mark in counter.unmatched() if mark[2] == 0 and _is_unknown(known[mark[0]])}
    if last_delivery and journal.bundle is not None and router.verb is not Verb.DISCARD:
        await _resend_from_bundle(writer, router, counter, journal, last_delivery, kinds)
    rest = [mark for mark in counter.unmatched() if mark[0] not in last_delivery or router.verb is Verb.DISCARD]
    in_doubt = {mark[0] for mark in rest if mark[0] in evidence.repeated or _is_unknown(known[mark[0]])}
    names = await run_in_thread("bundle", partial(_name_letters, in_doubt, journal))
    outcomes: list[OutcomeRow] = []
    for mark in rest:
        counter.resolve(mark)
        name, receipt = mark[0], known[mark[0]]
        outcome, reason = OUTCOMES[receipt.state], receipt.reason
        counter.add(outcome, reason="" if outcome is Outcome.MOVED else reason)
        if outcome is Outcome.UNKNOWN:
            counter.unknown_names.append(names[name])
        elif outcome is Outcome.MOVED and name in evidence.repeated:
            counter.suspects.append(names[name])
            reason = POSSIBLE_DUPLICATE + names[name]
        outcomes.append((name, outcome, "", reason))
    await journal.write_resolved(rest, outcomes)


def _is_unknown(receipt: Receipt) -> bool:
    return receipt.state is PublishStatus.UNKNOWN


def _name_letters(names: Iterable[str], journal: JournalWriter) -> dict[str, str]:
    """How letters are named to people: from the bundle where it has them, else by the journal's name."""
    found = dict.fromkeys(names, "")
    if found and journal.bundle is not None:
        for name, letter in journal.bundle.read():
            if name in found:
                found[name] = name_suspect(JournalKey(name, fingerprint(letter), was_in_flight=True), letter)
    return {name: text or name for name, text in found.items()}


def _read_bundle(journal: JournalWriter, names: Collection[str]) -> dict[str, Message]:
    """The letters of these names that the bundle has."""
    assert journal.bundle is not None
    return {name: letter for name, letter in journal.bundle.read() if name in names}


async def _resend_from_bundle(
    writer: RestrictedWriter,
    router: RedriveRouter,
    counter: OutcomeCounter,
    journal: JournalWriter,
    last_delivery: dict[str, InFlight],
    kinds: tuple[BrokerKind, BrokerKind],
) -> None:
    kept = await run_in_thread("bundle", partial(_read_bundle, journal, last_delivery))
    routed = {name: router.route(letter) for name, letter in kept.items()}
    routes = {name: route for name, route in routed.items() if isinstance(route, Transfer)}
    async with writer.publisher() as publisher:
        receipts = await publisher.send([convert_message(route.outgoing(), *kinds) for route in routes.values()])
    marks: list[InFlight] = []
    outcomes: list[OutcomeRow] = []
    for (name, route), receipt in zip(routes.items(), receipts, strict=True):
        outcome = OUTCOMES[receipt.state]
        named = name_suspect(JournalKey(name, fingerprint(route.letter), was_in_flight=True), route.letter)
        counter.resolve(last_delivery[name])
        counter.add(outcome, reason="" if outcome is Outcome.MOVED else receipt.reason)
        counter.suspects.append(f"{named}, sent again from the bundle")
        if outcome is Outcome.MOVED:
            marks.append(last_delivery[name])
            outcomes.append((name, outcome, route.target.name, POSSIBLE_DUPLICATE + named))
    await journal.write_resolved(marks, outcomes)
