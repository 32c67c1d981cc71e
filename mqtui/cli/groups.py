"""`mqtui groups`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mqtui.cli import options
from mqtui.cli.each import each_opened
from mqtui.cli.output import Output, current
from mqtui.cli.running import run
from mqtui.domain.resource import Named
from mqtui.domain.topology import Group, Inventory

if TYPE_CHECKING:
    from mqtui.services.session import Session


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

    async def readers(session: Session) -> Inventory[Group]:
        ref = None if resource is None else (await find(session.broker, resource)).ref
        return await lag.groups(session, ref)

    async with each_opened(output, target) as brokers:
        if resource is None:
            looked = await brokers.look(readers)
        else:
            looked = await brokers.find(readers, f"mqtui ls {target} lists what is there.")
    for _, rows in looked.found:
        output.warn(rows.missing)
    if output.json:
        from mqtui.services.json_rows import group_row

        for at, rows in looked.found:
            for row in rows:
                output.json_line(looked.row(at, group_row(row)))
        return looked.code
    output.table(
        looked.named(("GROUP", "TYPE", "STATE", "MEMBERS", "PENDING", "READS")),
        [looked.cells(at, _cells(row)) for at, rows in looked.found for row in rows],
        right=looked.right((3, 4)),
    )
    return looked.code


def _cells(row: Group) -> tuple[object, ...]:
    pending = row.pending if row.pending.known else ""
    members = "?" if row.why and not row.members else len(row.members)
    return row.ref.name, row.type, row.state, members, pending, ", ".join(_reads(row)) or row.why


def _reads(row: Group) -> list[str]:
    return [ref.name for ref in row.reads]
