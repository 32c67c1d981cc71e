"""`mqtui redrive`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mqtui.cli import options
from mqtui.cli.consent import Agreed
from mqtui.cli.letters import Wish, perform
from mqtui.cli.output import current
from mqtui.cli.running import run
from mqtui.cli.selecting import selection, selects
from mqtui.domain.capability import Verb
from mqtui.domain.resource import Named


@click.command()
@options.target
@click.argument("dlq", type=options.RESOURCE)
@click.option(
    "--to", type=options.RESOURCE, metavar="RESOURCE", help="Where to; without it each goes where it came from."
)
@click.option("--to-target", default="", metavar="TARGET", help="The broker of --to, where it is another one.")
@selects
@click.option("--keep-timestamp", is_flag=True, help="Kafka: records keep their own time.")
@options.writes
@options.as_json
def redrive(
    *,
    target: str,
    dlq: Named,
    to: Named | None,
    to_target: str,
    keep_timestamp: bool,
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
    """Send dead letters home: planned, confirmed by the broker, then removed; a receipt for each."""
    output = current(json=json_lines)
    wish = Wish(
        Verb.REDRIVE, dlq, selection(chosen), to, to_target, rate, keep_timestamp, take_over, yes_shared, plan_file
    )
    agreed = Agreed(dry_run, yes, confirm, wish.allowed(allow))
    run(output, lambda: perform(output, target, wish, agreed))
