"""`mqtui create`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mqtui.cli import options
from mqtui.cli.consent import ConsentFlags
from mqtui.cli.destination_change import confirm_and_change, partitions_option, read_settings, settings_option
from mqtui.cli.output import current_output
from mqtui.cli.run_command import run_command
from mqtui.domain.destination_change import Creation
from mqtui.domain.resource import ParsedName

if TYPE_CHECKING:
    from mqtui.services.session import Session


@click.command(cls=options.TargetCommand)
@options.target_argument
@options.resource_argument("resource")
@click.option("--like", type=options.ResourceParam("--like-kind"), metavar="RESOURCE", help="As another one is set.")
@click.option("--type", "kind_of_queue", default="", metavar="TYPE", help="RabbitMQ: classic, quorum or stream.")
@partitions_option
@click.option("--replicas", type=click.IntRange(1), metavar="N", help="So many replicas.")
@settings_option
@options.write_options
@options.rows_option
def create(
    *,
    target: str,
    resource: ParsedName,
    like: ParsedName | None,
    kind_of_queue: str,
    partitions: int | None,
    replicas: int | None,
    settings: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    confirm: str,
    json_lines: bool,
) -> None:
    """Make a topic, queue or stream; what is not given is as the broker has it by default."""
    output = current_output(json=json_lines)
    wanted = read_settings(settings)

    async def ask(session: Session) -> Creation:
        from mqtui.services.browse import find_destination
        from mqtui.services.destinations.change import new_ref

        model = None if like is None else (await find_destination(session.broker, like)).ref
        ref = new_ref(session, resource, kind_of_queue)
        return Creation(ref, kind_of_queue, partitions, replicas, wanted, model)

    run_command(output, lambda: confirm_and_change(output, target, ask, ConsentFlags(dry_run, yes, confirm)))
