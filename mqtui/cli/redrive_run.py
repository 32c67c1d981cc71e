"""Plans, confirms and runs a redrive or discard from the command line, and prints the result."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mqtui.cli.consent import ConsentFlags, check_dry_run, confirm_plan, print_plan
from mqtui.cli.exit_codes import DONE, INCOMPLETE
from mqtui.cli.output import Output
from mqtui.cli.run_command import stop_on_interrupt
from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput, MqtuiError, StorageFailed
from mqtui.domain.plan import Result
from mqtui.domain.resource import ParsedName

if TYPE_CHECKING:
    from mqtui.domain.policy import Consent
    from mqtui.services.redrive.planning.plan import PlannedRedrive
    from mqtui.services.redrive.request import RedriveRequest
    from mqtui.services.redrive.run.earlier_progress import EarlierProgress
    from mqtui.services.redrive.run.outcome_counter import OutcomeCounter
    from mqtui.services.redrive.run.run import RedriveRun
    from mqtui.services.session import Session
    from mqtui.state.journal import Journal


MAX_NAMED = 20
"""Unknown letters that are named on a terminal; `runs show` has all."""


@dataclass(frozen=True, slots=True)
class RedriveArguments:
    """The arguments of `redrive` or `discard` as typed."""

    verb: Verb
    dlq: ParsedName
    values: Mapping[str, Any]
    """The options by their keys in `services.redrive.option_table`."""

    plan_file: Path | None = None


async def plan_and_run(output: Output, target: str, arguments: RedriveArguments, flags: ConsentFlags) -> int:
    """Plan, print, confirm, run. Exit 1 where a letter was not moved."""
    from mqtui.services.conventions import load_for_profile
    from mqtui.services.redrive.parse_request import allowed_risks
    from mqtui.services.redrive.planning.plan import plan_redrive

    async with open_sessions(target, arguments.values.get("to_target") or "") as (session, remote):
        output.warn((*session.warnings, *load_for_profile(session.profile).notes))
        order = await _build_request(session, remote, arguments)
        flags = replace(flags, allowed_risks=allowed_risks(order, flags.allowed_risks))
        planned = await plan_redrive(session, order, load_for_profile(session.profile).conventions, remote)
        if arguments.plan_file is None:
            return await confirm_and_run(output, session, remote, planned, None, flags)
        return await _run_saved_plan(output, session, remote, planned, flags, arguments.plan_file)


async def _run_saved_plan(
    output: Output, session: Session, remote: Session | None, planned: PlannedRedrive, flags: ConsentFlags, file: Path
) -> int:
    """With a plan file: a dry run saves the plan where the file is new; else the plan has to be the saved one."""
    import asyncio

    from mqtui.services.redrive.planning.saved_plan import encode_plan, require_same_terms

    now = await encode_plan(session, planned, remote, flags.allowed_risks)
    first = flags.dry_run and not await asyncio.to_thread(file.exists)
    if not first:
        require_same_terms(_read_plan_file(file), now)
    code = await confirm_and_run(output, session, remote, planned, None, flags)
    if first:
        _write_plan_file(file, now)
    return code


@asynccontextmanager
async def open_sessions(target: str, to_target: str) -> AsyncIterator[tuple[Session, Session | None]]:
    """Open the source's broker, and the other one where `to_target` names it."""
    from mqtui.services.session import open_session

    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session(target))
        remote = await stack.enter_async_context(open_session(to_target)) if to_target else None
        yield session, remote


async def _build_request(session: Session, remote: Session | None, arguments: RedriveArguments) -> RedriveRequest:
    from mqtui.services.browse import find_destination, find_target
    from mqtui.services.redrive.parse_request import check_supported
    from mqtui.services.redrive.request import RedriveRequest
    from mqtui.services.redrive.request_options import with_values

    target, to = (remote or session).broker, arguments.values.get("to")
    source = (await find_destination(session.broker, arguments.dlq)).ref
    found = {
        "to": (await find_target(target, to)).ref if to is not None else None,
        "to_target": remote.target if remote else "",
    }
    order = with_values(RedriveRequest(arguments.verb, source), {**arguments.values, **found})
    check_supported(order, session.broker.kind, target.kind)
    return order


async def confirm_and_run(
    output: Output,
    session: Session,
    remote: Session | None,
    planned: PlannedRedrive,
    before: EarlierProgress | None,
    flags: ConsentFlags,
) -> int:
    """Print a plan, confirm it, run it, and print the result."""
    from mqtui.services.redrive.run.journal_writer import open_journal
    from mqtui.services.redrive.run.run import RedriveRun

    if planned.remote_plan is not None and remote is not None:
        print_plan(output, planned.remote_plan)
    consent = confirm_plan(output, planned.plan, session.policy, flags)
    if consent is None:
        if planned.remote_plan is not None and remote is not None:
            check_dry_run(remote.policy, planned.remote_plan, flags)
        return DONE
    async with open_journal() as runs:
        run = RedriveRun(
            session,
            planned,
            runs,
            remote=remote,
            before=before,
            progress=lambda now: _print_progress(output, now),
        )
        return await _run(output, run, runs, consent, flags)


async def _run(output: Output, run: RedriveRun, runs: Journal, consent: Consent, flags: ConsentFlags) -> int:
    """Run it until its end, or the first ctrl+c."""
    run.stop = stop_on_interrupt()
    try:
        result = await run.run(consent)
    except MqtuiError as error:
        if run.is_journaled:
            print_result(output, run.result(), runs)
            error.hint = f"{error.hint} mqtui runs resume {runs.short_id(run.planned.plan.id)} continues it.".strip()
        raise
    finally:
        output.progress_done()
    print_result(output, result, runs)
    _print_next_steps(output, result, runs, flags)
    if run.stop.is_set() and run.counter.planned is None:
        output.note(f"▲ stopped before all letters were read: mqtui runs resume {runs.short_id(result.run)} continues")
        return INCOMPLETE
    return DONE if result.whole else INCOMPLETE


def _print_next_steps(output: Output, result: Result, runs: Journal, flags: ConsentFlags) -> None:
    """Print what continues a run that did not finish, and what returns letters whose outcome is unknown."""
    from mqtui.state import bundles

    if result.why:
        output.note(f"▲ {result.why}")
    short = runs.short_id(result.run)
    going_on = " ".join((f"mqtui runs resume {short}", *_consent_options(flags)))
    asked_again = result.unknown - len(result.unknowns)
    if result.unknowns and bundles.exists(result.run):
        output.note(
            f"▲ {len(result.unknowns):,} are in the bundle, and perhaps nowhere else: mqtui runs putback {short} "
            "returns them to the source; one that was moved is duplicated then"
        )
    if asked_again > 0:
        output.note(f"▲ what became of {asked_again:,} is unknown: {going_on} asks the broker again")
    elif result.left:
        output.note(f"▲ {result.left:,} were left: {going_on} continues")


def _consent_options(flags: ConsentFlags) -> list[str]:
    """The options that give another command the same consent."""
    words = [f"--allow {risk}" for risk in sorted(flags.allowed_risks)]
    if flags.typed_name:
        words.append(f"--confirm {shlex.quote(flags.typed_name)}")
    return words + ["--yes"] * flags.yes


def _print_progress(output: Output, counter: OutcomeCounter) -> None:
    of = "?" if counter.planned is None else f"{counter.planned:,}"
    output.progress(f"{counter.counted:,} of {of}")


def print_result(output: Output, result: Result, runs: Journal) -> None:
    """Print the result of a run: each suspect, then the figures."""
    from mqtui.services.json_rows import result_row, suspect_rows, unknown_rows

    if output.json:
        for row in (*suspect_rows(result), *unknown_rows(result)):
            output.json_line(row)
        output.json_line(result_row(result))
        return
    for suspect in result.suspects:
        output.note(f"▲ possible duplicate: {suspect}")
    for name in result.unknowns[:MAX_NAMED]:
        output.note(f"▲ unknown: {name}")
    if len(result.unknowns) > MAX_NAMED:
        rest = len(result.unknowns) - MAX_NAMED
        output.note(f"▲ and {rest:,} more are unknown: mqtui runs show {runs.short_id(result.run)} names them")
    for reason, number in result.reasons:
        output.note(f"▲ {number:,} not moved: {reason}")
    output.line(
        f"run {runs.short_id(result.run)}: {result.moved:,} of {result.planned:,} moved, {result.refused:,} refused, "
        f"{result.unknown:,} unknown, {result.skipped:,} skipped, {result.left:,} left, in {result.seconds:.1f} s"
    )
    if result.verdict:
        output.line(result.verdict)
    for reader in result.readers:
        output.line(f"  {reader.text}")
    for letter in result.back:
        output.note(f"▲ came back: {letter}")


def _write_plan_file(file: Path, saved: dict[str, Any]) -> None:
    import orjson

    try:
        file.write_bytes(orjson.dumps(saved, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        raise StorageFailed(f"The plan can't be saved to {file}", str(error)) from error


def _read_plan_file(file: Path) -> dict[str, Any]:
    """Read a plan file.

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
