"""The options of `redrive` and `discard` that select letters, limit the rate and accept risks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mqtui.cli import options
from mqtui.cli.options import Command
from mqtui.domain.redrive import Selection

OVERRIDE_OPTIONS = (
    click.option("--take-over", is_flag=True, help="End another operator's run on the same source."),
    click.option("--yes-shared", is_flag=True, help="Accept that consumers read the source meanwhile."),
    click.option("--allow", multiple=True, metavar="RISK", help="Accept a risk, by the name the plan gives it."),
)


def override_options(command: Command) -> Command:
    """Add the options that a refusal names: `--take-over`, `--yes-shared`, `--allow RISK`."""
    for option in reversed(OVERRIDE_OPTIONS):
        command = option(command)
    return command


def selection_options(command: Command) -> Command:
    """Add the options that select letters and limit the rate."""
    for option in reversed(
        (
            click.option(
                "--cause",
                default="",
                metavar="ID",
                shell_complete=options.complete("cause"),
                help="Only letters of this cause, as `mqtui dlq` shows it.",
            ),
            click.option("--where", default="", metavar="JQ", help="Only letters this jq program selects."),
            click.option("--partition", type=click.IntRange(0), help="Kafka: only this partition."),
            click.option(
                "--from", "since", type=options.TIME, metavar="T", help="Only letters dead-lettered from then on."
            ),
            click.option("--until", type=options.TIME, metavar="T", help="Only letters dead-lettered before."),
            click.option("--limit", type=click.IntRange(1), metavar="N", help="At most so many."),
            click.option("--rate", type=click.FloatRange(0, min_open=True), metavar="N", help="At most N a second."),
            *OVERRIDE_OPTIONS,
            click.option(
                "--plan",
                "plan_file",
                type=click.Path(dir_okay=False, path_type=Path),
                metavar="FILE",
                help="With --dry-run: save the plan to a new file. Else: run only if the plan is still that one.",
            ),
        )
    ):
        command = option(command)
    return command


def build_selection(chosen: dict[str, Any]) -> Selection:
    """The selection from click's keyword arguments."""
    return Selection(**chosen)
