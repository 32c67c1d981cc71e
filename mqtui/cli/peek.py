"""`mqtui peek`."""

from __future__ import annotations

from contextlib import aclosing

import click

from mqtui.cli import options
from mqtui.cli.all_brokers import open_holder
from mqtui.cli.exit_codes import DONE
from mqtui.cli.message_lines import load_message_decoder, print_messages
from mqtui.cli.output import Output, current_output
from mqtui.cli.run_command import run_command
from mqtui.domain.policy import Consent
from mqtui.domain.resource import ParsedName


@click.command(cls=options.TargetCommand)
@options.target_argument
@options.resource_argument("resource")
@click.option("-n", "count", default=10, show_default=True, type=click.IntRange(1), help="How many messages.")
@click.option("--from", "start", metavar="oldest|newest|POSITION|TIME", help="Default: newest; a queue: its head.")
@click.option("--partition", type=click.IntRange(0), help="Only this partition.")
@click.option("--yes-spend", "spend", is_flag=True, help="Accept that this uses up deliveries (protected profiles).")
@options.decode_option
@options.rows_option
def peek(
    *,
    target: str,
    resource: ParsedName,
    count: int,
    start: str | None,
    partition: int | None,
    spend: bool,
    decode: bool,
    json_lines: bool,
) -> None:
    """Look at messages without taking them. What that costs is printed before."""
    output = current_output(json=json_lines)
    run_command(
        output, lambda: _peek(output, target, resource, count, start, partition, Consent(spend=spend), decode=decode)
    )


async def _peek(
    output: Output,
    target: str,
    resource: ParsedName,
    count: int,
    start: str | None,
    partition: int | None,
    consent: Consent,
    *,
    decode: bool,
) -> int:
    from mqtui.domain.times import parse_start_point
    from mqtui.services.browse import explain_empty_peek, prepare_peek
    from mqtui.services.browse import peek as peeked

    begin = parse_start_point(start, partition, options.local_now()) if start else None
    async with open_holder(output, target, resource) as session:
        answers = await prepare_peek(session, resource, count, begin, partition)
        if answers.price.lends:
            output.note(f"price: {answers.price.text}")
        for text in answers.notes:
            output.note(text)
        decoder = await load_message_decoder(output, session) if decode else None
        found = 0
        async with aclosing(peeked(session, answers, consent)) as batches:
            async for batch in batches:
                await print_messages(output, batch, decoder)
                found += len(batch)
        if not found and (why := await explain_empty_peek(session, answers)) not in answers.notes:
            output.note(why)
    return DONE
