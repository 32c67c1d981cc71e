"""`mqtui lag`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from mqtui.cli import options
from mqtui.cli.exits import DONE, NOT_ALL
from mqtui.cli.output import Output, current
from mqtui.cli.running import run

if TYPE_CHECKING:
    from mqtui.services.session import Session

EVERY = 2.0
"""Seconds between two looks of `--watch`."""


@click.command()
@options.target
@click.argument("group", required=False, default="")
@click.option("--watch", is_flag=True, help="Look again every 2 s, until ctrl+c.")
@click.option("--warn", type=click.IntRange(0), metavar="N", help="Say so on stderr from this lag on.")
@click.option("--fail", type=click.IntRange(0), metavar="N", help="Exit 1 from this lag on, or where it is unknown.")
@options.as_json
def lag(*, target: str, group: str, watch: bool, warn: int | None, fail: int | None, json_lines: bool) -> None:
    """How far consumer groups are behind. Unknown lag is `?`, never 0."""
    output = current(json=json_lines)
    once = _watch if watch else _once
    run(output, lambda: once(output, target, group, warn, fail))


async def _once(output: Output, target: str, group: str, warn: int | None, fail: int | None) -> int:
    from mqtui.services.session import opened

    async with opened(target) as session:
        output.warn(session.warnings)
        return await _look(output, session, group, warn, fail)


async def _watch(output: Output, target: str, group: str, warn: int | None, fail: int | None) -> int:
    from mqtui.services.session import opened

    async with opened(target) as session:
        output.warn(session.warnings)
        while True:
            verdict = await _look(output, session, group, warn, fail)
            if verdict:
                return verdict
            await asyncio.sleep(EVERY)


async def _look(output: Output, session: Session, group: str, warn: int | None, fail: int | None) -> int:
    from mqtui.services import lag as lagging
    from mqtui.services.json_rows import lag_row

    rows = await lagging.lag(session, group)
    if output.json:
        for row in rows:
            output.json_line(lag_row(row))
    else:
        output.table(
            ("GROUP", "STATE", "RESOURCE", "PARTITION", "COMMITTED", "END", "LAG"),
            [
                (row.group.name, row.state, part.resource.name, part.partition, part.committed, part.end, part.lag)
                for row in rows
                for part in row.parts
            ]
            + [(row.group.name, row.state, "", "", "", "all", row.total) for row in rows],
            right=(3, 4, 5, 6),
        )
    verdict = lagging.judge(rows, warn=warn, fail=fail)
    for sentence in (*verdict.warned, *verdict.failed):
        output.note(sentence)
    return NOT_ALL if verdict.failed else DONE
