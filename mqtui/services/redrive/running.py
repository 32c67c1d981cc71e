"""One run from its permit to its result."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from time import time

import msgspec

from mqtui.brokers.blocking import run_in_thread
from mqtui.brokers.port import EndsEarly, Lease
from mqtui.brokers.restricted_writer import RestrictedWriter
from mqtui.domain.capability import Verb
from mqtui.domain.convoy import Lanes
from mqtui.domain.errors import StorageFailed
from mqtui.domain.figure import Sort
from mqtui.domain.plan import CreateStateTopic, Result
from mqtui.domain.policy import Consent
from mqtui.domain.redrive import OffsetBounds, Outcome, Strength, Terms
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.secrets import keep_for_url
from mqtui.services.gc_tuning import seldom_collecting
from mqtui.services.letters import Selector
from mqtui.services.redrive.absent import account
from mqtui.services.redrive.aftermath import Aftermath
from mqtui.services.redrive.engine import BATCH, LOAD, Walk
from mqtui.services.redrive.hands import Books
from mqtui.services.redrive.keeping import Keeper
from mqtui.services.redrive.lanes import HomeLanes
from mqtui.services.redrive.ledger import Ledger
from mqtui.services.redrive.movers import Across, Mover, Nowhere, mover_of
from mqtui.services.redrive.order import recipe
from mqtui.services.redrive.planning import Planned, now
from mqtui.services.redrive.restore import Evidence, settle, trace
from mqtui.services.redrive.routing import EXPIRED, Router
from mqtui.services.redrive.staging import Between, Gate, by_itself, hold_of, why_too_many
from mqtui.services.redrive.stamps import Stamps
from mqtui.services.redrive.verdict import Verdict
from mqtui.services.session import Session
from mqtui.state.process import host, operator, process_start
from mqtui.state.runs import Mark, RunRecord, Runs


@dataclass(frozen=True, slots=True)
class Before:
    """What an earlier process of the run left: what was planned, letters by outcome, and those it had in hand."""

    planned: int | None
    counts: Mapping[str, int] = field(default_factory=dict)
    open_marks: Sequence[Mark] = ()
    suspects: Sequence[str] = ()
    """Names of letters that were moved and may be there twice."""

    unknowns: Sequence[str] = ()
    """Names of letters of which nothing can be found out any more."""

    stored: frozenset[str] = frozenset()
    """Those of the open marks that were stored, and perhaps not removed."""

    repeated: frozenset[str] = frozenset()
    """Those of the open marks that were in hand at more than one crash."""

    proven: frozenset[str] = frozenset()
    """Those of the open marks that were stored for sure."""

    first: Mapping[int, int] = field(default_factory=dict)
    """Kafka: the offsets from which its first plan began, by partition."""

    refused: Sequence[Mark] = ()
    """Letters of a queue that were refused, and are tried again under the same names."""


SHOWN = 20
"""Letters that came back that the result names."""

UNPLANNED = -1
"""In the journal: how many letters were meant was not known before they were read."""


def quiet(_: Ledger) -> None:
    """Tell nobody."""


class Run:
    """A planned run. `ledger` counts while it goes on, so that its figures survive an error."""

    def __init__(
        self,
        session: Session,
        planned: Planned,
        runs: Runs,
        *,
        remote: Session | None = None,
        before: Before | None = None,
        gate: Gate = by_itself,
        progress: Callable[[Ledger], None] = quiet,
    ) -> None:
        self.session = session
        self.planned = planned
        self.remote = remote
        self.stages = planned.order.stages
        self.verdict: Verdict | None = None
        """What the last watch found; None where nothing was watched."""

        self.aftermath = Aftermath(
            (remote or session).broker, planned.source, planned.plan.id, planned.conventions, planned.deaf
        )
        self._gate = gate
        self._allowed: frozenset[str] = frozenset()
        self.stop = asyncio.Event()
        self.watching = False
        """Whether it looks after what has moved so far."""

        self.begun = False
        """Whether the journal knows of it, so that it can be resumed."""
        self._resumed = before is not None
        self._open_marks = before.open_marks if before else ()
        self._evidence = Evidence(before.proven, before.repeated) if before else Evidence()
        bounds = planned.source.bounds
        begun = bounds.first if isinstance(bounds, OffsetBounds) else {}
        self._first = before.first if before else begun
        self._conventions = planned.conventions
        self._progress = progress
        plan = planned.plan
        count = plan.count.number
        known_before = count is not None and plan.count.sort is not Sort.AT_MOST
        self._total = before.planned if before else int(count or 0) if known_before else None
        self._why = ""
        earlier = before or Before(self._total)
        self.ledger = Ledger(
            plan.id,
            self._total,
            earlier.counts,
            earlier.open_marks,
            earlier.suspects,
            earlier.stored,
            earlier.refused,
        )
        self.ledger.unknowns += earlier.unknowns
        self._forgets = not isinstance(planned.source.bounds, OffsetBounds)
        self._keeper = Keeper(runs, plan.id)

    async def go(self, consent: Consent, remote_consent: Consent | None = None) -> Result:
        """Do it.

        Raises:
            Refused, NeedsConsent: as the guard says; nothing was written.
            MqtuiError: it broke on the way; `result()` tells how far it came, and the journal lets it be resumed.
        """
        self._allowed = consent.allowed
        permit = replace(self.planned.plan, guarantee=self.planned.within)
        if self._forgets:
            await self._keeper.open_bundle(self.session.profile)
        async with AsyncExitStack() as stack:
            writer = await stack.enter_async_context(self.session.guard.writing(permit, consent))
            remote = None
            if self.remote is not None and self.planned.delivery is not None:
                agreed = remote_consent or consent
                remote = await stack.enter_async_context(self.remote.guard.writing(self.planned.delivery, agreed))
            await self._begin()
            self.begun = True
            try:
                with seldom_collecting():
                    await self._walk(writer, remote)
            except StorageFailed as error:
                moved = self.ledger.count(Outcome.MOVED)
                error.title = f"{moved:,} were moved; then it stopped: {error.title[:1].lower()}{error.title[1:]}"
                await self._end_failed()
                raise
            except BaseException:
                await self._end_failed()
                raise
            await self._keeper.end("stopped" if self.stop.is_set() else "done", self._told())
            for bound in (writer, remote):
                if bound is not None:
                    bound.result = summary(self.result())
        return self.result()

    async def _end_failed(self) -> None:
        """Note how far it came, where the disk still takes a note: else the journal says that it was interrupted."""
        with suppress(StorageFailed):
            await self._keeper.end("failed", self._told())

    def result(self) -> Result:
        """The figures as of now."""
        figures, verdict = replace(self.ledger.result(), why=self._why), self.verdict
        if verdict is None:
            return figures
        return replace(
            figures,
            came_back=verdict.returned,
            passed=verdict.passed,
            waiting=verdict.waiting,
            readers=verdict.readers,
            back=verdict.back[:SHOWN],
            watched=round(verdict.seconds, 1),
            verdict=verdict.words(),
        )

    async def _begin(self) -> None:
        plan, session = self.planned.plan, self.session
        for each in (session, self.remote):
            if each is not None and each.profile is None and each.address.secret:
                await run_in_thread("keyring", partial(keep_for_url, each.address))
        pid = os.getpid()
        if self._resumed:
            await self._keeper.take_up(pid)
            return
        record = RunRecord(
            id=plan.id,
            verb=plan.verb,
            profile=session.policy.profile,
            target=session.target,
            source=self.planned.source.ref,
            broker=session.broker.kind,
            plan=recipe(self.planned.order, self.planned.source, self.planned.targets),
            plan_hash=plan.hash,
            operator=operator(),
            host=host(),
            pid=pid,
            pid_start=process_start(pid),
            started=int(time() * 1000),
            planned=UNPLANNED if self._total is None else self._total,
        )
        await self._keeper.begin(record, [each.policy for each in (session, self.remote) if each is not None])

    async def _walk(self, writer: RestrictedWriter, remote: RestrictedWriter | None) -> None:
        planned, order = self.planned, self.planned.order
        target_kind = (self.remote or self.session).broker.kind
        stamps = Stamps(target_kind, planned.plan.id, operator(), now())
        router = self._router(stamps)
        strength = planned.plan.guarantee.strength if planned.plan.guarantee else Strength.AT_LEAST_ONCE
        suspicious = strength is Strength.AT_LEAST_ONCE and order.verb is not Verb.DISCARD
        lanes = self._lanes(stamps, suspicious=suspicious)
        await self._prepare(writer)
        if self.stages.watched and order.verb is not Verb.DISCARD:
            await self.aftermath.start(writer)
        try:
            await self._in_stages(writer, remote, router, lanes, suspicious=suspicious)
        finally:
            await self.aftermath.close()
        if not self.stop.is_set():
            kinds = (self.session.broker.kind, target_kind)
            evidence = self._evidence if suspicious else replace(self._evidence, repeated=frozenset())
            await settle(remote or writer, router, self.ledger, self._keeper, kinds, evidence)
            await account(self.session.broker, planned.source, self._first, self.ledger)
            if order.selection.cause and not self.ledger.counted and not self._why:
                self._why = f"no letter has the cause {order.selection.cause}"

    def _lanes(self, stamps: Stamps, *, suspicious: bool) -> Lanes | None:
        """How letters go that nobody looks at: where all are wanted, and none can be doubled."""
        order = self.planned.order
        plain = order.verb is Verb.REDRIVE and order.selection.everything and order.rate is None
        beside = self.remote is None and not self._forgets
        if not plain or not beside or suspicious or self._open_marks or self.planned.opens:
            return None
        return HomeLanes(order, self._router(stamps), self._conventions)

    def _router(self, stamps: Stamps) -> Router:
        planned = self.planned
        risks = frozenset(risk.name for risk in planned.plan.risks)
        kind, targets = self.session.broker.kind, frozenset(planned.targets)
        alive_at = None if EXPIRED in self._allowed else int(time() * 1000)
        return Router(planned.order, kind, self._conventions, stamps, targets, risks, alive_at)

    async def _in_stages(
        self,
        writer: RestrictedWriter,
        remote: RestrictedWriter | None,
        router: Router,
        lanes: Lanes | None,
        *,
        suspicious: bool,
    ) -> None:
        """Each stage is a lease of its own: nothing is held and no transaction is open while it is watched (K4, R9)."""
        watcher = self.aftermath.copies if self.stages.watched else None
        books = Books(self.ledger, self._keeper, watcher, suspicious)
        for number, size in enumerate((*self.stages.first, None)):
            selector = Selector(self.planned.order.selection, self._conventions)
            walk = Walk(
                self.planned.order,
                router,
                selector,
                books,
                budget=self._budget(size),
                stop=self.stop,
                progress=self._progress,
                lanes=lanes,
            )
            async with selector, AsyncExitStack() as stack:
                terms = self._terms(size, LOAD if lanes else BATCH)
                lease = await stack.enter_async_context(writer.lease(self.planned.source, terms))
                if number == 0 and self._open_marks:
                    traced = await trace(self.session.broker, self.planned.source, terms, self._open_marks)
                    self._evidence = replace(self._evidence, traced=traced)
                await walk.through(
                    lease, await self._mover(stack, lease, remote, (self.remote or self.session).broker.kind)
                )
            if selector.where is not None:
                self.ledger.reasons.update(dict(selector.where.reasons()))
            early = lease.end_reason if isinstance(lease, EndsEarly) else ""
            if early and (self._total is None or self.ledger.untried):
                self._why = early
                self.ledger.add(Outcome.LEFT, self.ledger.untried, early)
            left = None if self._total is None else max(0, self._total - self.ledger.counted)
            last = size is None or left == 0 or bool(early) or self.stop.is_set()
            await self._look_after(number, left, last=last)
            if last or self.stop.is_set():
                return

    async def _look_after(self, stage: int, left: int | None, *, last: bool) -> None:
        """Watch what was moved so far, and ask whether to go on; no: the rest stays."""
        if self.stages.watched and self.aftermath.copies.stored:
            self.watching = True
            self.verdict = await self.aftermath.watch(self.stages.watch, self.stages.stop_at, self._watched, self.stop)
            self.watching = False
        too_many = "" if self.verdict is None else why_too_many(self.verdict, self.stages.stop_at)
        hold = hold_of(self.verdict, self.stages.stop_at, self._allowed)
        between = Between(stage, self.verdict, self.ledger.count(Outcome.MOVED), left, bool(too_many), hold)
        if last:
            self._why = self._why or too_many
        elif not self.stop.is_set() and not await self._gate(between):
            self._why = f"{'stopped' if too_many else 'held'} after stage {stage + 1}: {hold}" if hold else ""
            self.stop.set()

    def _watched(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self._progress(self.ledger)

    async def _prepare(self, writer: RestrictedWriter) -> None:
        """The plan's steps that come before the letters, such as the state topic."""
        for step in self.planned.plan.steps:
            if isinstance(step, CreateStateTopic):
                await writer.apply(step)

    async def _mover(
        self, stack: AsyncExitStack, lease: Lease, remote: RestrictedWriter | None, target_kind: BrokerKind
    ) -> Mover:
        if self.planned.order.verb is Verb.DISCARD:
            return Nowhere(lease)
        if remote is None:
            return mover_of(lease)
        publisher = await stack.enter_async_context(remote.publisher())
        return Across(lease, publisher, self.session.broker.kind, target_kind)

    def _budget(self, stage: int | None) -> int | None:
        """Letters that may be chosen beside those of an earlier process, so that a resume keeps to what was planned."""
        most = self.planned.order.selection.limit if self._total is None else self._total
        if most is None:
            return stage
        left = max(0, most - self.ledger.counted - len(self._open_marks))
        return left if stage is None else min(stage, left)

    def _terms(self, stage: int | None, most: int) -> Terms:
        order, plan = self.planned.order, self.planned.plan
        hand = most if order.rate is None else max(1, min(most, int(order.rate)))
        want = None
        if order.selection.everything and self._total is not None:
            want = max(0, self._total - self.ledger.counted)
            want = want if stage is None else min(stage, want)
            hand = max(1, min(hand, want))
        return Terms(
            run=plan.id,
            operator=operator(),
            plan_hash=plan.hash,
            hand=hand,
            want=None if self._open_marks else want,
            targets=() if self.remote is not None else self.planned.targets,
            take_over=order.take_over,
            resumed=self._resumed,
            shared=order.shared,
        )

    def _told(self) -> bytes:
        return msgspec.json.encode(self.result())


def summary(result: Result) -> str:
    """One line for the audit."""
    parts = [(outcome, getattr(result, outcome)) for outcome in Outcome]
    return ", ".join(f"{number} {outcome}" for outcome, number in parts if number) or "nothing to do"
