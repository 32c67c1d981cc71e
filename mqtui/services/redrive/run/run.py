"""Carries out a planned redrive or discard, stage by stage, from the write permit to the result."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from time import time

import msgspec

from mqtui.brokers.blocking import run_in_thread
from mqtui.brokers.port import EndsEarly, Lease
from mqtui.brokers.restricted_writer import RestrictedWriter
from mqtui.domain.bulk import RouteTemplates
from mqtui.domain.capability import Verb
from mqtui.domain.errors import StorageFailed
from mqtui.domain.figure import Exactness
from mqtui.domain.plan import CreateStateTopic, Result
from mqtui.domain.policy import Consent
from mqtui.domain.redrive import LeaseOptions, OffsetBounds, Outcome, Source, Strength
from mqtui.machine.process import operator
from mqtui.profiles.secrets import store_url_secret
from mqtui.services.gc_tuning import fewer_collections
from mqtui.services.letter_selector import LetterSelector
from mqtui.services.redrive.planning.mqtui_headers import HeaderStamper
from mqtui.services.redrive.planning.plan import PlannedRedrive, now_iso
from mqtui.services.redrive.planning.routing import EXPIRED_RISK, RedriveRouter
from mqtui.services.redrive.recovery.recover import CrashEvidence, resolve_unmatched, trace_in_flight
from mqtui.services.redrive.request import encode_request
from mqtui.services.redrive.run.batch import RunRecorder
from mqtui.services.redrive.run.bulk_routes import BulkRoutes
from mqtui.services.redrive.run.canary import (
    StageGate,
    StageReport,
    continue_unless_failing,
    early_end_reason,
    hold_reason,
    too_many_returned,
)
from mqtui.services.redrive.run.earlier_progress import EarlierProgress
from mqtui.services.redrive.run.journal_writer import JournalWriter
from mqtui.services.redrive.run.loop import BATCH_SIZE, RAW_BATCH_SIZE, RedriveLoop
from mqtui.services.redrive.run.missing_letters import count_missing
from mqtui.services.redrive.run.monitor import ConsumptionMonitor
from mqtui.services.redrive.run.monitor_result import MonitorResult
from mqtui.services.redrive.run.outcome_counter import OutcomeCounter
from mqtui.services.redrive.run.requeued_letters import read_requeued
from mqtui.services.redrive.run.run_record import new_run_record
from mqtui.services.redrive.run.transports import Transport, open_transport
from mqtui.services.session import Session
from mqtui.state.journal import Journal

MAX_RETURNED_NAMED = 20
"""How many of the letters that came back the result names."""

UNKNOWN_COUNT = -1
"""In the journal: the number of planned letters was not known before they were read."""


def no_progress(_: OutcomeCounter) -> None:
    """Report no progress."""


class RedriveRun:
    """A planned run. `counter` counts while it runs, so that its figures survive an error."""

    def __init__(
        self,
        session: Session,
        planned: PlannedRedrive,
        runs: Journal,
        *,
        remote: Session | None = None,
        before: EarlierProgress | None = None,
        gate: StageGate = continue_unless_failing,
        progress: Callable[[OutcomeCounter], None] = no_progress,
    ) -> None:
        self.session = session
        self.planned = planned
        self.remote = remote
        self.canary = planned.request.stages
        self.monitor_result: MonitorResult | None = None
        """What the monitor found last; None where the run is not monitored."""

        self.monitor = ConsumptionMonitor(
            (remote or session).broker, planned.source, planned.plan.id, planned.conventions, planned.not_observable
        )
        self._gate = gate
        self._allowed: frozenset[str] = frozenset()
        self.stop = asyncio.Event()
        self.is_watching = False
        """Whether it is between two stages, watching what became of the copies."""

        self.is_journaled = False
        """Whether the journal has it, so that it can be resumed."""

        self._resumed = before is not None
        self._in_flight = before.in_flight if before else ()
        self._evidence = CrashEvidence(before.proven, before.repeated) if before else CrashEvidence()
        bounds = planned.source.bounds
        first_planned = bounds.first if isinstance(bounds, OffsetBounds) else {}
        self._first_offsets = before.first_offsets if before else first_planned
        self._conventions = planned.conventions
        self._progress = progress
        plan = planned.plan
        count = plan.count.number
        known_before = count is not None and plan.count.sort not in (Exactness.AT_MOST, Exactness.ABOUT)
        self._planned_count = before.planned if before else int(count or 0) if known_before else None
        self._early_end_reason = ""
        earlier = before or EarlierProgress(self._planned_count)
        self.counter = OutcomeCounter(
            plan.id,
            self._planned_count,
            earlier.counts,
            earlier.in_flight,
            earlier.suspects,
            earlier.stored,
            earlier.refused,
        )
        self.counter.unknown_names += earlier.unknown_names
        self._needs_bundle = not isinstance(planned.source.bounds, OffsetBounds)
        self._journal = JournalWriter(runs, plan.id)

    async def run(self, consent: Consent, remote_consent: Consent | None = None) -> Result:
        """Move the letters and return the result.

        Raises:
            Refused, NeedsConsent: from the write gate; nothing was written.
            MqtuiError: it broke on the way; `result()` tells how far it came, and it can be resumed from the journal.
        """
        self._allowed = consent.allowed
        permit = replace(self.planned.plan, guarantee=self.planned.source_guarantee)
        if self._needs_bundle:
            await self._journal.open_bundle(self.session.profile)
        async with AsyncExitStack() as stack:
            writer = await stack.enter_async_context(self.session.guard.writing(permit, consent))
            remote = None
            if self.remote is not None and self.planned.remote_plan is not None:
                agreed = remote_consent or consent
                remote = await stack.enter_async_context(self.remote.guard.writing(self.planned.remote_plan, agreed))
            await self._write_start()
            self.is_journaled = True
            try:
                with fewer_collections():
                    await self._move_all(writer, remote)
            except StorageFailed as error:
                moved = self.counter.count(Outcome.MOVED)
                error.title = f"{moved:,} were moved; then it stopped: {error.title[:1].lower()}{error.title[1:]}"
                await self._write_failure()
                raise
            except BaseException:
                await self._write_failure()
                raise
            await self._journal.write_end("stopped" if self.stop.is_set() else "done", self._encoded_result())
            for bound in (writer, remote):
                if bound is not None:
                    bound.result = summarize_result(self.result())
        return self.result()

    async def _write_failure(self) -> None:
        """Write how far it came. Where the disk is full, the journal shows the run as interrupted."""
        with suppress(StorageFailed):
            await self._journal.write_end("failed", self._encoded_result())

    def result(self) -> Result:
        """The figures as of now."""
        figures, result = replace(self.counter.result(), why=self._early_end_reason), self.monitor_result
        if result is None:
            return figures
        return replace(
            figures,
            came_back=result.returned_count,
            passed=result.passed,
            waiting=result.waiting,
            readers=result.readers,
            back=result.returned_letters[:MAX_RETURNED_NAMED],
            watched=round(result.seconds, 1),
            verdict=result.describe(),
        )

    async def _write_start(self) -> None:
        plan, session = self.planned.plan, self.session
        for each in (session, self.remote):
            if each is not None and each.profile is None and each.address.secret:
                await run_in_thread("keyring", partial(store_url_secret, each.address))
        if self._resumed:
            await self._journal.claim(os.getpid())
            return
        saved = encode_request(self.planned.request, self.planned.source, self.planned.targets, plan.facts)
        count = UNKNOWN_COUNT if self._planned_count is None else self._planned_count
        record = new_run_record(session, plan, self.planned.source.ref, saved, count, plan.hash)
        await self._journal.write_start(record, [each.policy for each in (session, self.remote) if each is not None])

    async def _move_all(self, writer: RestrictedWriter, remote: RestrictedWriter | None) -> None:
        planned, request = self.planned, self.planned.request
        target_kind = (self.remote or self.session).broker.kind
        stamper = HeaderStamper(target_kind, planned.plan.id, operator(), now_iso())
        router = self._router(stamper)
        strength = planned.plan.guarantee.strength if planned.plan.guarantee else Strength.AT_LEAST_ONCE
        may_duplicate = strength is Strength.AT_LEAST_ONCE and request.verb is not Verb.DISCARD
        bulk_routes = self._bulk_routes(stamper, may_duplicate=may_duplicate)
        observer = self.monitor.copies if self.canary.is_watched else None
        recorder = RunRecorder(self.counter, self._journal, observer, may_duplicate)
        await self._prepare(writer)
        if self.canary.is_watched and request.verb is not Verb.DISCARD:
            await self.monitor.start(writer)
        try:
            await self._run_stages(writer, remote, router, recorder, bulk_routes)
        finally:
            await self.monitor.close()
        why_open = await read_requeued(
            self.session.broker,
            planned.source,
            self.counter,
            self.stop,
            partial(self._move_requeued, writer, remote, router, recorder),
        )
        if why_open:
            self._early_end_reason = why_open
        elif not self.stop.is_set():
            kinds = (self.session.broker.kind, target_kind)
            evidence = self._evidence if may_duplicate else replace(self._evidence, repeated=frozenset())
            await resolve_unmatched(remote or writer, router, self.counter, self._journal, kinds, evidence)
            await count_missing(self.session.broker, planned.source, self._first_offsets, self.counter)
            if request.selection.cause and not self.counter.counted and not self._early_end_reason:
                self._early_end_reason = f"no letter has the cause {request.selection.cause}"

    def _bulk_routes(self, stamper: HeaderStamper, *, may_duplicate: bool) -> RouteTemplates | None:
        """Routes of the bulk path, where letters are not parsed: all are selected, and no duplicate is possible."""
        request = self.planned.request
        moves_all = request.verb is Verb.REDRIVE and request.selection.everything and request.rate is None
        is_remote = self.remote is not None
        if not moves_all or is_remote or may_duplicate or self._in_flight or self.planned.unwraps_envelopes:
            return None
        return BulkRoutes(request, self._router(stamper), self._conventions)

    def _router(self, stamper: HeaderStamper) -> RedriveRouter:
        planned = self.planned
        risks = frozenset(risk.name for risk in planned.plan.risks)
        kind, targets = self.session.broker.kind, frozenset(planned.targets)
        alive_at = None if EXPIRED_RISK in self._allowed else int(time() * 1000)
        return RedriveRouter(planned.request, kind, self._conventions, stamper, targets, risks, alive_at)

    async def _run_stages(
        self,
        writer: RestrictedWriter,
        remote: RestrictedWriter | None,
        router: RedriveRouter,
        recorder: RunRecorder,
        bulk_routes: RouteTemplates | None,
    ) -> None:
        """Each stage has its own lease: nothing is held and no transaction is open while it is monitored (K4, R9)."""
        for number, size in enumerate((*self.canary.first, None)):
            selector = LetterSelector(self.planned.request.selection, self._conventions, self.session)
            loop = self._loop(router, selector, recorder, self._budget(size), bulk_routes)
            async with selector, AsyncExitStack() as stack:
                lease_options = self._lease_options(size, RAW_BATCH_SIZE if bulk_routes else BATCH_SIZE)
                lease = await stack.enter_async_context(writer.lease(self.planned.source, lease_options))
                if number == 0 and self._in_flight:
                    traced = await trace_in_flight(
                        self.session.broker, self.planned.source, lease_options, self._in_flight
                    )
                    self._evidence = replace(self._evidence, traced=traced)
                await loop.run(lease, await self._open_transport(stack, lease, remote))
            if selector.jq_filter is not None:
                self.counter.reasons.update(dict(selector.jq_filter.failure_reasons()))
            early_end = lease.end_reason if isinstance(lease, EndsEarly) else ""
            if early_end and (self._planned_count is None or self.counter.untried):
                self._early_end_reason = early_end
                self.counter.add(Outcome.LEFT, self.counter.untried, early_end)
            left = None if self._planned_count is None else max(0, self._planned_count - self.counter.counted)
            last = size is None or left == 0 or bool(early_end) or self.stop.is_set()
            await self._monitor_stage(number, left, last=last)
            if last or self.stop.is_set():
                return

    async def _move_requeued(
        self,
        writer: RestrictedWriter,
        remote: RestrictedWriter | None,
        router: RedriveRouter,
        recorder: RunRecorder,
        source: Source,
    ) -> None:
        """Read a source again: move the letters that were in flight at a crash, and those not tried yet."""
        selector = LetterSelector(self.planned.request.selection, self._conventions, self.session)
        loop = self._loop(router, selector, recorder, self.counter.untried)
        async with selector, AsyncExitStack() as stack:
            lease = await stack.enter_async_context(writer.lease(source, self._lease_options(None, BATCH_SIZE)))
            await loop.run(lease, await self._open_transport(stack, lease, remote))

    def _loop(
        self,
        router: RedriveRouter,
        selector: LetterSelector,
        recorder: RunRecorder,
        budget: int | None,
        bulk_routes: RouteTemplates | None = None,
    ) -> RedriveLoop:
        return RedriveLoop(
            self.planned.request,
            router,
            selector,
            recorder,
            budget=budget,
            stop=self.stop,
            progress=self._progress,
            bulk_routes=bulk_routes,
        )

    async def _monitor_stage(self, stage: int, left: int | None, *, last: bool) -> None:
        """Monitor what was moved so far and ask the gate whether to continue; if not, the rest stays."""
        if self.canary.is_watched and self.monitor.copies.stored:
            self.is_watching = True
            self.monitor_result = await self.monitor.watch(
                self.canary.watch, self.canary.stop_at, self._on_monitor_result, self.stop
            )
            self.is_watching = False
        too_many = "" if self.monitor_result is None else too_many_returned(self.monitor_result, self.canary.stop_at)
        hold = hold_reason(self.monitor_result, self.canary.stop_at, self._allowed)
        report = StageReport(stage, self.monitor_result, self.counter.count(Outcome.MOVED), left, bool(too_many), hold)
        if last:
            self._early_end_reason = self._early_end_reason or too_many
        elif not self.stop.is_set() and not await self._gate(report):
            self._early_end_reason = early_end_reason(
                stage, hold, failing=bool(too_many), by_operator=self.stop.is_set()
            )
            self.stop.set()

    def _on_monitor_result(self, result: MonitorResult) -> None:
        self.monitor_result = result
        self._progress(self.counter)

    async def _prepare(self, writer: RestrictedWriter) -> None:
        """Carry out the steps that come before the letters, such as creating the state topic."""
        for step in self.planned.plan.steps:
            if isinstance(step, CreateStateTopic):
                await writer.apply(step)

    async def _open_transport(self, stack: AsyncExitStack, lease: Lease, remote: RestrictedWriter | None) -> Transport:
        kinds = (self.session.broker.kind, (self.remote or self.session).broker.kind)
        return await open_transport(stack, self.planned.request.verb, lease, remote, kinds)

    def _budget(self, stage: int | None) -> int | None:
        """How many letters may be selected beside those of an earlier process: a resume keeps to what was planned."""
        most = self.planned.request.selection.limit if self._planned_count is None else self._planned_count
        if most is None:
            return stage
        left = max(0, most - self.counter.counted - len(self._in_flight))
        return left if stage is None else min(stage, left)

    def _lease_options(self, stage: int | None, most: int) -> LeaseOptions:
        request, plan = self.planned.request, self.planned.plan
        max_in_flight = most if request.rate is None else max(1, min(most, int(request.rate)))
        want = None
        if request.selection.everything and self._planned_count is not None:
            want = max(0, self._planned_count - self.counter.counted)
            want = want if stage is None else min(stage, want)
            max_in_flight = max(1, min(max_in_flight, want))
        return LeaseOptions(
            run=plan.id,
            operator=operator(),
            plan_hash=plan.hash,
            max_in_flight=max_in_flight,
            limit=None if self._in_flight else want,
            targets=() if self.remote is not None else self.planned.targets,
            take_over=request.take_over,
            resumed=self._resumed,
            shared=request.shared,
        )

    def _encoded_result(self) -> bytes:
        return msgspec.json.encode(self.result())


def summarize_result(result: Result) -> str:
    """One line for the audit log."""
    parts = [(outcome, getattr(result, outcome)) for outcome in Outcome]
    return ", ".join(f"{number} {outcome}" for outcome, number in parts if number) or "nothing to do"
