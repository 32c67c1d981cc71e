"""`mqtui tail`."""

from __future__ import annotations

from contextlib import aclosing

import click

from mqtui.cli import options
from mqtui.cli.all_brokers import open_holder
from mqtui.cli.exit_codes import DONE
from mqtui.cli.message_lines import load_message_decoder, print_messages
from mqtui.cli.output import Output, current_output
from mqtui.cli.run_command import run_command
from mqtui.domain.resource import ParsedName


@click.command(cls=options.TargetCommand)
@options.target_argument
@options.resource_argument("resource")
@click.option("-n", "count", type=click.IntRange(1), help="Stop after so many messages.")
@options.decode_option
@options.rows_option
def tail(*, target: str, resource: ParsedName, count: int | None, decode: bool, json_lines: bool) -> None:
    """Follow what arrives, until ctrl+c."""
    output = current_output(json=json_lines)
    run_command(output, lambda: _tail(output, target, resource, count, decode=decode))


async def _tail(output: Output, target: str, resource: ParsedName, count: int | None, *, decode: bool) -> int:
    from mqtui.services.browse import tail

    async with open_holder(output, target, resource) as session:
        decoder = await load_message_decoder(output, session) if decode else None
        async with aclosing(tail(session, resource, None, output.note)) as batches:
            async for batch in batches:
                shown = batch if count is None else batch[:count]
                await print_messages(output, shown, decoder)
                if count is not None:
                    count -= len(shown)
                    if not count:
                        return DONE
    return DONE
