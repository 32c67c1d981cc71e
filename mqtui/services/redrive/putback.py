"""Put back (never called undo): letters of a run return to where they were, as far as that can be.

Kafka: they are marked unhandled, nothing is produced (K11). RabbitMQ and Redis: they are published again from the
bundle, to the end of their source (R11). What readers have already taken stays taken, and the plan says so.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from time import time

import msgspec

from mqtui.domain.capability import Verb
from mqtui.domain.errors import NotFound, Refused
from mqtui.domain.figure import exact
from mqtui.domain.message import Message, Offset, Outgoing
from mqtui.domain.plan import Plan, Result, Risk, Send, Unmark
from mqtui.domain.policy import Consent
from mqtui.domain.redrive import OUTCOMES, Outcome
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.times import offset
from mqtui.profiles.keys import bundle_key
from mqtui.services.redrive.ledger import Ledger
from mqtui.services.redrive.routing import BROKER_OWN
from mqtui.services.session import Session
from mqtui.state import bundles
from mqtui.state.process import host, operator, process_start
from mqtui.state.runs import RunRecord, Runs

CHUNK = 500


@dataclass(frozen=True, slots=True)
class PutBack:
    """A planned put back. `names` are the journal's names of the letters."""

    plan: Plan
    of: RunRecord
    names: frozenset[str]


async def plan(session: Session, record: RunRecord, runs: Runs) -> PutBack:
    """What can be put back of a run.

    Raises:
        NotFound: nothing of it was moved, or all of it was put back already.
        Refused: its bundle is gone.
    """
    done = {done[0]: done[2] for done in runs.outcomes(record.id) if done[1] == Outcome.MOVED}
    for earlier in runs.list(limit=1_000):
        if earlier.verb == Verb.PUT_BACK and earlier.plan == _of(record.id):
            for name, outcome, _, _ in runs.outcomes(earlier.id):
                if outcome == Outcome.MOVED:
                    done.pop(name, None)
    if not done:
        raise NotFound(
            f"Nothing to put back of run {runs.short(record.id)}", "Nothing was moved, or all of it is back."
        )
    facts = [("run", f"{runs.short(record.id)}: {record.verb} of {record.source.name}")]
    source = await session.broker.snapshot(record.source)
    if record.broker is BrokerKind.KAFKA:
        offsets = tuple(sorted(offset(name) for name in done))
        step: Unmark | Send = Unmark(source.ref, record.id, offsets)
        facts.append(("effect", f"{len(done):,} letters are marked unhandled again; nothing is produced"))
        passed = await _passed(session, list(done.values()))
    else:
        if not bundles.exists(record.id):
            raise Refused("The bundle of that run is gone", "Bundles are kept for 14 days.")
        step = Send(record.source, exact(len(done)), "from the bundle")
        facts.append(("effect", f"{len(done):,} letters are published to the end of {record.source.name}"))
        passed = ""
    risks = () if record.verb == Verb.DISCARD else (Risk("doubles", passed or TAKEN),)
    planned = Plan(
        id=secrets.token_hex(16),
        verb=Verb.PUT_BACK,
        profile=session.policy.profile,
        broker=session.broker.kind,
        steps=(step,),
        count=exact(len(done)),
        facts=tuple(facts),
        risks=risks,
    )
    return PutBack(planned, record, frozenset(done))


TAKEN = "the copies stay where they went: what was read there is read again when these go home"


async def _passed(session: Session, places: list[str]) -> str:
    """How many copies the readers of their topics have passed already (K11)."""
    by_topic: dict[str, list[Offset]] = {}
    for place in places:
        topic, _, position = place.rpartition(" ")
        if topic:
            by_topic.setdefault(topic, []).append(offset(position))
    told: list[str] = []
    for topic, copies in by_topic.items():
        ref = Ref(Kind.TOPIC, topic)
        groups = [group.ref for group in await session.broker.groups.groups(ref)]
        async for row in session.broker.groups.lag(groups):
            read = {part.partition: int(part.committed) for part in row.parts if part.committed.isdigit()}
            number = sum(copy.offset < read.get(copy.partition, 0) for copy in copies)
            told.append(f"{row.group.name} has passed {number:,} of {len(copies):,} copies in {topic}")
    return "; ".join(told)


async def run(session: Session, back: PutBack, runs: Runs, consent: Consent) -> Result:
    """Do it.

    Raises:
        Refused, NeedsConsent: as the guard says.
    """
    planned, step = back.plan, back.plan.steps[0]
    ledger = Ledger(planned.id, len(back.names))
    async with session.guard.writing(planned, consent) as writer:
        runs.begin(_record(session, back))
        if isinstance(step, Unmark):
            done = await writer.apply(step)
            ledger.add(Outcome.MOVED, done.done)
            runs.done(planned.id, 0, [(name, Outcome.MOVED, "", "") for name in sorted(back.names)])
        else:
            async with writer.publisher() as publisher:
                for chunk in _chunks(session, back):
                    number = runs.in_hand(planned.id, [(name, b"", -1) for name, _ in chunk])
                    receipts = await publisher.send([outgoing(letter) for _, letter in chunk])
                    outcomes = [OUTCOMES[receipt.state] for receipt in receipts]
                    for outcome, receipt in zip(outcomes, receipts, strict=True):
                        ledger.add(outcome, reason=receipt.reason)
                    told = [(name, outcome, "", "") for (name, _), outcome in zip(chunk, outcomes, strict=True)]
                    runs.done(planned.id, number, told)
        result = ledger.result(complete=True)
        runs.end(planned.id, "done", msgspec.json.encode(result))
        writer.result = f"{result.moved} put back of run {runs.short(back.of.id)}"
    return result


def _chunks(session: Session, back: PutBack) -> Iterator[list[tuple[str, Message]]]:
    waiting = set(back.names)
    chunk: list[tuple[str, Message]] = []
    for name, letter in bundles.read(back.of.id, bundle_key(session.profile)):
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
    properties = letter.envelope.properties if letter.envelope else ()
    kept = tuple(pair for pair in properties if pair[0] != "user_id")
    return Outgoing(letter.resource, letter.value, letter.key, headers, letter.fields, properties=kept)


def _of(run: str) -> bytes:
    return msgspec.json.encode({"putback": run})


def _record(session: Session, back: PutBack) -> RunRecord:
    pid = os.getpid()
    return RunRecord(
        id=back.plan.id,
        verb=Verb.PUT_BACK,
        profile=session.policy.profile,
        target=session.target,
        source=back.of.source,
        broker=session.broker.kind,
        plan=_of(back.of.id),
        plan_hash="",
        operator=operator(),
        host=host(),
        pid=pid,
        pid_start=process_start(pid),
        started=int(time() * 1000),
        planned=len(back.names),
    )
