"""`mqtui delete`."""

from __future__ import annotations

import click

from mqtui.cli import options
from mqtui.cli.consent import ConsentFlags
from mqtui.cli.destination_change import change_existing
from mqtui.cli.output import current_output
from mqtui.cli.run_command import run_command
from mqtui.domain.destination_change import Deletion
from mqtui.domain.resource import ParsedName


@click.command(cls=options.TargetCommand)
@options.target_argument
@options.resource_argument("resource")
@options.write_options
@options.rows_option
def delete(*, target: str, resource: ParsedName, dry_run: bool, yes: bool, confirm: str, json_lines: bool) -> None:
    """Delete a topic, queue or stream with all that is in it; its name is given with --confirm."""
    output = current_output(json=json_lines)
    run_command(output, change_existing(output, target, resource, Deletion, ConsentFlags(dry_run, yes, confirm)))
