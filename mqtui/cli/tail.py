"""`mqtui tail`."""

from __future__ import annotations

from contextlib import aclosing

import click

from mqtui.cli import options
from mqtui.cli.exits import DONE
from mqtui.cli.messages import write
from mqtui.cli.output import Output, current
from mqtui.cli.running import run
from mqtui.domain.resource import Named


@click.command()
@options.target
@options.thing("resource")
@click.option("-n", "count", type=click.IntRange(1), help="Stop after so many messages.")
@options.as_json
def tail(*, target: str, resource: Named, count: int | None, json_lines: bool) -> None:
    """Follow what arrives, until ctrl+c."""
    output = current(json=json_lines)
    run(output, lambda: _tail(output, target, resource, count))


async def _tail(output: Output, target: str, resource: Named, count: int | None) -> int:
    from mqtui.services.browse import follow
    from mqtui.services.session import opened

    async with opened(target) as session:
        output.warn(session.warnings)
        async with aclosing(follow(session, resource, None, output.note)) as batches:
            async for batch in batches:
                shown = batch if count is None else batch[:count]
                write(output, shown)
                if count is not None:
                    count -= len(shown)
                    if not count:
                        return DONE
    return DONE
