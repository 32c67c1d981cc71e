"""`mqtui runs`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from mqtui.cli import options
from mqtui.cli.consent import ConsentFlags, confirm_plan
from mqtui.cli.exit_codes import DONE, INCOMPLETE, REFUSED
from mqtui.cli.output import Output, current_output
from mqtui.cli.redrive_run import confirm_and_run, open_sessions, print_result
from mqtui.cli.run_command import exit_on_error, run_command
from mqtui.cli.selection_options import override_options
from mqtui.domain.capability import Verb
from mqtui.domain.errors import NotFound
from mqtui.domain.redrive import Outcome

if TYPE_CHECKING:
    from mqtui.services.redrive.recovery.resume import ResumeOverrides
    from mqtui.state.journal import Journal, RunRecord


@click.group(invoke_without_command=True)
@options.rows_option
@click.pass_context
def runs(ctx: click.Context, *, json_lines: bool) -> None:
    """Redrives and changes of offsets of this machine: list, show, resume, put back, report."""
    if ctx.invoked_subcommand is None:
        _list(json_lines=json_lines)


@runs.command("list")
@options.rows_option
def list_runs(*, json_lines: bool) -> None:
    """The runs of this machine, the newest first."""
    _list(json_lines=json_lines)


def _list(*, json_lines: bool) -> None:
    output = current_output(json=json_lines)
    with exit_on_error(output):
        from mqtui.domain.times import format_time
        from mqtui.services.run_report import describe_state, run_row
        from mqtui.state.journal import Journal

        with Journal() as journal:
            records = journal.list_runs()
            rows = [run_row(journal, record) for record in records]
            if output.json:
                for each in rows:
                    output.json_line(each)
            else:
                output.table(
                    ("RUN", "WHEN", "VERB", "PROFILE", "SOURCE", "STATE", "PLANNED", "MOVED"),
                    [
                        (
                            each["short"],
                            format_time(each["started"], "%Y-%m-%d %H:%M:%S"),
                            each["verb"],
                            each["profile"],
                            each["source"],
                            describe_state(record),
                            "?" if each["planned"] is None else each["planned"],
                            each["outcomes"].get("moved", 0),
                        )
                        for each, record in zip(rows, records, strict=True)
                    ],
                    right=(6, 7),
                    first_to_go=("PROFILE", "VERB", "WHEN", "STATE"),
                )


@runs.command("show")
@options.run_argument
@options.rows_option
def show_run(*, run_id: str, json_lines: bool) -> None:
    """One run: its letters and the outcome of each."""
    output = current_output(json=json_lines)
    with exit_on_error(output):
        from mqtui.services.run_report import describe_run, letter_row, reader_lines, run_row
        from mqtui.state.journal import Journal

        with Journal() as journal:
            record = journal.find(run_id)
            if not output.json:
                output.line(describe_run(journal, record))
                for line in reader_lines(record):
                    output.line(f"  {line}")
            for done in journal.read_outcomes(record.id):
                if done[1] not in set(Outcome):
                    continue
                if output.json:
                    output.json_line(letter_row(done))
                else:
                    output.row(f"  {done[0]}  {done[1]}  {done[2]}  {done[3]}".rstrip())
            for mark in journal.unfinished_letters(record.id):
                if output.json:
                    output.json_line({"letter": mark[0], "outcome": "unknown"})
                else:
                    output.line(f"  {mark[0]}  unknown: in flight when the run ended")
            if output.json:
                output.json_line(run_row(journal, record))


@runs.command("report")
@options.run_argument
@click.option("--markdown", is_flag=True, help="In Markdown: cause, plan, outcome, audit numbers, command.")
@options.rows_option
def report_run(*, run_id: str, markdown: bool, json_lines: bool) -> None:
    """One paragraph for a ticket, or all that belongs in it as Markdown."""
    output = current_output(json=json_lines)
    if markdown and output.json:
        raise click.UsageError("--markdown and --json are two forms of one report: give one of them.")
    with exit_on_error(output):
        from mqtui.services.run_report import describe_run, run_row
        from mqtui.state.journal import Journal

        with Journal() as journal:
            record = journal.find(run_id)
            if output.json:
                output.json_line(run_row(journal, record))
            elif markdown:
                from mqtui.services.ticket_report import markdown_report, read_audit_numbers

                for line in markdown_report(journal, record, read_audit_numbers(record.id)).splitlines():
                    output.line(line)
            else:
                output.line(describe_run(journal, record))


@runs.command("resume")
@click.argument("run_id", metavar="[RUN]", required=False, default="", shell_complete=options.complete("run"))
@override_options
@options.write_options
@options.rows_option
def resume_run(
    *,
    run_id: str,
    take_over: bool,
    shared: bool,
    allow: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    confirm: str,
    json_lines: bool,
) -> None:
    """Resume an interrupted run; without RUN those of the last 24 h that are not on a protected profile."""
    from mqtui.services.redrive.recovery.resume import ResumeOverrides

    output = current_output(json=json_lines)
    flags = ConsentFlags(dry_run, yes, confirm, frozenset(allow))
    overrides = ResumeOverrides(take_over=take_over, shared=shared)
    run_command(output, lambda: _resume(output, run_id, overrides, flags))


async def _resume(output: Output, run_id: str, overrides: ResumeOverrides, flags: ConsentFlags) -> int:
    from mqtui.services.redrive.run.journal_writer import open_journal

    async with open_journal() as journal:
        if run_id:
            return await _resume_one(output, journal, journal.find(run_id), overrides, flags)
        return await _resume_all(output, journal, overrides, flags)


async def _resume_all(output: Output, journal: Journal, overrides: ResumeOverrides, flags: ConsentFlags) -> int:
    from mqtui.services.run_report import find_resumable

    mine, others = find_resumable(journal)
    if not mine and not others:
        ended = [record for record in journal.list_runs() if record.state in ("failed", "stopped")]
        named = ", ".join(f"{journal.short_id(record.id)} ({record.state})" for record in ended[:3])
        detail = f"Runs that ended early are resumed by their name: {named}." if named else ""
        raise NotFound("No interrupted run on this machine", detail, "mqtui runs lists all of them.")
    worst = DONE
    for record in mine:
        output.note(
            f"resuming {journal.short_id(record.id)}: {record.verb} of {record.source.name} on {record.profile}"
        )
        worst = max(worst, await _resume_one(output, journal, record, overrides, flags))
    for record, why in others:
        output.note(f"▲ not resumed: {journal.short_id(record.id)} on {record.profile}: {why}. Name it to resume it.")
    return REFUSED if others else worst


async def _resume_one(
    output: Output, journal: Journal, record: RunRecord, overrides: ResumeOverrides, flags: ConsentFlags
) -> int:
    if record.verb == Verb.OFFSETS:
        return await _resume_offsets(output, journal, record, flags)
    from mqtui.services.conventions import load_for_profile
    from mqtui.services.redrive.parse_request import allowed_risks
    from mqtui.services.redrive.recovery import resume
    from mqtui.services.redrive.request import decode_request

    resume.check_resumable(record)
    order = decode_request(record.plan).request
    async with open_sessions(record.target, order.to_target) as (session, remote):
        planned, before = await resume.plan_resume(
            session, record, journal, load_for_profile(session.profile).conventions, remote, overrides
        )
        flags = replace(flags, allowed_risks=allowed_risks(planned.request, flags.allowed_risks))
        return await confirm_and_run(output, session, remote, planned, before, flags)


async def _resume_offsets(output: Output, journal: Journal, record: RunRecord, flags: ConsentFlags) -> int:
    from mqtui.cli.offsets import confirm_and_set
    from mqtui.services.offsets.restore import plan_resume
    from mqtui.services.session import open_session

    async with open_session(record.target) as session:
        return await confirm_and_set(output, session, await plan_resume(session, record, journal), flags)


@runs.command("putback")
@options.run_argument
@options.write_options
@options.rows_option
def put_back_run(*, run_id: str, dry_run: bool, yes: bool, confirm: str, json_lines: bool) -> None:
    """Return the letters of a run to their source, or offsets to where they were. What was processed stays so."""
    output = current_output(json=json_lines)
    flags = ConsentFlags(dry_run, yes, confirm)
    run_command(output, lambda: _put_back(output, run_id, flags))


async def _put_back(output: Output, run_id: str, flags: ConsentFlags) -> int:
    from mqtui.services.redrive.putback import putback
    from mqtui.services.redrive.run.journal_writer import open_journal
    from mqtui.services.session import open_session

    async with open_journal() as journal:
        record = journal.find(run_id)
        if record.verb == Verb.OFFSETS:
            return await _put_offsets_back(output, journal, record, flags)
        async with open_session(record.target) as session:
            back = await putback.plan_put_back(session, record, journal)
            consent = confirm_plan(output, back.plan, session.policy, flags)
            if consent is None:
                return DONE
            result = await putback.run_put_back(session, back, journal, consent)
        print_result(output, result, journal)
    return DONE if result.moved == result.planned else INCOMPLETE


async def _put_offsets_back(output: Output, journal: Journal, record: RunRecord, flags: ConsentFlags) -> int:
    from mqtui.cli.offsets import confirm_and_set
    from mqtui.services.offsets.restore import plan_put_back
    from mqtui.services.session import open_session

    async with open_session(record.target) as session:
        return await confirm_and_set(output, session, await plan_put_back(session, record, journal), flags)
