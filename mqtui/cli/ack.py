"""`mqtui ack`."""

from __future__ import annotations

import click

from mqtui.cli import options
from mqtui.cli.consent import ConsentFlags
from mqtui.cli.output import current_output
from mqtui.cli.pending_write import EntrySelection, all_option, confirm_and_write, consumer_option, ids_argument
from mqtui.cli.run_command import run_command
from mqtui.domain.capability import Verb
from mqtui.domain.message import EntryId
from mqtui.domain.resource import ParsedName


@click.command(cls=options.TargetCommand)
@options.target_argument
@options.resource_argument("stream")
@options.group_argument
@ids_argument
@all_option
@consumer_option
@click.option("--min-idle", type=options.DURATION, default=0, help="Only entries that were idle for so long.")
@options.write_options
@options.rows_option
def ack(
    *,
    target: str,
    stream: ParsedName,
    group: str,
    ids: tuple[EntryId, ...],
    every: bool,
    consumer: str,
    min_idle: int,
    dry_run: bool,
    yes: bool,
    confirm: str,
    json_lines: bool,
) -> None:
    """Acknowledge pending entries: no consumer of the group gets them again."""
    from mqtui.services.pending import plan_ack

    output = current_output(json=json_lines)
    wanted = EntrySelection(stream, group, ids, every, min_idle, consumer)
    flags = ConsentFlags(dry_run, yes, confirm)
    run_command(
        output,
        lambda: confirm_and_write(
            output, target, Verb.ACK, wanted, flags, lambda session, ref, found: plan_ack(session, ref, group, found)
        ),
    )
