"""`mqtui pending`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing

import click

from mqtui.cli import options
from mqtui.cli.all_brokers import open_holder
from mqtui.cli.exit_codes import DONE
from mqtui.cli.output import Output, current_output
from mqtui.cli.run_command import run_command
from mqtui.domain.capability import Verb
from mqtui.domain.resource import ParsedName
from mqtui.domain.topology import PendingEntry

FATAL_DELIVERIES = 2**63 - 1
"""The delivery count that `XNACK FATAL` leaves (Redis 8.8)."""


@click.command(cls=options.TargetCommand)
@options.target_argument
@options.resource_argument("stream")
@options.group_argument
@click.option("-n", "count", type=click.IntRange(1), metavar="N", help="At most so many entries, the oldest.")
@click.option("--min-idle", type=options.DURATION, default=0, help="Idle for at least so long.")
@click.option("--consumer", default="", metavar="C", help="Only those of this consumer.")
@options.rows_option
def pending(
    *, target: str, stream: ParsedName, group: str, count: int | None, min_idle: int, consumer: str, json_lines: bool
) -> None:
    """Entries delivered to a Redis consumer and not acknowledged: how many each has, then the entries."""
    output = current_output(json=json_lines)
    run_command(output, lambda: _pending(output, target, stream, group, count, min_idle, consumer))


async def _pending(
    output: Output, target: str, stream: ParsedName, group: str, count: int | None, min_idle: int, consumer: str
) -> int:
    from mqtui.services import pending as service
    from mqtui.services.browse import find_destination
    from mqtui.services.json_rows import pending_row

    async with open_holder(output, target, stream) as session:
        listed = await service.require_pending(session, Verb.PENDING)
        ref = (await find_destination(session.broker, stream)).ref
        if not output.json:
            _tell_counts(output, await listed.count_by_consumer(ref, group), consumer)
        table = output.growing_table(("ID", "CONSUMER", "IDLE", "DELIVERIES"), right=(2, 3))
        found = service.read_pages(session, ref, group, min_idle=min_idle, consumer=consumer, most=count)
        async with aclosing(found) as pages:
            async for page in pages:
                if output.json:
                    for entry in page:
                        output.json_line(pending_row(ref, group, entry))
                else:
                    table.add(map(entry_cells, page))
    return DONE


def _tell_counts(output: Output, counts: Mapping[str, int], consumer: str) -> None:
    """How many pending entries each consumer has; only one where it was asked for."""
    told = {name: number for name, number in counts.items() if consumer in ("", name)}
    if told:
        output.table(("CONSUMER", "PENDING"), [(name, f"{number:,}") for name, number in told.items()], right=(1,))
        output.line()


def entry_cells(entry: PendingEntry) -> tuple[object, ...]:
    """Id, consumer, idle time and deliveries of an entry, as a row of the table."""
    from mqtui.domain.times import format_age

    deliveries = "FATAL" if entry.deliveries == FATAL_DELIVERIES else entry.deliveries
    return entry.id, entry.consumer, format_age(entry.idle / 1000, units=2), deliveries
