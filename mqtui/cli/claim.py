"""`mqtui claim`."""

from __future__ import annotations

import click

from mqtui.cli import options
from mqtui.cli.consent import Agreed
from mqtui.cli.entries import Wanted, change, consumer, every, ids
from mqtui.cli.output import current
from mqtui.cli.running import run
from mqtui.domain.capability import Verb
from mqtui.domain.message import EntryId
from mqtui.domain.resource import Named


@click.command()
@options.target
@options.thing("stream")
@click.argument("group")
@ids
@every
@consumer
@click.option("--to", required=True, metavar="CONSUMER", help="Who gets them.")
@click.option("--min-idle", required=True, type=options.DURATION, help="Only entries nobody touched for so long.")
@options.writes
@options.as_json
def claim(
    *,
    target: str,
    stream: Named,
    group: str,
    ids: tuple[EntryId, ...],
    every: bool,
    consumer: str,
    to: str,
    min_idle: int,
    dry_run: bool,
    yes: bool,
    confirm: str,
    json_lines: bool,
) -> None:
    """Reassign pending entries to another consumer, unless somebody touches them meanwhile."""
    from mqtui.services.pending import claim_plan

    output = current(json=json_lines)
    wanted = Wanted(stream, group, ids, every, min_idle, consumer)
    agreed = Agreed(dry_run, yes, confirm)
    run(
        output,
        lambda: change(
            output,
            target,
            Verb.CLAIM,
            wanted,
            agreed,
            lambda session, ref, found: claim_plan(session, ref, group, to, min_idle, found),
        ),
    )
