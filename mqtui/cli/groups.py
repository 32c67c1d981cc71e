"""`mqtui groups`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mqtui.cli import options
from mqtui.cli.all_brokers import open_all_brokers
from mqtui.cli.output import Output, current_output
from mqtui.cli.run_command import run_command
from mqtui.domain.resource import ParsedName
from mqtui.domain.topology import Group, Inventory

if TYPE_CHECKING:
    from mqtui.services.session import Session


@click.command(cls=options.TargetCommand)
@options.target_argument
@options.resource_argument("resource", required=False)
@options.rows_option
def groups(*, target: str, resource: ParsedName | None, json_lines: bool) -> None:
    """List consumer groups, or those that read one RESOURCE."""
    output = current_output(json=json_lines)
    run_command(output, lambda: _groups(output, target, resource))


async def _groups(output: Output, target: str, resource: ParsedName | None) -> int:
    from mqtui.services import lag
    from mqtui.services.browse import find_destination

    async def readers(session: Session) -> Inventory[Group]:
        ref = None if resource is None else (await find_destination(session.broker, resource)).ref
        return await lag.list_groups(session, ref)

    async with open_all_brokers(output, target) as brokers:
        if resource is None:
            answers = await brokers.ask(readers)
        else:
            answers = await brokers.find_on_any(readers, f"mqtui ls {target} lists what is there.")
    for _, rows in answers.answers:
        output.warn(rows.missing)
    if output.json:
        from mqtui.services.json_rows import group_row

        for at, rows in answers.answers:
            for row in rows:
                output.json_line(answers.json_row(at, group_row(row)))
        return answers.exit_code
    output.table(
        answers.column_titles(("GROUP", "TYPE", "STATE", "MEMBERS", "PENDING", "READS")),
        [answers.cells(at, _cells(row)) for at, rows in answers.answers for row in rows],
        right=answers.right_columns((3, 4)),
        first_to_go=("TYPE", "READS", "MEMBERS", "STATE"),
    )
    return answers.exit_code


def _cells(row: Group) -> tuple[object, ...]:
    pending = row.pending if row.pending.known else ""
    members = "?" if row.why and not row.members else len(row.members)
    return row.ref.name, row.type, row.state, members, pending, ", ".join(_reads(row)) or row.why


def _reads(row: Group) -> list[str]:
    return [ref.name for ref in row.reads]
