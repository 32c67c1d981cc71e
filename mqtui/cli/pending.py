"""`mqtui pending`."""

from __future__ import annotations

import click

from mqtui.cli import options
from mqtui.cli.exits import DONE
from mqtui.cli.output import Output, current
from mqtui.cli.running import run
from mqtui.domain.capability import Verb
from mqtui.domain.resource import Named

FATAL = 2**63 - 1
"""The delivery count that `XNACK FATAL` leaves (Redis 8.8)."""


@click.command()
@options.target
@options.thing("stream")
@click.argument("group")
@click.option("--min-idle", type=options.DURATION, default=0, help="Idle for at least so long.")
@click.option("--consumer", default="", metavar="C", help="Only those of this consumer.")
@options.as_json
def pending(*, target: str, stream: Named, group: str, min_idle: int, consumer: str, json_lines: bool) -> None:
    """Entries delivered to a Redis consumer and not acknowledged."""
    output = current(json=json_lines)
    run(output, lambda: _pending(output, target, stream, group, min_idle, consumer))


async def _pending(output: Output, target: str, stream: Named, group: str, min_idle: int, consumer: str) -> int:
    from mqtui.services import pending as entries_of
    from mqtui.services.browse import find
    from mqtui.services.json_rows import pending_row
    from mqtui.services.session import opened

    async with opened(target) as session:
        output.warn(session.warnings)
        await entries_of.role(session, Verb.PENDING)
        ref = (await find(session.broker, stream)).ref
        rows = []
        async for entry in entries_of.entries(session, ref, group, min_idle=min_idle, consumer=consumer):
            if output.json:
                output.json_line(pending_row(ref, group, entry))
            else:
                deliveries = "FATAL" if entry.deliveries == FATAL else entry.deliveries
                rows.append((entry.id, entry.consumer, f"{entry.idle:,} ms", deliveries))
    if not output.json:
        output.table(("ID", "CONSUMER", "IDLE", "DELIVERIES"), rows, right=(2, 3))
    return DONE
