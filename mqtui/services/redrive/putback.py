"""Put back (never called undo): letters of a run return to where they were, as far as that can be.

Kafka: they are marked unhandled, nothing is produced (K11). RabbitMQ and Redis: they are published again from the
bundle, to the end of their source (R11). What readers have already taken stays taken, and the plan says so.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from time import time

import msgspec

from mqtui.brokers.bound import BoundWriter
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
from mqtui.services.redrive.bundled import held
from mqtui.services.redrive.hands import suspect
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
    names: frozenset[str]
    doubtful: frozenset[str] = frozenset()


async def plan(session: Session, record: RunRecord, runs: Runs) -> PutBack:
    """What can be put back of a run.

    Raises:
        NotFound: nothing of it was moved, or all of it was put back already; letters in hand are found out about first.
        Refused: its bundle is gone, or it is a put back itself.
        Held: the run, or a put back of it, is going on.
    """
    _check(record)
    await session.guard.recognise()
    session.guard.hold(runs.policies(record.id)[:1])
    moved, unknown = _taken(record, runs)
    earlier = Earlier.of(record, runs)
    back, doubtful = earlier.returned, earlier.doubtful
    if doubtful and record.broker is BrokerKind.REDIS:
        back |= await met_again(session, record, doubtful)
    done = {name: at for name, at in (moved | unknown).items() if name not in back}
    in_hand = len(runs.open_marks(record.id))
    settles = f"`mqtui runs resume {runs.short(record.id)}` finds out about them." if in_hand else ""
    if not done:
        raise NotFound(
            f"Nothing to put back of run {runs.short(record.id)}",
            f"Nothing was moved, or all of it is back{f'; {in_hand:,} were in hand when it ended' if in_hand else ''}.",
            settles,
        )
    facts = [("run", f"{runs.short(record.id)}: {record.verb} of {record.source.name}")]
    risks: list[Risk] = []
    many = f"{counted(len(done), 'letter')} {'is' if len(done) == 1 else 'are'}"
    if record.broker is BrokerKind.KAFKA:
        step: Unmark | Send = Unmark(record.source, record.id, tuple(sorted(offset(name) for name in done)))
        facts.append(("effect", f"{many} marked unhandled again; nothing is produced"))
    else:
        done = await asyncio.to_thread(_kept, session, record, done, risks)
        many = f"{counted(len(done), 'letter')} {'is' if len(done) == 1 else 'are'}"
        step = Send(record.source, exact(len(done)), "from the bundle")
        facts.append(("effect", f"{many} published to the end of {record.source.name}"))
    if record.verb != Verb.DISCARD:
        risks.append(Risk("doubles", await passed(session, record, list(done.values())) or TAKEN))
    if in_hand:
        facts.append(("not these", f"{in_hand:,} were in hand when the run ended: {settles}"))
    lost = frozenset(unknown) & frozenset(done)
    if lost:
        text = f"what became of {len(lost):,} is unknown: they are in the bundle, and come twice where they were moved"
        risks.append(Risk("unknown", text))
    unsure = frozenset(doubtful) & frozenset(done) if record.broker is BrokerKind.RABBITMQ else frozenset[str]()
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
    return PutBack(planned, record, frozenset(done), unsure | lost)


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
    async with session.guard.writing(planned, consent) as writer:
        runs.begin(_record(session, back), (session.policy,))
        try:
            if only_marks(planned):
                await _unmark(writer, back, runs, ledger)
            else:
                await _publish(session, writer, back, runs, ledger)
        except BaseException:
            runs.end(planned.id, "failed", msgspec.json.encode(ledger.result()))
            raise
        result = ledger.result()
        runs.end(planned.id, "done", msgspec.json.encode(result))
        writer.result = f"{result.moved} put back of run {runs.short(back.of.id)}"
    return result


def only_marks(planned: Plan) -> bool:
    """Whether letters are only marked, since their broker still has them (Kafka)."""
    return isinstance(planned.steps[0], Unmark)


async def _unmark(writer: BoundWriter, back: PutBack, runs: Runs, ledger: Ledger) -> None:
    done = await writer.apply(back.plan.steps[0])
    ledger.add(Outcome.MOVED, done.done)
    runs.done(back.plan.id, 0, [(name, Outcome.MOVED, "", "") for name in sorted(back.names)])


async def _publish(session: Session, writer: BoundWriter, back: PutBack, runs: Runs, ledger: Ledger) -> None:
    """Publish the letters in chunks. One whose fate is unknown stays open in the journal."""
    async with writer.publisher() as publisher:
        for chunk in _chunks(session, back):
            end = await end_of(session, back.of)
            number = runs.in_hand(back.plan.id, [(name, end, -1) for name, _ in chunk])
            receipts = await publisher.send([outgoing(letter) for _, letter in chunk])
            told: list[Done] = []
            for (name, letter), receipt in zip(chunk, receipts, strict=True):
                outcome = OUTCOMES[receipt.state]
                ledger.add(outcome, reason="" if outcome is Outcome.MOVED else receipt.reason)
                if outcome is not Outcome.UNKNOWN:
                    told.append((name, outcome, "", receipt.reason))
                if name in back.doubtful:
                    ledger.suspects.append(suspect(Name(name, fingerprint(letter), suspect=True), letter))
            runs.done(back.plan.id, number, told)


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
