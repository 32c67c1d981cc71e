"""`mqtui peek`."""

from __future__ import annotations

from contextlib import aclosing

import click

from mqtui.cli import options
from mqtui.cli.exits import DONE
from mqtui.cli.messages import write
from mqtui.cli.output import Output, current
from mqtui.cli.running import run
from mqtui.domain.policy import Consent
from mqtui.domain.resource import Named
from mqtui.domain.times import bound


@click.command()
@options.target
@options.thing("resource")
@click.option("-n", "count", default=10, show_default=True, type=click.IntRange(1), help="How many messages.")
@click.option("--from", "start", metavar="oldest|newest|POSITION|TIME", help="Default: newest; a queue: its head.")
@click.option("--partition", type=click.IntRange(0), help="Only this partition.")
@click.option("--yes-spend", "spend", is_flag=True, help="Agree to what the look costs (protected profiles).")
@options.as_json
def peek(
    *,
    target: str,
    resource: Named,
    count: int,
    start: str | None,
    partition: int | None,
    spend: bool,
    json_lines: bool,
) -> None:
    """Look at messages without taking them. What a look costs is said before it is paid."""
    output = current(json=json_lines)
    run(output, lambda: _peek(output, target, resource, count, start, partition, Consent(spend=spend)))


async def _peek(
    output: Output, target: str, resource: Named, count: int, start: str | None, partition: int | None, consent: Consent
) -> int:
    from mqtui.services.browse import look, nothing_found
    from mqtui.services.browse import peek as peeked
    from mqtui.services.session import opened

    begin = bound(start, partition, options.local_now()) if start else None
    async with opened(target) as session:
        output.warn(session.warnings)
        looked = await look(session, resource, count, begin, partition)
        if looked.price.lends:
            output.note(f"price: {looked.price.text}")
        for text in looked.notes:
            output.note(text)
        found = 0
        async with aclosing(peeked(session, looked, consent)) as batches:
            async for batch in batches:
                write(output, batch)
                found += len(batch)
        if not found and (why := await nothing_found(session, looked)) not in looked.notes:
            output.note(why)
    return DONE
