"""`mqtui discard`."""

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
@options.thing("dlq")
@selects
@options.writes
@options.as_json
def discard(
    *,
    target: str,
    dlq: Named,
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
    """Take dead letters out. Their bytes stay in a bundle on this machine; `mqtui runs putback` brings them back."""
    output = current(json=json_lines)
    wish = Wish(
        Verb.DISCARD, dlq, selection(chosen), rate=rate, take_over=take_over, shared=yes_shared, plan_file=plan_file
    )
    agreed = Agreed(dry_run, yes, confirm, frozenset(allow))
    run(output, lambda: perform(output, target, wish, agreed))
