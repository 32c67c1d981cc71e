"""Put back: returns the letters of a run to their source, as far as possible (it is never called undo).

Kafka: they are marked unhandled, nothing is produced (K11). RabbitMQ and Redis: they are published again from the
bundle, to the end of their source (R11). What consumers have already processed stays processed, and the plan says so.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from time import time

import msgspec

from mqtui.brokers.blocking import run_in_thread
from mqtui.brokers.registry import traits_of
from mqtui.brokers.restricted_writer import RestrictedWriter
from mqtui.domain.capability import Verb
from mqtui.domain.cc_headers import rename_cc_headers
from mqtui.domain.errors import Held, NotFound, Refused
from mqtui.domain.figure import exact, pluralize
from mqtui.domain.message import Message, Outgoing
from mqtui.domain.plan import Plan, Result, Risk, Send, Unmark
from mqtui.domain.policy import Consent
from mqtui.domain.redrive import OUTCOMES, Outcome
from mqtui.domain.times import parse_offset
from mqtui.machine.process import host, operator, process_start
from mqtui.profiles.keys import bundle_key
from mqtui.services.gc_tuning import fewer_collections
from mqtui.services.redrive.planning.routing import DELIVERY_HEADERS
from mqtui.services.redrive.putback.history import PutBackHistory, encode_run_reference, find_in_source, find_source_end
from mqtui.services.redrive.putback.passed_copies import COPIES_STAY, describe_passed
from mqtui.services.redrive.recovery.bundle_contents import find_in_bundle
from mqtui.services.redrive.run.batch import name_suspect
from mqtui.services.redrive.run.journal_writer import JournalWriter
from mqtui.services.redrive.run.outcome_counter import JournalKey, OutcomeCounter, fingerprint
from mqtui.services.session import Session
from mqtui.state import bundles
from mqtui.state.journal import Journal, OutcomeRow, RunRecord

CHUNK_SIZE = 500


@dataclass(frozen=True, slots=True)
class PlannedPutBack:
    """A planned put back. `names` are the journal's names of the letters.

    `doubtful` are those that may be elsewhere already: an earlier put back had them in flight when it broke, or the
    outcome of the run is unknown for them.
    """

    plan: Plan
    record: RunRecord
    run_name: str
    """The short name of the run it is of."""

    names: frozenset[str]
    doubtful: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class JournaledLetters:
    """What the journal has of a run that is to be put back."""

    run_name: str
    moved: dict[str, str]
    """Where each letter that was moved went, by its name."""

    unknown: dict[str, str]
    """Letters whose outcome is unknown and that are in the bundle, by name."""

    history: PutBackHistory
    in_hand: int


async def plan_put_back(session: Session, record: RunRecord, runs: Journal) -> PlannedPutBack:
    """Plan what can be put back of a run.

    Raises:
        NotFound: nothing of it was moved, or all of it was put back already; letters in flight need a resume first.
        Refused: its bundle is gone, or it is a put back itself.
        Held: the run, or a put back of it, is still running.
    """
    with fewer_collections():
        return await _build_plan(session, record, runs)


async def _build_plan(session: Session, record: RunRecord, runs: Journal) -> PlannedPutBack:
    _check_allowed(record)
    await session.guard.identify_broker()
    session.guard.add_policies((await run_in_thread("journal", partial(runs.policies_of, record.id)))[:1])
    journaled = await run_in_thread("journal", partial(_read_journal, record, runs))
    put_back = journaled.history.returned
    traits = traits_of(record.broker)
    if journaled.history.doubtful and traits.redrive.finds_returned:
        put_back |= await find_in_source(session, record, journaled.history.doubtful)
    done, risks = await run_in_thread("bundle", partial(_returnable, session, record, journaled, put_back))
    step = await run_in_thread("step", partial(_step, record, done))
    many = f"{pluralize(len(done), 'letter')} {'is' if len(done) == 1 else 'are'}"
    effect = (
        f"{many} marked unhandled again; nothing is produced"
        if isinstance(step, Unmark)
        else f"{many} published to the end of {record.source.name}"
    )
    facts = [("run", f"{journaled.run_name}: {record.verb} of {record.source.name}"), ("effect", effect)]
    if record.verb != Verb.DISCARD:
        risks.append(Risk("doubles", await describe_passed(session, record, list(done.values())) or COPIES_STAY))
    if journaled.in_hand:
        facts.append(
            ("not these", f"{journaled.in_hand:,} were in flight when the run ended: {_resume_hint(journaled)}")
        )
    lost = journaled.unknown.keys() & done.keys()
    if lost:
        text = f"the outcome of {len(lost):,} is unknown: they are in the bundle, and are duplicated if they were moved"
        risks.append(Risk("unknown", text))
    unsure = journaled.history.doubtful.keys() & done.keys() if traits.lends else set[str]()
    if unsure:
        text = f"{len(unsure):,} were in flight when an earlier put back broke: they may be back, and be duplicated"
        risks.append(Risk("in-doubt", text))
    planned = Plan(
        id=secrets.token_hex(16),
        verb=Verb.PUT_BACK,
        profile=session.policy.profile,
        broker=session.broker.kind,
        steps=(step,),
        count=exact(len(done)),
        facts=tuple(facts),
        risks=tuple(risks),
    )
    return PlannedPutBack(planned, record, journaled.run_name, frozenset(done), frozenset(unsure | lost))


def _read_journal(record: RunRecord, runs: Journal) -> JournaledLetters:
    moved, unknown = _moved_and_unknown(record, runs)
    return JournaledLetters(
        runs.short_id(record.id),
        moved,
        unknown,
        PutBackHistory.read(record, runs),
        in_hand=len(runs.unfinished_letters(record.id)),
    )


def _resume_hint(journaled: JournaledLetters) -> str:
    """How to find out about letters that were in flight."""
    return f"`mqtui runs resume {journaled.run_name}` finds out about them." if journaled.in_hand else ""


def _returnable(
    session: Session, record: RunRecord, journaled: JournaledLetters, put_back: frozenset[str]
) -> tuple[dict[str, str], list[Risk]]:
    """Letters that are not back yet and can be put back, with where they went; and the risks.

    Raises:
        NotFound: there are none. Refused, StorageFailed: as `_require_bundle`.
    """
    done = {name: at for name, at in (journaled.moved | journaled.unknown).items() if name not in put_back}
    if not done:
        in_hand = f"; {journaled.in_hand:,} were in flight when it ended" if journaled.in_hand else ""
        raise NotFound(
            f"Nothing to put back of run {journaled.run_name}",
            f"Nothing was moved, or all of it is back{in_hand}.",
            _resume_hint(journaled),
        )
    risks: list[Risk] = []
    return (done if _keeps_letters(record) else _require_bundle(session, record, done, risks)), risks


def _keeps_letters(record: RunRecord) -> bool:
    return traits_of(record.broker).redrive.keeps_letters


def _step(record: RunRecord, done: dict[str, str]) -> Unmark | Send:
    if _keeps_letters(record):
        return Unmark(record.source, record.id, tuple(sorted(parse_offset(name) for name in done)))
    return Send(record.source, exact(len(done)), "from the bundle")


def _check_allowed(record: RunRecord) -> None:
    """Check that the run can be put back at all."""
    if record.verb == Verb.PUT_BACK:
        raise Refused("A put back is not put back", "", "Redrive what is in the source again.")
    if record.state == "running" and not record.interrupted:
        raise Held("That run is still running", f"Process {record.pid} on {record.host}, by {record.operator}.")


def _require_bundle(session: Session, record: RunRecord, wanted: dict[str, str], risks: list[Risk]) -> dict[str, str]:
    """Those of the letters that the bundle still has; what it lost becomes a risk of the plan.

    Raises:
        Refused: the bundle is gone, nothing in it can be read, or it was made with another key.
        StorageFailed: it is that of another run, or it can't be read at all.
    """
    kept, lacking = find_in_bundle(session, record, wanted)
    if not kept:
        raise Refused("Nothing of that run can be put back", lacking, "A copy of the bundle from a backup would do.")
    if lacking:
        risks.append(Risk("bundle", lacking))
    return {name: at for name, at in wanted.items() if name in kept}


def _moved_and_unknown(record: RunRecord, runs: Journal) -> tuple[dict[str, str], dict[str, str]]:
    """Letters that were moved, with where; and those whose outcome is unknown and that are in the bundle."""
    moved: dict[str, str] = {}
    unknown: dict[str, str] = {}
    for name, outcome, at, _ in runs.read_outcomes(record.id):
        if outcome == Outcome.MOVED:
            moved[name] = at
        elif outcome == Outcome.UNKNOWN and not _keeps_letters(record):
            unknown[name] = at
    return moved, unknown


async def run_put_back(session: Session, put_back: PlannedPutBack, runs: Journal, consent: Consent) -> Result:
    """Put the letters back.

    Raises:
        Refused, NeedsConsent: from the write gate.
        MqtuiError: it broke on the way; another put back returns what is not back yet.
    """
    planned = put_back.plan
    counter = OutcomeCounter(planned.id, len(put_back.names))
    journal = JournalWriter(runs, planned.id)
    async with session.guard.writing(planned, consent) as writer:
        await journal.write_start(_record(session, put_back), (session.policy,))
        try:
            with fewer_collections():
                if is_marking_only(planned):
                    await _unmark(writer, put_back, journal, counter)
                else:
                    await _publish(session, writer, put_back, journal, counter)
        except BaseException:
            await journal.write_end("failed", msgspec.json.encode(counter.result()))
            raise
        result = counter.result()
        await journal.write_end("done", msgspec.json.encode(result))
        writer.result = f"{result.moved} put back of run {put_back.run_name}"
    return result


def is_marking_only(planned: Plan) -> bool:
    """Whether letters are only marked unhandled, since their broker still has them (Kafka)."""
    return isinstance(planned.steps[0], Unmark)


async def _unmark(
    writer: RestrictedWriter, put_back: PlannedPutBack, journal: JournalWriter, counter: OutcomeCounter
) -> None:
    done = await writer.apply(put_back.plan.steps[0])
    counter.add(Outcome.MOVED, done.done)
    await journal.write_moved(put_back.names)


async def _publish(
    session: Session,
    writer: RestrictedWriter,
    put_back: PlannedPutBack,
    journal: JournalWriter,
    counter: OutcomeCounter,
) -> None:
    """Publish the letters in chunks. One whose outcome is unknown stays open in the journal."""
    chunks = _chunks(session, put_back)
    async with writer.publisher() as publisher:
        while chunk := await journal.run_in_thread(partial(next, chunks, None)):
            end = await find_source_end(session, put_back.record)
            number = await journal.write_batch([(name, end, -1) for name, _ in chunk], ())
            receipts = await publisher.send([to_outgoing(letter) for _, letter in chunk])
            outcomes: list[OutcomeRow] = []
            for (name, letter), receipt in zip(chunk, receipts, strict=True):
                outcome = OUTCOMES[receipt.state]
                counter.add(outcome, reason="" if outcome is Outcome.MOVED else receipt.reason)
                if outcome is not Outcome.UNKNOWN:
                    outcomes.append((name, outcome, "", receipt.reason))
                if name in put_back.doubtful:
                    counter.suspects.append(
                        name_suspect(JournalKey(name, fingerprint(letter), was_in_flight=True), letter)
                    )
            await journal.write_outcomes(number, outcomes)


def _chunks(session: Session, put_back: PlannedPutBack) -> Iterator[list[tuple[str, Message]]]:
    waiting = set(put_back.names)
    chunk: list[tuple[str, Message]] = []
    for name, letter in bundles.read_damaged(put_back.record.id, bundle_key(session.profile), lambda _: None):
        if name in waiting:
            waiting.discard(name)
            chunk.append((name, letter))
            if len(chunk) == CHUNK_SIZE:
                yield chunk
                chunk = []
    if chunk:
        yield chunk


def to_outgoing(letter: Message) -> Outgoing:
    """The letter as it lay in its source, without what the broker itself adds to a delivery."""
    headers = tuple(header for header in letter.headers if header[0] not in DELIVERY_HEADERS)
    if letter.envelope is not None:
        headers = rename_cc_headers(headers)
    properties = letter.envelope.properties if letter.envelope else ()
    kept = tuple(pair for pair in properties if pair[0] != "user_id")
    return Outgoing(letter.resource, letter.value, letter.key, headers, letter.fields, properties=kept)


def _record(session: Session, put_back: PlannedPutBack) -> RunRecord:
    pid = os.getpid()
    return RunRecord(
        id=put_back.plan.id,
        verb=Verb.PUT_BACK,
        profile=session.policy.profile,
        target=session.target,
        source=put_back.record.source,
        broker=session.broker.kind,
        plan=encode_run_reference(put_back.record.id),
        plan_hash="",
        operator=operator(),
        host=host(),
        pid=pid,
        pid_start=process_start(pid),
        started=int(time() * 1000),
        planned=len(put_back.names),
    )
