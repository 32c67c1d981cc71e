"""`mqtui alter`."""

from __future__ import annotations

import click

from mqtui.cli import options
from mqtui.cli.consent import ConsentFlags
from mqtui.cli.destination_change import change_existing, partitions_option, read_settings, settings_option
from mqtui.cli.output import current_output
from mqtui.cli.run_command import run_command
from mqtui.domain.destination_change import Alteration
from mqtui.domain.resource import ParsedName


@click.command(cls=options.TargetCommand)
@options.target_argument
@options.resource_argument("resource")
@settings_option
@click.option("--reset", multiple=True, metavar="NAME", help="Give a setting the broker's default again.")
@partitions_option
@options.write_options
@options.rows_option
def alter(
    *,
    target: str,
    resource: ParsedName,
    settings: tuple[str, ...],
    reset: tuple[str, ...],
    partitions: int | None,
    dry_run: bool,
    yes: bool,
    confirm: str,
    json_lines: bool,
) -> None:
    """Set settings of a topic, give them the broker's default again, add partitions."""
    output = current_output(json=json_lines)
    wanted = read_settings(settings)
    if not (wanted or reset or partitions):
        raise click.UsageError("Give --set NAME=VALUE, --reset NAME or --partitions N.")
    if both := sorted(set(wanted) & set(reset)):
        raise click.UsageError(f"{both[0]} is set and reset.")
    flags = ConsentFlags(dry_run, yes, confirm)
    run_command(
        output,
        change_existing(output, target, resource, lambda ref: Alteration(ref, wanted, reset, partitions), flags),
    )
