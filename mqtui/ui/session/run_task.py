"""A run as a background task: it goes on when its screen is left."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from mqtui.domain.errors import MqtuiError
from mqtui.domain.plan import Result
from mqtui.domain.policy import Consent
from mqtui.domain.resource import Ref
from mqtui.services.redrive.planning.plan import PlannedRedrive
from mqtui.services.redrive.request import CanaryStages
from mqtui.services.redrive.run.canary import StageReport
from mqtui.services.redrive.run.earlier_progress import EarlierProgress
from mqtui.services.redrive.run.journal_writer import open_journal
from mqtui.services.redrive.run.run import RedriveRun
from mqtui.services.session import Session
from mqtui.state.crash_report import report_crash
from mqtui.state.journal import Journal

RATE_SAMPLES = 20


@dataclass(slots=True)
class RunTask:
    """One run. `stage_report` is set while it waits for a person between two stages; `error` says why it failed."""

    session: Session
    planned: PlannedRedrive
    consent: Consent
    changed: Callable[[], None] = lambda: None
    before: EarlierProgress | None = None
    remote: Session | None = None
    remote_consent: Consent | None = None
    stage_report: StageReport | None = None
    result: Result | None = None
    error: MqtuiError | None = None
    paused: bool = False
    began: float = field(default_factory=monotonic)
    rates: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=RATE_SAMPLES))
    run: RedriveRun | None = None
    _stopped: bool = False
    _answer: asyncio.Future[bool] | None = None
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"run {self.planned.plan.id[:4]}")

    async def _run(self) -> None:
        try:
            async with open_journal() as journal:
                self.run = self._create_run(journal)
                self.result = await self.run.run(self.consent, self.remote_consent)
        except MqtuiError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - reported as an internal error, not as an ordinary end
            self.error = report_crash(error)
        finally:
            self.result = self.figures()
            self.stage_report = None
            self.changed()

    def _create_run(self, journal: Journal) -> RedriveRun:
        run = RedriveRun(
            self.session,
            self.planned,
            journal,
            remote=self.remote,
            before=self.before,
            gate=self._ask,
            progress=self._on_progress,
        )
        if self._stopped:
            run.stop.set()
        return run

    def _on_progress(self, _: object) -> None:
        if self.run is not None:
            self.rates.append((monotonic(), self.run.counter.counted))
        self.changed()

    async def _ask(self, stage_report: StageReport) -> bool:
        """Wait for a person after the first stage, and after a later one whose letters were not seen to pass.

        Where too many letters came back the run stops without asking.
        """
        if stage_report.is_failing or (stage_report.stage > 0 and not stage_report.hold):
            self.stage_report = stage_report if stage_report.is_failing else None
            return not stage_report.is_failing
        self.stage_report = stage_report
        self._answer = asyncio.get_running_loop().create_future()
        self.changed()
        try:
            return await self._answer
        finally:
            self.stage_report = None
            self._answer = None

    @property
    def id(self) -> str:
        return self.planned.plan.id

    @property
    def source(self) -> Ref:
        return self.planned.source.ref

    def describe(self) -> str:
        """What it does and how far it is: `redrive 7F3A of orders.DLQ, 11 of 19`."""
        result = self.figures()
        done = "" if result is None else f", {result.planned - result.left:,} of {result.planned:,}"
        return f"{self.planned.plan.verb} {self.id[:4].upper()} of {self.planned.source.ref.name}{done}"

    @property
    def stages(self) -> CanaryStages:
        """The canary stages of the request."""
        return self.planned.request.stages

    @property
    def is_running(self) -> bool:
        """Whether it is still under way."""
        return self._task is not None and not self._task.done()

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for a person."""
        return self._answer is not None and not self._answer.done()

    def answer(self, *, go_on: bool) -> None:
        """Go on with the next stage, or leave the rest where it is."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(go_on)

    def stop(self) -> None:
        """Finish the batch in flight and leave the rest."""
        self._stopped = True
        if self.run is not None:
            self.run.stop.set()
        self.answer(go_on=False)

    @property
    def is_stopped(self) -> bool:
        """Whether a person, or the run itself, ended it before all letters were tried."""
        return self._stopped or (self.run is not None and self.run.stop.is_set())

    def figures(self) -> Result | None:
        """The result so far; the final one once it has ended."""
        if self.result is not None:
            return self.result
        return self.run.result() if self.run is not None else None

    def rate(self) -> float | None:
        """Letters a second over the last batches; None before there are two."""
        if len(self.rates) < 2:
            return None
        (first, before), (last, now) = self.rates[0], self.rates[-1]
        return (now - before) / (last - first) if last > first else None

    async def wait(self) -> None:
        """Wait for its end."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
