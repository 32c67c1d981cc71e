"""`mqtui ls`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from mqtui.brokers.registry import traits_of
from mqtui.cli import options
from mqtui.cli.all_brokers import ask_all_brokers
from mqtui.cli.output import Output, current_output
from mqtui.cli.run_command import run_command
from mqtui.domain.figure import Figure
from mqtui.domain.name_quoting import UnambiguousNames
from mqtui.domain.resource import Kind
from mqtui.domain.topology import BLANK_FIGURES, Destination, Inventory

if TYPE_CHECKING:
    from mqtui.services.session import Session

YES_OR_NO = {True: "yes", False: "no"}


@click.command(cls=options.TargetCommand)
@options.target_argument
@click.option(
    "--kind", type=click.Choice([kind.value for kind in (Kind.TOPIC, Kind.QUEUE, Kind.EXCHANGE, Kind.STREAM)])
)
@click.option("--filter", "pattern", default="", metavar="GLOB", help="Names that match, such as 'orders*'.")
@options.rows_option
def ls(*, target: str, kind: str | None, pattern: str, json_lines: bool) -> None:
    """List topics, queues, exchanges and streams with what waits in them."""
    output = current_output(json=json_lines)
    run_command(output, lambda: _ls(output, target, Kind(kind) if kind else None, pattern))


async def _ls(output: Output, target: str, kind: Kind | None, pattern: str) -> int:
    from mqtui.services.browse import filter_destinations
    from mqtui.services.lag import list_depths

    async def look(session: Session) -> tuple[Inventory[Destination], RowText]:
        there, traits = await list_depths(session), traits_of(session.broker.kind)
        text = RowText(UnambiguousNames((row.ref for row in there), traits.destinations), traits.usual_facts)
        return filter_destinations(there, kind, pattern), text

    answers = await ask_all_brokers(output, target, look)
    for _, (rows, _) in answers.answers:
        output.warn(rows.missing)
    if not (kind or pattern):
        _keep_names(target, [row.ref.name for _, (rows, _) in answers.answers for row in rows])
    if output.json:
        from mqtui.services.json_rows import destination_row

        for at, (rows, _) in answers.answers:
            for row in rows:
                output.json_line(answers.json_row(at, destination_row(row)))
        return answers.exit_code
    output.table(
        answers.column_titles(("NAME", "KIND", "MESSAGES", "WAITING", "FACTS")),
        [answers.cells(at, text.cells(row)) for at, (rows, text) in answers.answers for row in rows],
        right=answers.right_columns((2, 3)),
        first_to_go=("FACTS", "KIND"),
    )
    return answers.exit_code


def _keep_names(target: str, resources: list[str]) -> None:
    """Keep the names for completion."""
    from mqtui.state.known_names import load_names, store_names

    names = load_names(target)
    names.resources = resources
    store_names(target, names)


@dataclass(frozen=True, slots=True)
class RowText:
    """The row of a destination as text: its name as it can be typed, its facts but those that most have."""

    names: UnambiguousNames
    usual_facts: Mapping[str, object]

    def cells(self, row: Destination) -> tuple[object, ...]:
        """Name, type, messages, what waits, and facts."""
        facts = " ".join(
            f"{name}={YES_OR_NO[value] if isinstance(value, bool) else value}"
            for name, value in row.facts.items()
            if name not in self.usual_facts or value != self.usual_facts[name]
        )
        return self.names.of(row.ref), row.kind_name, _asked(row.messages), _asked(row.backlog), facts


def _asked(figure: Figure) -> str:
    """A figure; blank where it was not asked for, or does not apply."""
    return "" if figure in BLANK_FIGURES else str(figure)
