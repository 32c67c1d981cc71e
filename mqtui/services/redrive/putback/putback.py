"""Put back: returns the letters of a run to their source, as far as possible (it is never called undo).

Kafka: they are marked unhandled, nothing is produced (K11). RabbitMQ and Redis: they are published again from the
bundle, to the end of their source (R11). What consumers have already processed stays processed, and the plan says so.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from functools import partial

import msgspec

from mqtui.brokers.blocking import run_in_thread
from mqtui.brokers.registry import traits_of
from mqtui.brokers.restricted_writer import RestrictedWriter
from mqtui.domain.capability import LETTER_VERBS, Verb
from mqtui.domain.cc_headers import rename_cc_headers
from mqtui.domain.errors import Held, NotFound, Refused
from mqtui.domain.figure import exact, pluralize
from mqtui.domain.message import Message, Outgoing
from mqtui.domain.plan import Plan, Result, Risk, Send, Unmark
from mqtui.domain.policy import Consent
from mqtui.domain.redrive import OUTCOMES, Outcome
from mqtui.profiles.keys import bundle_key
from mqtui.services.gc_tuning import fewer_collections
from mqtui.services.redrive.planning.routing import DELIVERY_HEADERS
from mqtui.services.redrive.putback.history import PutBackHistory, encode_run_reference, find_in_source, find_source_end
from mqtui.services.redrive.putback.passed_copies import COPIES_STAY, describe_passed, tells_passed
from mqtui.services.redrive.putback.returnable_letters import ReturnableLetters
from mqtui.services.redrive.recovery.bundle_contents import find_in_bundle
from mqtui.services.redrive.run.batch import name_suspect
from mqtui.services.redrive.run.journal_writer import JournalWriter
from mqtui.services.redrive.run.outcome_counter import JournalKey, OutcomeCounter, fingerprint
from mqtui.services.redrive.run.run_record import new_run_record
from mqtui.services.redrive.run.stored_copies import TargetCopies
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

    names: Set[str]
    doubtful: Set[str] = frozenset()


@dataclass(frozen=True, slots=True)
class EarlierWork:
    """What the journal has of a run that is to be put back, besides its letters."""

    run_name: str
    history: PutBackHistory
    in_hand: int
    """How many letters were in flight when the run ended."""


@dataclass(frozen=True, slots=True)
class PutBackContents:
    """What a put back consists of: its letters by name, its step, the copies that groups may have passed, its risks."""

    names: Set[str]
    unknown: Set[str]
    step: Unmark | Send
    copies: Mapping[str, TargetCopies]
    risks: tuple[Risk, ...]


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
    earlier = await run_in_thread("journal", partial(_read_earlier, record, runs))
    put_back = earlier.history.returned
    traits = traits_of(record.broker)
    if earlier.history.doubtful and traits.redrive.finds_returned:
        put_back |= await find_in_source(session, record, earlier.history.doubtful)
    contents = await run_in_thread("journal", partial(_read_contents, session, record, runs, earlier, put_back))
    names, step, risks = contents.names, contents.step, list(contents.risks)
    many = f"{pluralize(len(names), 'letter')} {'is' if len(names) == 1 else 'are'}"
    effect = (
        f"{many} marked unhandled again; nothing is produced"
        if isinstance(step, Unmark)
        else f"{many} published to the end of {record.source.name}"
    )
    facts = [("run", f"{earlier.run_name}: {record.verb} of {record.source.name}"), ("effect", effect)]
    if record.verb != Verb.DISCARD:
        risks.append(Risk("doubles", await describe_passed(session, contents.copies) or COPIES_STAY))
    if earlier.in_hand:
        facts.append(("not these", f"{earlier.in_hand:,} were in flight when the run ended: {_resume_hint(earlier)}"))
    lost = contents.unknown
    if lost:
        text = f"the outcome of {len(lost):,} is unknown: they are in the bundle, and are duplicated if they were moved"
        risks.append(Risk("unknown", text))
    unsure = {name for name in earlier.history.doubtful if name in names} if traits.lends else set[str]()
    if unsure:
        text = f"{len(unsure):,} were in flight when an earlier put back broke: they may be back, and be duplicated"
        risks.append(Risk("in-doubt", text))
    planned = Plan(
        id=secrets.token_hex(16),
        verb=Verb.PUT_BACK,
        profile=session.policy.profile,
        broker=session.broker.kind,
        steps=(step,),
        count=exact(len(names)),
        facts=tuple(facts),
        risks=tuple(risks),
    )
    return PlannedPutBack(planned, record, earlier.run_name, names, unsure | lost)


def _read_earlier(record: RunRecord, runs: Journal) -> EarlierWork:
    return EarlierWork(
        runs.short_id(record.id), PutBackHistory.read(record, runs), len(runs.unfinished_letters(record.id))
    )


def _resume_hint(earlier: EarlierWork) -> str:
    """How to find out about letters that were in flight."""
    return f"`mqtui runs resume {earlier.run_name}` finds out about them." if earlier.in_hand else ""


def _read_contents(
    session: Session, record: RunRecord, runs: Journal, earlier: EarlierWork, put_back: Set[str]
) -> PutBackContents:
    """Letters that are not back yet and can be put back.

    Raises:
        NotFound: there are none. Refused, StorageFailed: as `_require_bundle`.
    """
    keeps = _keeps_letters(record)
    letters = ReturnableLetters.read(record.id, runs, put_back, with_unknown=not keeps)
    if not letters.positions:
        in_hand = f"; {earlier.in_hand:,} were in flight when it ended" if earlier.in_hand else ""
        raise NotFound(
            f"Nothing to put back of run {earlier.run_name}",
            f"Nothing was moved, or all of it is back{in_hand}.",
            _resume_hint(earlier),
        )
    risks = () if keeps else _require_bundle(session, record, letters)
    count = exact(len(letters.positions))
    source = record.source
    step = Unmark(source, record.id, letters.offsets()) if keeps else Send(source, count, "from the bundle")
    copies = letters.copies() if record.verb != Verb.DISCARD and tells_passed(record) else {}
    contents = PutBackContents(letters.names(), letters.unknown, step, copies, risks)
    letters.free()
    return contents


def _keeps_letters(record: RunRecord) -> bool:
    return traits_of(record.broker).redrive.keeps_letters


def _check_allowed(record: RunRecord) -> None:
    """Check that the run can be put back at all."""
    if record.verb == Verb.PUT_BACK:
        raise Refused("A put back is not put back", "", "Redrive what is in the source again.")
    if record.verb not in LETTER_VERBS:
        raise Refused(
            "That run moved no letters", "", f"mqtui runs putback {record.id[:8].upper()} puts its offsets back."
        )
    if record.state == "running" and not record.interrupted:
        raise Held("That run is still running", f"Process {record.pid} on {record.host}, by {record.operator}.")


def _require_bundle(session: Session, record: RunRecord, letters: ReturnableLetters) -> tuple[Risk, ...]:
    """Keep those of the letters that the bundle still has; what it lost is a risk of the plan.

    Raises:
        Refused: the bundle is gone, nothing in it can be read, or it was made with another key.
        StorageFailed: it is that of another run, or it can't be read at all.
    """
    kept, lacking = find_in_bundle(session, record, letters.positions.keys())
    if not kept:
        raise Refused("Nothing of that run can be put back", lacking, "A copy of the bundle from a backup would do.")
    letters.keep(kept)
    return (Risk("bundle", lacking),) if lacking else ()


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
    waiting = {name for name in put_back.names}  # noqa: C416 - a call of set() would stop the loop
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
    saved = encode_run_reference(put_back.record.id)
    return new_run_record(session, put_back.plan, put_back.record.source, saved, len(put_back.names))
