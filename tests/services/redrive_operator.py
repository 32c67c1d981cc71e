"""Plans, runs, kills, resumes and puts back on in-memory brokers, each as if in its own process."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest

from mqtui.domain.capability import Verb
from mqtui.domain.plan import Result
from mqtui.domain.policy import Consent, Policy
from mqtui.domain.redrive import Selection
from mqtui.domain.resource import Ref
from mqtui.services.conventions import load_for_profile
from mqtui.services.redrive.planning import plan
from mqtui.services.redrive.planning.plan import PlannedRedrive
from mqtui.services.redrive.putback import putback
from mqtui.services.redrive.recovery import resume
from mqtui.services.redrive.request import RedriveRequest
from mqtui.services.redrive.run.earlier_progress import EarlierProgress
from mqtui.services.redrive.run.outcome_counter import OutcomeCounter
from mqtui.services.redrive.run.run import RedriveRun
from mqtui.services.session import Session, open_session
from mqtui.state.journal import Journal, LettersInFlight, OutcomeRows, RunRecord
from mqtui.state.paths import state_dir
from tests.memory import Faults, Killed
from tests.services.memory_fixtures import MemoryFixture

CONFIRMED = Consent(yes=True)


class CrashingJournal(Journal):
    """The journal of a process that can be killed: after that nothing more is written."""

    def __init__(self, faults: Sequence[Faults]) -> None:
        super().__init__()
        self._faults = faults
        self._armed = [one for one in faults if one.die_after is not None or one.die_after_batches is not None]

    def _alive(self) -> None:
        if any(one.die_after is None and one.die_after_batches is None for one in self._armed):
            raise Killed

    def begin(self, record: RunRecord, policies: Sequence[Policy] = ()) -> None:
        self._alive()
        newest = max((known.started for known in self.list_runs()), default=0)
        super().begin(replace(record, started=max(record.started, newest + 1)), policies)

    def begin_batch(self, run: str, marks: LettersInFlight) -> int:
        self._alive()
        return super().begin_batch(run, marks)

    def record_outcomes(self, run: str, number: int, dones: OutcomeRows) -> None:
        self._alive()
        super().record_outcomes(run, number, dones)

    def end(self, run: str, state: str, result: bytes | None = None) -> None:
        self._alive()
        super().end(run, state, result)


def mark_processes_dead() -> None:
    """Make the processes of all running runs look dead: their ids belong to processes with other start times."""
    with sqlite3.connect(state_dir() / "runs.sqlite") as database:
        database.execute("UPDATE runs SET pid_start = 1 WHERE state = 'running'")
    database.close()


@dataclass(slots=True)
class Operator:
    """Works on one broker; `remote` is the other one that letters go to."""

    source: MemoryFixture
    remote: MemoryFixture | None = None
    stop_at: int | None = None
    """Stop the run once that many letters are counted."""

    target: str = ""
    remote_target: str = ""
    """Profiles instead of the brokers' URLs."""

    @property
    def fixtures(self) -> list[MemoryFixture]:
        return [broker for broker in (self.source, self.remote) if broker is not None]

    def journal(self) -> Journal:
        return CrashingJournal([broker.server.faults for broker in self.fixtures])

    def request(
        self, verb: Verb = Verb.REDRIVE, *, to: Ref | None = None, rate: float | None = None, **chosen: Any
    ) -> RedriveRequest:
        target = (self.remote_target or self.remote.url) if self.remote else ""
        return RedriveRequest(verb, self.source.source, Selection(**chosen), to, target, rate)

    async def sessions(self, stack: AsyncExitStack) -> tuple[Session, Session | None]:
        session = await stack.enter_async_context(
            open_session(self.target or self.source.url, adapters=self.source.connect)
        )
        if self.remote is None:
            return session, None
        far = self.remote_target or self.remote.url
        return session, await stack.enter_async_context(open_session(far, adapters=self.remote.connect))

    async def plan(self, request: RedriveRequest | None = None) -> PlannedRedrive:
        """Only plan."""
        async with AsyncExitStack() as stack:
            session, remote = await self.sessions(stack)
            return await plan.plan_redrive(session, request or self.request(), load_for_profile().conventions, remote)

    async def run(self, request: RedriveRequest | None = None, consent: Consent = CONFIRMED) -> Result:
        """Plan and run."""
        async with AsyncExitStack() as stack:
            session, remote = await self.sessions(stack)
            planned = await plan.plan_redrive(
                session, request or self.request(), load_for_profile().conventions, remote
            )
            return await self._go(self._run(session, remote, planned, self.journal(), None), consent)

    async def run_planned(self, planned: PlannedRedrive, consent: Consent = CONFIRMED) -> Result:
        """Run what was planned before."""
        async with AsyncExitStack() as stack:
            session, remote = await self.sessions(stack)
            return await self._go(self._run(session, remote, planned, self.journal(), None), consent)

    async def resume(self, name: str, consent: Consent = CONFIRMED) -> Result:
        """Resume a run."""
        async with AsyncExitStack() as stack:
            session, remote = await self.sessions(stack)
            journal = self.journal()
            record = journal.find(name)
            resume.check_resumable(record)
            planned, before = await resume.plan_resume(session, record, journal, load_for_profile().conventions, remote)
            return await self._go(self._run(session, remote, planned, journal, before), consent)

    async def put_back(self, name: str, consent: Consent = CONFIRMED) -> Result:
        """Put the letters of a run back."""
        async with AsyncExitStack() as stack:
            session, _ = await self.sessions(stack)
            journal = self.journal()
            back = await putback.plan_put_back(session, journal.find(name), journal)
            return await putback.run_put_back(session, back, journal, consent)

    async def is_killed_during(
        self, work: Callable[[], Any], after: int | None = None, batches: int | None = None
    ) -> bool:
        """Do something until the process is killed; False where it came to its end."""
        faults = (self.remote or self.source).server.faults
        faults.die_after, faults.die_after_batches = after, batches
        try:
            await work()
        except Killed:
            mark_processes_dead()
            return True
        finally:
            faults.die_after = faults.die_after_batches = None
        return False

    def _run(
        self,
        session: Session,
        remote: Session | None,
        planned: PlannedRedrive,
        journal: Journal,
        before: EarlierProgress | None,
    ) -> RedriveRun:
        return RedriveRun(session, planned, journal, remote=remote, before=before, progress=self._progress)

    async def _go(self, run: RedriveRun, consent: Consent) -> Result:
        self._current = run
        return await run.run(consent)

    _current: RedriveRun | None = None

    def _progress(self, counter: OutcomeCounter) -> None:
        if self.stop_at is not None and self._current is not None and counter.counted >= self.stop_at:
            self._current.stop.set()

    @property
    def planned(self) -> PlannedRedrive:
        """The plan of the last run."""
        assert self._current is not None
        return self._current.planned

    @property
    def result(self) -> Result:
        """The figures of the last run as of now."""
        assert self._current is not None
        return self._current.result()


def last_run() -> RunRecord:
    """The newest run of the journal."""
    return max(Journal().list_runs(), key=lambda record: record.started)


def small_batches(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Let runs move batches of `size`, parsed or raw."""
    monkeypatch.setattr("mqtui.services.redrive.run.loop.BATCH_SIZE", size)
    monkeypatch.setattr("mqtui.services.redrive.run.loop.RAW_BATCH_SIZE", size)


def assert_complete(result: Result) -> Result:
    """The result itself, where the outcomes sum up to what was planned (C8)."""
    parts = (result.moved, result.refused, result.unknown, result.skipped, result.left)
    assert sum(parts) == result.planned, result
    return result
