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
from mqtui.cli.selection_options import build_selection, selection_options
from mqtui.domain.capability import Verb
from mqtui.domain.resource import ParsedName


def _counts(text: str) -> tuple[int, ...]:
    from mqtui.services.redrive.parse_request import parse_canary

    return parse_canary(text)


def _share(text: str) -> float:
    from mqtui.services.redrive.parse_request import parse_percentage

    return parse_percentage(text)


COUNTS = options.ConvertedParam("counts", _counts)
SHARE = options.ConvertedParam("share", _share)


@click.command(cls=options.TargetCommand)
@options.target_argument
@options.resource_argument("dlq")
@options.to_option
@click.option(
    "--to-target",
    default="",
    metavar="TARGET",
    shell_complete=options.complete("target"),
    help="The broker of --to, where it is another one.",
)
@selection_options
@click.option("--keep-timestamp", is_flag=True, help="Kafka: records keep their own time.")
@click.option("--canary", type=COUNTS, default=(), metavar="N[,N]", help="First so many, then more, then the rest.")
@click.option("--stop-at", type=SHARE, metavar="P%", help="Stop by itself if more come back. Default: 5%.")
@click.option("--watch", type=options.DURATION, metavar="D", help="Monitor for so long whether letters come back.")
@options.write_options
@options.rows_option
def redrive(
    *,
    target: str,
    dlq: ParsedName,
    to: ParsedName | None,
    to_target: str,
    keep_timestamp: bool,
    canary: tuple[int, ...],
    stop_at: float | None,
    watch: int | None,
    rate: float | None,
    take_over: bool,
    yes_shared: bool,
    allow: tuple[str, ...],
    plan_file: Path | None,
    dry_run: bool,
    yes: bool,
    confirm: str,
    json_lines: bool,
    **chosen: Any,
) -> None:
    """Send dead letters back where they came from: planned, confirmed by the broker, then removed."""
    output = current_output(json=json_lines)
    arguments = RedriveArguments(
        Verb.REDRIVE,
        dlq,
        build_selection(chosen),
        to,
        to_target,
        rate,
        keep_timestamp,
        take_over,
        yes_shared,
        plan_file,
        canary,
        stop_at,
        watch,
    )
    flags = ConsentFlags(dry_run, yes, confirm, frozenset(allow))
    run_command(output, lambda: plan_and_run(output, target, arguments, flags))
