"""Planning and running a redrive or a discard from the command line."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mqtui.cli.consent import Agreed, ask, rehearse, show
from mqtui.cli.exits import DONE, NOT_ALL
from mqtui.cli.output import Output
from mqtui.cli.running import stop_on_interrupt
from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput, MqtuiError, StorageFailed
from mqtui.domain.plan import Result
from mqtui.domain.redrive import Selection
from mqtui.domain.resource import Named

if TYPE_CHECKING:
    from mqtui.domain.policy import Consent
    from mqtui.services.redrive.planning.plan import PlannedRedrive
    from mqtui.services.redrive.request import RedriveRequest
    from mqtui.services.redrive.run.earlier_progress import EarlierProgress
    from mqtui.services.redrive.run.outcome_counter import OutcomeCounter
    from mqtui.services.redrive.run.run import RedriveRun
    from mqtui.services.session import Session
    from mqtui.state.runs import Runs


NAMED = 20
"""Unknown letters that are named on a terminal; `runs show` has all."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A redrive or discard as typed."""

    verb: Verb
    dlq: Named
    selection: Selection
    to: Named | None = None
    to_target: str = ""
    rate: float | None = None
    keep_timestamp: bool = False
    take_over: bool = False
    shared: bool = False
    plan_file: Path | None = None
    canary: tuple[int, ...] = ()
    stop_at: float | None = None
    watch: int | None = None
    """Milliseconds."""


async def perform(output: Output, target: str, wish: Wish, agreed: Agreed) -> int:
    """Plan, show, ask, run. Exit 1 where a letter was not moved."""
    from mqtui.services.conventions import known
    from mqtui.services.redrive.parse_request import allowed_risks
    from mqtui.services.redrive.planning.plan import plan_redrive

    async with sessions(target, wish.to_target) as (session, remote):
        output.warn((*session.warnings, *known(session.profile).notes))
        order = await _order(session, remote, wish)
        agreed = replace(agreed, allowed=allowed_risks(order, agreed.allowed))
        planned = await plan_redrive(session, order, known(session.profile).conventions, remote)
        if wish.plan_file is None:
            return await execute(output, session, remote, planned, None, agreed)
        return await _execute_saved(output, session, remote, planned, agreed, wish.plan_file)


async def _execute_saved(
    output: Output, session: Session, remote: Session | None, planned: PlannedRedrive, agreed: Agreed, file: Path
) -> int:
    """With a file: a dry run saves the plan where there is none yet; else only the plan that was saved goes on."""
    from mqtui.services.redrive.planning.saved_plan import encode_plan, require_same_terms

    now = await encode_plan(session, planned, remote, agreed.allowed)
    first = agreed.dry_run and not await asyncio.to_thread(file.exists)
    if not first:
        require_same_terms(_read(file), now)
    code = await execute(output, session, remote, planned, None, agreed)
    if first:
        _save(file, now)
    return code


@asynccontextmanager
async def sessions(target: str, to_target: str) -> AsyncIterator[tuple[Session, Session | None]]:
    """The source's session, and that of the other broker where there is one."""
    from mqtui.services.session import opened

    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(opened(target))
        remote = await stack.enter_async_context(opened(to_target)) if to_target else None
        yield session, remote


async def _order(session: Session, remote: Session | None, wish: Wish) -> RedriveRequest:
    from mqtui.services.browse import find, find_target
    from mqtui.services.redrive.parse_request import build_stages, check_supported
    from mqtui.services.redrive.request import RedriveRequest

    target = (remote or session).broker
    source = (await find(session.broker, wish.dlq)).ref
    to = (await find_target(target, wish.to)).ref if wish.to is not None else None
    order = RedriveRequest(
        wish.verb,
        source,
        wish.selection,
        to,
        remote.target if remote else "",
        wish.rate,
        wish.keep_timestamp,
        wish.take_over,
        wish.shared,
        build_stages(wish.canary, wish.stop_at, wish.watch),
    )
    check_supported(order, session.broker.kind, target.kind)
    return order


async def execute(
    output: Output,
    session: Session,
    remote: Session | None,
    planned: PlannedRedrive,
    before: EarlierProgress | None,
    agreed: Agreed,
) -> int:
    """Show a plan, ask, run it, and tell how it ended."""
    from mqtui.services.redrive.run.journal_writer import open_journal
    from mqtui.services.redrive.run.run import RedriveRun

    if planned.remote_plan is not None and remote is not None:
        show(output, planned.remote_plan)
    consent = ask(output, planned.plan, session.policy, agreed)
    if consent is None:
        if planned.remote_plan is not None and remote is not None:
            rehearse(remote.policy, planned.remote_plan, agreed)
        return DONE
    async with open_journal() as runs:
        run = RedriveRun(
            session,
            planned,
            runs,
            remote=remote,
            before=before,
            progress=lambda now: _progress(output, now),
        )
        return await _execute(output, run, runs, consent, agreed)


async def _execute(output: Output, run: RedriveRun, runs: Runs, consent: Consent, agreed: Agreed) -> int:
    """Run it until its end, or the first ctrl+c."""
    run.stop = stop_on_interrupt()
    try:
        result = await run.run(consent)
    except MqtuiError as error:
        if run.is_journaled:
            tell(output, run.result(), runs)
            error.hint = f"{error.hint} mqtui runs resume {runs.short(run.planned.plan.id)} goes on.".strip()
        raise
    finally:
        output.progress_done()
    tell(output, result, runs)
    _advise(output, result, runs, agreed)
    if run.stop.is_set() and run.counter.planned is None:
        output.note(f"▲ stopped before all letters were read: mqtui runs resume {runs.short(result.run)} goes on")
        return NOT_ALL
    return DONE if result.whole else NOT_ALL


def _advise(output: Output, result: Result, runs: Runs, agreed: Agreed) -> None:
    """What takes up a run that did not come to its end, and what brings back letters nobody knows of."""
    from mqtui.state import bundles

    if result.why:
        output.note(f"▲ {result.why}")
    short = runs.short(result.run)
    going_on = " ".join((f"mqtui runs resume {short}", *_consent_words(agreed)))
    asked_again = result.unknown - len(result.unknowns)
    if result.unknowns and bundles.exists(result.run):
        output.note(
            f"▲ {len(result.unknowns):,} are in the bundle, and perhaps nowhere else: mqtui runs putback {short} "
            "returns them to the source; one that was moved is there twice then"
        )
    if asked_again > 0:
        output.note(f"▲ what became of {asked_again:,} is unknown: {going_on} asks the broker again")
    elif result.left:
        output.note(f"▲ {result.left:,} were left: {going_on} goes on")


def _consent_words(agreed: Agreed) -> list[str]:
    """The options by which another command is given the same consent."""
    words = [f"--allow {risk}" for risk in sorted(agreed.allowed)]
    if agreed.typed:
        words.append(f"--confirm {shlex.quote(agreed.typed)}")
    return words + ["--yes"] * agreed.yes


def _progress(output: Output, ledger: OutcomeCounter) -> None:
    of = "?" if ledger.planned is None else f"{ledger.planned:,}"
    output.progress(f"{ledger.counted:,} of {of}")


def tell(output: Output, result: Result, runs: Runs) -> None:
    """Each suspect, then the figures."""
    from mqtui.services.json_rows import result_row, suspect_rows, unknown_rows

    if output.json:
        for row in (*suspect_rows(result), *unknown_rows(result)):
            output.json_line(row)
        output.json_line(result_row(result))
        return
    for suspect in result.suspects:
        output.note(f"▲ may be there twice: {suspect}")
    for name in result.unknowns[:NAMED]:
        output.note(f"▲ unknown: {name}")
    if len(result.unknowns) > NAMED:
        rest = len(result.unknowns) - NAMED
        output.note(f"▲ and {rest:,} more are unknown: mqtui runs show {runs.short(result.run)} names them")
    for reason, number in result.reasons:
        output.note(f"▲ {number:,} not moved: {reason}")
    output.line(
        f"run {runs.short(result.run)}: {result.moved:,} of {result.planned:,} moved, {result.refused:,} refused, "
        f"{result.unknown:,} unknown, {result.skipped:,} skipped, {result.left:,} left, in {result.seconds:.1f} s"
    )
    if result.verdict:
        output.line(result.verdict)
    for reader in result.readers:
        output.line(f"  {reader.words}")
    for letter in result.back:
        output.note(f"▲ came back: {letter}")


def _save(file: Path, saved: dict[str, Any]) -> None:
    import orjson

    try:
        file.write_bytes(orjson.dumps(saved, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        raise StorageFailed(f"The plan can't be saved to {file}", str(error)) from error


def _read(file: Path) -> dict[str, Any]:
    """The plan a file holds.

    Raises:
        BadInput: the file can't be read or holds no plan.
        Refused: it was saved by an older version.
    """
    from mqtui.services.redrive.planning.saved_plan import decode_plan

    try:
        raw = file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file} holds no plan", str(error)) from error
    return decode_plan(raw, str(file))
