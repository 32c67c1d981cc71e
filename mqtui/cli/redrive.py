"""`mqtui redrive`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mqtui.cli import options
from mqtui.cli.consent import ConsentFlags
from mqtui.cli.output import current_output
from mqtui.cli.redrive_run import RedriveArguments, plan_and_run
from mqtui.cli.run_command import run_command
from mqtui.cli.selection_options import selection_options
from mqtui.domain.capability import Verb
from mqtui.domain.resource import ParsedName


@click.command(cls=options.TargetCommand)
@options.target_argument
@options.resource_argument("dlq")
@selection_options(Verb.REDRIVE)
@options.write_options
@options.rows_option
def redrive(
    *,
    target: str,
    dlq: ParsedName,
    plan_file: Path | None,
    dry_run: bool,
    yes: bool,
    confirm: str,
    json_lines: bool,
    **chosen: Any,
) -> None:
    """Send dead letters back where they came from: planned, confirmed by the broker, then removed."""
    output = current_output(json=json_lines)
    arguments = RedriveArguments(Verb.REDRIVE, dlq, chosen, plan_file)
    flags = ConsentFlags(dry_run, yes, confirm, frozenset(chosen["allow"]))
    run_command(output, lambda: plan_and_run(output, target, arguments, flags))
