"""`mqtui topology`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mqtui.cli import options
from mqtui.cli.all_brokers import ask_all_brokers
from mqtui.cli.output import Output, current_output
from mqtui.cli.run_command import run_command
from mqtui.domain.figure import Figure
from mqtui.domain.placement import ClusterNode
from mqtui.domain.topology import NOT_ASKED, Inventory

if TYPE_CHECKING:
    from mqtui.services.session import Session

FIGURES = (3, 4, 5, 6, 7, 8, 9)
"""Columns of the table that are aligned to the right."""


@click.command(cls=options.TargetCommand)
@options.target_argument
@options.rows_option
def topology(*, target: str, json_lines: bool) -> None:
    """The nodes of the brokers: role, disk, memory, the partitions that each leads and keeps."""
    output = current_output(json=json_lines)
    run_command(output, lambda: _topology(output, target))


async def _topology(output: Output, target: str) -> int:
    from mqtui.services.placement import list_nodes

    async def look(session: Session) -> Inventory[ClusterNode]:
        return await list_nodes(session.broker)

    answers = await ask_all_brokers(output, target, look)
    for _, nodes in answers.answers:
        output.warn(nodes.missing)
    if output.json:
        from mqtui.services.placement_rows import node_row

        for at, nodes in answers.answers:
            for node in nodes:
                output.json_line(answers.json_row(at, node_row(node)))
        return answers.exit_code
    output.table(
        answers.column_titles(
            ("NODE", "ADDRESS", "ROLE", "DATA", "DISK FREE", "OF", "MEMORY", "LEADS", "KEEPS", "OUT OF SYNC", "NOTE")
        ),
        [answers.cells(at, _cells(node)) for at, nodes in answers.answers for node in nodes],
        right=answers.right_columns(FIGURES),
        first_to_go=("ADDRESS", "NOTE", "DATA", "OF", "MEMORY"),
    )
    return answers.exit_code


def _cells(node: ClusterNode) -> tuple[object, ...]:
    counts = ("" if count is None else count for count in (node.leads, node.replicas, node.out_of_sync))
    sizes = (_told(figure) for figure in (node.data, node.disk_free, node.disk_total, node.memory))
    return node.name, node.address, node.role, *sizes, *counts, " · ".join(filter(None, (node.problem, node.note)))


def _told(figure: Figure) -> object:
    return "" if figure is NOT_ASKED else figure
