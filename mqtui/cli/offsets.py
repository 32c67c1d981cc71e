"""`mqtui offsets`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mqtui.cli import options
from mqtui.cli.consent import ConsentFlags, agree_to_plan, print_plan
from mqtui.cli.exit_codes import DONE, INCOMPLETE
from mqtui.cli.output import Output, current_output
from mqtui.cli.run_command import run_command
from mqtui.domain.group_offsets import parse_offset_target
from mqtui.domain.name_quoting import quote
from mqtui.domain.resource import ParsedName

if TYPE_CHECKING:
    from mqtui.domain.plan import StepResult
    from mqtui.services.offsets.plan import PlannedOffsets
    from mqtui.services.offsets.request import OffsetsRequest
    from mqtui.services.session import Session


@click.command(cls=options.TargetCommand)
@options.target_argument
@options.group_argument
@options.resource_argument("resource", required=False)
@click.option(
    "--to",
    "position",
    metavar="POSITION",
    help="oldest, newest, an offset (Redis: an id), a time, shift:N, group:GROUP or file:FILE.",
)
@click.option("--skip", type=click.IntRange(1), metavar="N", help="Skip the next N messages of one partition.")
@click.option(
    "--copy-to",
    type=options.ResourceParam("--copy-to-kind"),
    metavar="DLQ",
    shell_complete=options.complete("resource"),
    help="Store copies of what is skipped there; redrive brings them back.",
)
@click.option("--delete", is_flag=True, help="Delete the group's offsets there; without RESOURCE the group.")
@click.option("--partition", type=click.IntRange(0), help="Only this partition.")
@click.option("--wait", type=options.DURATION, default=0, help="Wait so long until the members have left.")
@options.write_options
@options.rows_option
def offsets(
    *,
    target: str,
    group: str,
    resource: ParsedName | None,
    position: str | None,
    skip: int | None,
    copy_to: ParsedName | None,
    delete: bool,
    partition: int | None,
    wait: int,
    dry_run: bool,
    yes: bool,
    confirm: str,
    json_lines: bool,
) -> None:
    """Set where a consumer group reads on: with a preview, and a way back by `mqtui runs putback`."""
    from mqtui.services.offsets.request import OffsetsRequest

    output = current_output(json=json_lines)
    _check_usage(resource, position, skip, copy_to, delete=delete)
    words: list[str] = []
    for flag, value in (("--to", position), ("--skip", skip), ("--copy-to", copy_to and copy_to.name)):
        words += [flag, str(value)] if value else []
    words += ["--delete"] if delete else []
    words += ["--partition", str(partition)] if partition is not None else []
    flags = ConsentFlags(dry_run, yes, confirm)

    async def run() -> int:
        goal = None if position is None else parse_offset_target(position, partition, options.local_now())
        request = OffsetsRequest(group, resource, goal, partition, skip, copy_to, tuple(words))
        return await _set_offsets(output, target, request, wait / 1000, flags)

    run_command(output, run)


def _check_usage(
    resource: ParsedName | None, position: str | None, skip: int | None, copy_to: ParsedName | None, *, delete: bool
) -> None:
    if (position is not None) + (skip is not None) + delete != 1:
        raise click.UsageError("Give one of --to POSITION, --skip N and --delete.")
    if copy_to is not None and skip is None:
        raise click.UsageError("--copy-to goes with --skip N.")
    if resource is None and not delete:
        raise click.UsageError("Missing argument 'RESOURCE': the topic or stream that the group reads.")


async def _set_offsets(output: Output, target: str, request: OffsetsRequest, wait: float, flags: ConsentFlags) -> int:
    from mqtui.services.offsets.run import plan_when_idle
    from mqtui.services.session import open_session

    def tell(planned: PlannedOffsets) -> None:
        output.progress(f"waiting: {planned.plan.risks[0].text}")

    async with open_session(target) as session:
        output.warn(session.warnings)
        planned = await plan_when_idle(session, request, wait, tell)
        output.progress_done()
        return await confirm_and_set(output, session, planned, flags)


async def confirm_and_set(output: Output, session: Session, planned: PlannedOffsets, flags: ConsentFlags) -> int:
    """Print the plan and the preview, ask, and carry it out."""
    from mqtui.services.offsets.run import run_offsets
    from mqtui.services.redrive.run.journal_writer import open_journal

    print_plan(output, planned.plan)
    _print_preview(output, planned)
    if not planned.plan.steps:
        return DONE
    consent = agree_to_plan(output, planned.plan, session.policy, flags)
    if consent is None:
        return DONE
    async with open_journal() as journal:
        result = await run_offsets(session, planned, journal, consent)
        short = journal.short_id(planned.plan.id)
    return _print_result(output, planned, result, short)


def _print_preview(output: Output, planned: PlannedOffsets) -> None:
    if output.json:
        from mqtui.services.json_rows import offset_move_row

        for move in planned.preview.moves:
            output.json_line(offset_move_row(move))


def _print_result(output: Output, planned: PlannedOffsets, result: StepResult, short: str) -> int:
    if output.json:
        row = {"verb": planned.plan.verb, "run": planned.plan.id, "asked": result.asked, "done": result.done}
        output.json_line(row | {"notes": list(result.notes)})
    else:
        output.line(f"{planned.plan.verb}: {result.done:,} of {result.asked:,} partitions, run {short}")
        for note in result.notes:
            output.note(f"▲ {note}")
        if planned.plan.verb != "putback":
            output.note(f"mqtui runs putback {quote(short)} puts them back")
    return DONE if result.done == result.asked else INCOMPLETE
