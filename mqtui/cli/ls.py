"""`mqtui ls`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mqtui.cli import options
from mqtui.cli.each import look_at_each
from mqtui.cli.output import Output, current
from mqtui.cli.running import run
from mqtui.domain.figure import Figure
from mqtui.domain.resource import Kind
from mqtui.domain.spelling import Spelling
from mqtui.domain.topology import NOT_ASKED, NOTHING_WAITS, Destination, Inventory

if TYPE_CHECKING:
    from mqtui.services.session import Session


@click.command()
@options.target
@click.option(
    "--kind", type=click.Choice([kind.value for kind in (Kind.TOPIC, Kind.QUEUE, Kind.EXCHANGE, Kind.STREAM)])
)
@click.option("--filter", "pattern", default="", metavar="GLOB", help="Names that match, such as 'orders*'.")
@options.as_json
def ls(*, target: str, kind: str | None, pattern: str, json_lines: bool) -> None:
    """List topics, queues, exchanges and streams with what waits in them."""
    output = current(json=json_lines)
    run(output, lambda: _ls(output, target, Kind(kind) if kind else None, pattern))


async def _ls(output: Output, target: str, kind: Kind | None, pattern: str) -> int:
    from mqtui.services.browse import matching
    from mqtui.services.lag import depths

    async def look(session: Session) -> tuple[Inventory[Destination], Spelling]:
        there = await depths(session)
        return matching(there, kind, pattern), Spelling((row.ref for row in there), session.broker.kind)

    looked = await look_at_each(output, target, look)
    for _, (rows, _) in looked.found:
        output.warn(rows.missing)
    if output.json:
        from mqtui.services.json_rows import destination_row

        for at, (rows, _) in looked.found:
            for row in rows:
                output.json_line(looked.row(at, destination_row(row)))
        return looked.code
    output.table(
        looked.named(("NAME", "KIND", "MESSAGES", "WAITING", "FACTS")),
        [looked.cells(at, _cells(row, spelling)) for at, (rows, spelling) in looked.found for row in rows],
        right=looked.right((2, 3)),
    )
    return looked.code


def _cells(row: Destination, spelling: Spelling) -> tuple[object, ...]:
    facts = " ".join(f"{name}={value}" for name, value in row.facts.items())
    return spelling.of(row.ref), row.type, _asked(row.messages), _asked(row.backlog), facts


def _asked(figure: Figure) -> str:
    """A figure; blank where nobody asked for it."""
    return "" if figure in (NOT_ASKED, NOTHING_WAITS) else str(figure)
