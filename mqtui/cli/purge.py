"""`mqtui purge`."""

from __future__ import annotations

import click

from mqtui.cli import options
from mqtui.cli.consent import ConsentFlags
from mqtui.cli.destination_change import change_existing
from mqtui.cli.output import current_output
from mqtui.cli.run_command import run_command
from mqtui.domain.destination_change import PurgeRequest
from mqtui.domain.resource import ParsedName, Ref
from mqtui.domain.times import parse_start_point


@click.command(cls=options.TargetCommand)
@options.target_argument
@options.resource_argument("resource")
@click.option(
    "--before",
    metavar="POSITION",
    help="Only what lies before an offset (4/118203), an entry id or a time; without it all that is there.",
)
@click.option("--partition", type=click.IntRange(0), help="Only this partition.")
@options.write_options
@options.rows_option
def purge(
    *,
    target: str,
    resource: ParsedName,
    before: str | None,
    partition: int | None,
    dry_run: bool,
    yes: bool,
    confirm: str,
    json_lines: bool,
) -> None:
    """Delete messages: of a topic up to an offset, of a stream up to an id, of a queue those that are ready."""
    output = current_output(json=json_lines)
    flags = ConsentFlags(dry_run, yes, confirm)

    def change(ref: Ref) -> PurgeRequest:
        start = None if before is None else parse_start_point(before, partition, options.local_now())
        return PurgeRequest(ref, start, partition)

    run_command(output, change_existing(output, target, resource, change, flags))
