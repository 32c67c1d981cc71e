"""`mqtui ack`."""

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
@click.option("--min-idle", type=options.DURATION, default=0, help="Only entries nobody touched for so long.")
@options.writes
@options.as_json
def ack(
    *,
    target: str,
    stream: Named,
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
    from mqtui.services.pending import ack_plan

    output = current(json=json_lines)
    wanted = Wanted(stream, group, ids, every, min_idle, consumer)
    agreed = Agreed(dry_run, yes, confirm)
    run(
        output,
        lambda: change(
            output, target, Verb.ACK, wanted, agreed, lambda session, ref, found: ack_plan(session, ref, group, found)
        ),
    )
