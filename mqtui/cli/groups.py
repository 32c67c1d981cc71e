"""`mqtui groups`."""

from __future__ import annotations

import click

from mqtui.cli import options
from mqtui.cli.exits import DONE
from mqtui.cli.output import Output, current
from mqtui.cli.running import run
from mqtui.domain.resource import Named


@click.command()
@options.target
@options.thing("resource", required=False)
@options.as_json
def groups(*, target: str, resource: Named | None, json_lines: bool) -> None:
    """List consumer groups, or those that read one RESOURCE."""
    output = current(json=json_lines)
    run(output, lambda: _groups(output, target, resource))


async def _groups(output: Output, target: str, resource: Named | None) -> int:
    from mqtui.services import lag
    from mqtui.services.browse import find
    from mqtui.services.json_rows import group_row
    from mqtui.services.session import opened

    async with opened(target) as session:
        output.warn(session.warnings)
        ref = (await find(session.broker, resource)).ref if resource else None
        rows = await lag.groups(session, ref)
    output.warn(rows.missing)
    if output.json:
        for row in rows:
            output.json_line(group_row(row))
        return DONE
    output.table(
        ("GROUP", "TYPE", "STATE", "MEMBERS", "PENDING", "READS"),
        [
            (
                row.ref.name,
                row.sort,
                row.state,
                len(row.members),
                row.pending if row.pending.known else "",
                ", ".join(ref.name for ref in row.reads) or row.why,
            )
            for row in rows
        ],
        right=(3, 4),
    )
    return DONE
