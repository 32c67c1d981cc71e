"""`mqtui describe`."""

from __future__ import annotations

import click

from mqtui.cli import options
from mqtui.cli.all_brokers import open_holder
from mqtui.cli.exit_codes import DONE
from mqtui.cli.output import Output, current_output
from mqtui.cli.run_command import run_command
from mqtui.domain.resource import ParsedName


@click.command(cls=options.TargetCommand)
@options.target_argument
@options.resource_argument("resource")
@click.option("--only", "part", metavar="PART", default="", help="Only lines of that kind, such as config or policy.")
@options.rows_option
def describe(*, target: str, resource: ParsedName, part: str, json_lines: bool) -> None:
    """All that the broker says of RESOURCE: settings with who set them, partitions, policy, bindings, memory."""
    output = current_output(json=json_lines)
    run_command(output, lambda: _describe(output, target, resource, part))


async def _describe(output: Output, target: str, resource: ParsedName, part: str) -> int:
    from mqtui.services.browse import find_destination

    async with open_holder(output, target, resource) as session:
        ref = (await find_destination(session.broker, resource)).ref
        found = [each for each in await session.broker.catalog.list_properties(ref) if part in ("", each.part)]
    if output.json:
        from mqtui.services.placement_rows import property_row

        for each in found:
            output.json_line(property_row(ref, each))
        return DONE
    rows = [
        (each.part, each.name, "?" if each.value is None else each.value, each.problem or each.source) for each in found
    ]
    output.table(("OF", "NAME", "VALUE", "NOTE"), rows, first_to_go=("NOTE",))
    return DONE
