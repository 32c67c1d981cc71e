"""`mqtui ls`."""

from __future__ import annotations

import click

from mqtui.cli import options
from mqtui.cli.exits import DONE
from mqtui.cli.output import Output, current
from mqtui.cli.running import run
from mqtui.domain.figure import Figure
from mqtui.domain.resource import Kind
from mqtui.domain.spelling import Spelling
from mqtui.domain.topology import NOT_ASKED, NOTHING_WAITS


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
    from mqtui.services.browse import destinations, matching
    from mqtui.services.json_rows import destination_row
    from mqtui.services.lag import with_backlog
    from mqtui.services.session import opened

    async with opened(target) as session:
        output.warn(session.warnings)
        there = await destinations(session.broker)
        rows = await with_backlog(session, matching(there, kind, pattern))
    output.warn(rows.missing)
    if output.json:
        for row in rows:
            output.json_line(destination_row(row))
        return DONE
    spelling = Spelling((row.ref for row in there), session.broker.kind)
    output.table(
        ("NAME", "KIND", "MESSAGES", "WAITING", "FACTS"),
        [
            (
                spelling.of(row.ref),
                row.sort,
                _asked(row.messages),
                _asked(row.backlog),
                " ".join(f"{k}={v}" for k, v in row.facts.items()),
            )
            for row in rows
        ],
        right=(2, 3),
    )
    return DONE


def _asked(figure: Figure) -> str:
    """A figure; blank where nobody asked for it."""
    return "" if figure in (NOT_ASKED, NOTHING_WAITS) else str(figure)
