"""Put back (never called undo): letters of a run return to where they were, as far as that can be.

Kafka: they are marked unhandled, nothing is produced (K11). RabbitMQ and Redis: they are published again from the
bundle, to the end of their source (R11). What readers have already taken stays taken, and the plan says so.
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
from mqtui.brokers.restricted_writer import RestrictedWriter
from mqtui.domain.capability import Verb
from mqtui.domain.copies import without_copies
from mqtui.domain.errors import Held, NotFound, Refused
from mqtui.domain.figure import counted, exact
from mqtui.domain.message import Message, Outgoing
from mqtui.domain.plan import Plan, Result, Risk, Send, Unmark
from mqtui.domain.policy import Consent
from mqtui.domain.redrive import OUTCOMES, Outcome
from mqtui.domain.resource import BrokerKind
from mqtui.domain.times import offset
from mqtui.profiles.keys import bundle_key
from mqtui.services.gc_tuning import seldom_collecting
from mqtui.services.redrive.bundled import held
from mqtui.services.redrive.hands import suspect
from mqtui.services.redrive.keeping import Keeper
from mqtui.services.redrive.ledger import Ledger, Name, fingerprint
from mqtui.services.redrive.passing import TAKEN, passed
from mqtui.services.redrive.returned import Earlier, end_of, met_again, named
from mqtui.services.redrive.routing import BROKER_OWN
from mqtui.services.session import Session
from mqtui.state import bundles
from mqtui.state.process import host, operator, process_start
from mqtui.state.runs import Done, RunRecord, Runs

CHUNK = 500


@dataclass(frozen=True, slots=True)
class PutBack:
    """A planned put back. `names` are the journal's names of the letters.

    `doubtful` are those of them that may be somewhere else already: an earlier put back had them in hand when it broke,
    or nothing tells what the run did with them.
    """

    plan: Plan
    of: RunRecord
    short: str
    """What the run is called that it is of."""

    names: frozenset[str]
    doubtful: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Noted:
    """What the journal knows of a run that is to be put back."""

    short: str
    moved: dict[str, str]
    """Where each letter that was moved went, by its name."""

    unknown: dict[str, str]
    """Letters of which nothing is known but that the bundle has them."""

    earlier: Earlier
    in_hand: int


async def plan(session: Session, record: RunRecord, runs: Runs) -> PutBack:
    """What can be put back of a run.

    Raises:
        NotFound: nothing of it was moved, or all of it was put back already; letters in hand are found out about first.
        Refused: its bundle is gone, or it is a put back itself.
        Held: the run, or a put back of it, is going on.
    """
    with seldom_collecting():
        return await _planned(session, record, runs)


async def _planned(session: Session, record: RunRecord, runs: Runs) -> PutBack:
    _check(record)
    await session.guard.recognise()
    session.guard.hold((await run_in_thread("journal", partial(runs.policies, record.id)))[:1])
    noted = await run_in_thread("journal", partial(_noted, record, runs))
    back = noted.earlier.returned
    if noted.earlier.doubtful and record.broker is BrokerKind.REDIS:
        back |= await met_again(session, record, noted.earlier.doubtful)
    done, risks = await run_in_thread("bundle", partial(_returnable, session, record, noted, back))
    step = await run_in_thread("step", partial(_step, record, done))
    many = f"{counted(len(done), 'letter')} {'is' if len(done) == 1 else 'are'}"
    effect = (
        f"{many} marked unhandled again; nothing is produced"
        if isinstance(step, Unmark)
        else f"{many} published to the end of {record.source.name}"
    )
    facts = [("run", f"{noted.short}: {record.verb} of {record.source.name}"), ("effect", effect)]
    if record.verb != Verb.DISCARD:
        risks.append(Risk("doubles", await passed(session, record, list(done.values())) or TAKEN))
    if noted.in_hand:
        facts.append(("not these", f"{noted.in_hand:,} were in hand when the run ended: {_settles(noted)}"))
    lost = noted.unknown.keys() & done.keys()
    if lost:
        text = f"what became of {len(lost):,} is unknown: they are in the bundle, and come twice where they were moved"
        risks.append(Risk("unknown", text))
    unsure = noted.earlier.doubtful.keys() & done.keys() if record.broker is BrokerKind.RABBITMQ else set[str]()
    if unsure:
        text = f"{len(unsure):,} were in hand when an earlier put back broke: they may be back, and come twice"
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
    return PutBack(planned, record, noted.short, frozenset(done), frozenset(unsure | lost))


def _noted(record: RunRecord, runs: Runs) -> Noted:
    moved, unknown = _taken(record, runs)
    return Noted(
        runs.short(record.id), moved, unknown, Earlier.of(record, runs), in_hand=len(runs.open_marks(record.id))
    )


def _settles(noted: Noted) -> str:
    """How to find out about letters that were in hand."""
    return f"`mqtui runs resume {noted.short}` finds out about them." if noted.in_hand else ""


def _returnable(
    session: Session, record: RunRecord, noted: Noted, back: frozenset[str]
) -> tuple[dict[str, str], list[Risk]]:
    """Letters that are not back yet and can be put back, with where they went; and the risks of that.

    Raises:
        NotFound: there are none. Refused, StorageFailed: as `_kept`.
    """
    done = {name: at for name, at in (noted.moved | noted.unknown).items() if name not in back}
    if not done:
        in_hand = f"; {noted.in_hand:,} were in hand when it ended" if noted.in_hand else ""
        raise NotFound(
            f"Nothing to put back of run {noted.short}",
            f"Nothing was moved, or all of it is back{in_hand}.",
            _settles(noted),
        )
    risks: list[Risk] = []
    return (done if record.broker is BrokerKind.KAFKA else _kept(session, record, done, risks)), risks


def _step(record: RunRecord, done: dict[str, str]) -> Unmark | Send:
    if record.broker is BrokerKind.KAFKA:
        return Unmark(record.source, record.id, tuple(sorted(offset(name) for name in done)))
    return Send(record.source, exact(len(done)), "from the bundle")


def _check(record: RunRecord) -> None:
    """Let through what can be put back at all."""
    if record.verb == Verb.PUT_BACK:
        raise Refused("A put back is not put back", "", "Redrive what is in the source again.")
    if record.state == "running" and not record.interrupted:
        raise Held("That run is still running", f"Process {record.pid} on {record.host}, by {record.operator}.")


def _kept(session: Session, record: RunRecord, wanted: dict[str, str], risks: list[Risk]) -> dict[str, str]:
    """Those of the letters that the bundle still has; what it lost becomes a risk of the plan.

    Raises:
        Refused: the bundle is gone, nothing in it can be read, or it was made with another key.
        StorageFailed: it is that of another run, or it can't be read at all.
    """
    kept, lacking = held(session, record, wanted)
    if not kept:
        raise Refused("Nothing of that run can be put back", lacking, "A copy of the bundle from a backup would do.")
    if lacking:
        risks.append(Risk("bundle", lacking))
    return {name: at for name, at in wanted.items() if name in kept}


def _taken(record: RunRecord, runs: Runs) -> tuple[dict[str, str], dict[str, str]]:
    """Letters that were moved, with where; and those of which nothing is known but that the bundle has them."""
    moved: dict[str, str] = {}
    unknown: dict[str, str] = {}
    for name, outcome, at, _ in runs.outcomes(record.id):
        if outcome == Outcome.MOVED:
            moved[name] = at
        elif outcome == Outcome.UNKNOWN and record.broker is not BrokerKind.KAFKA:
            unknown[name] = at
    return moved, unknown


async def run(session: Session, back: PutBack, runs: Runs, consent: Consent) -> Result:
    """Do it.

    Raises:
        Refused, NeedsConsent: as the guard says.
        MqtuiError: it broke on the way; what is not back yet can be put back by another one.
    """
    planned = back.plan
    ledger = Ledger(planned.id, len(back.names))
    keeper = Keeper(runs, planned.id)
    async with session.guard.writing(planned, consent) as writer:
        await keeper.begin(_record(session, back), (session.policy,))
        try:
            with seldom_collecting():
                if only_marks(planned):
                    await _unmark(writer, back, keeper, ledger)
                else:
                    await _publish(session, writer, back, keeper, ledger)
        except BaseException:
            await keeper.end("failed", msgspec.json.encode(ledger.result()))
            raise
        result = ledger.result()
        await keeper.end("done", msgspec.json.encode(result))
        writer.result = f"{result.moved} put back of run {back.short}"
    return result


def only_marks(planned: Plan) -> bool:
    """Whether letters are only marked, since their broker still has them (Kafka)."""
    return isinstance(planned.steps[0], Unmark)


async def _unmark(writer: RestrictedWriter, back: PutBack, keeper: Keeper, ledger: Ledger) -> None:
    done = await writer.apply(back.plan.steps[0])
    ledger.add(Outcome.MOVED, done.done)
    await keeper.moved(back.names)


async def _publish(session: Session, writer: RestrictedWriter, back: PutBack, keeper: Keeper, ledger: Ledger) -> None:
    """Publish the letters in chunks. One whose fate is unknown stays open in the journal."""
    chunks = _chunks(session, back)
    async with writer.publisher() as publisher:
        while chunk := await keeper.on_disk(partial(next, chunks, None)):
            end = await end_of(session, back.of)
            number = await keeper.take([(name, end, -1) for name, _ in chunk], ())
            receipts = await publisher.send([outgoing(letter) for _, letter in chunk])
            told: list[Done] = []
            for (name, letter), receipt in zip(chunk, receipts, strict=True):
                outcome = OUTCOMES[receipt.state]
                ledger.add(outcome, reason="" if outcome is Outcome.MOVED else receipt.reason)
                if outcome is not Outcome.UNKNOWN:
                    told.append((name, outcome, "", receipt.reason))
                if name in back.doubtful:
                    ledger.suspects.append(suspect(Name(name, fingerprint(letter), suspect=True), letter))
            await keeper.done(number, told)


def _chunks(session: Session, back: PutBack) -> Iterator[list[tuple[str, Message]]]:
    waiting = set(back.names)
    chunk: list[tuple[str, Message]] = []
    for name, letter in bundles.salvage(back.of.id, bundle_key(session.profile), lambda _: None):
        if name in waiting:
            waiting.discard(name)
            chunk.append((name, letter))
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
    if chunk:
        yield chunk


def outgoing(letter: Message) -> Outgoing:
    """The letter as it lay in its source, but for what the broker itself adds to a delivery."""
    headers = tuple(header for header in letter.headers if header[0] not in BROKER_OWN)
    if letter.envelope is not None:
        headers = without_copies(headers)
    properties = letter.envelope.properties if letter.envelope else ()
    kept = tuple(pair for pair in properties if pair[0] != "user_id")
    return Outgoing(letter.resource, letter.value, letter.key, headers, letter.fields, properties=kept)


def _record(session: Session, back: PutBack) -> RunRecord:
    pid = os.getpid()
    return RunRecord(
        id=back.plan.id,
        verb=Verb.PUT_BACK,
        profile=session.policy.profile,
        target=session.target,
        source=back.of.source,
        broker=session.broker.kind,
        plan=named(back.of.id),
        plan_hash="",
        operator=operator(),
        host=host(),
        pid=pid,
        pid_start=process_start(pid),
        started=int(time() * 1000),
        planned=len(back.names),
    )
