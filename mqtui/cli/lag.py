"""`mqtui lag`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from mqtui.cli import options
from mqtui.cli.exits import DONE, NOT_ALL
from mqtui.cli.output import Output, current
from mqtui.cli.running import run
from mqtui.domain.resource import Named

if TYPE_CHECKING:
    from mqtui.domain.topology import GroupLag, PartitionLag
    from mqtui.services.session import Session

EVERY = 2.0
"""Seconds between two looks of `--watch`."""


@click.command()
@options.target
@options.thing("group", required=False)
@click.option("--watch", is_flag=True, help="Look again every 2 s, until ctrl+c.")
@click.option("--warn", type=click.IntRange(0), metavar="N", help="Say so on stderr from this lag on.")
@click.option("--fail", type=click.IntRange(0), metavar="N", help="Exit 1 from this lag on, or where it is unknown.")
@options.as_json
def lag(*, target: str, group: Named | None, watch: bool, warn: int | None, fail: int | None, json_lines: bool) -> None:
    """How far consumer groups are behind. Unknown lag is `?`, never 0."""
    output = current(json=json_lines)
    once = _watch if watch else _once
    run(output, lambda: once(output, target, group, warn, fail))


async def _once(output: Output, target: str, group: Named | None, warn: int | None, fail: int | None) -> int:
    from mqtui.services.session import opened

    async with opened(target) as session:
        output.warn(session.warnings)
        return await _look(output, session, group, warn, fail)


async def _watch(output: Output, target: str, group: Named | None, warn: int | None, fail: int | None) -> int:
    from mqtui.services.session import opened

    async with opened(target) as session:
        output.warn(session.warnings)
        while True:
            verdict = await _look(output, session, group, warn, fail)
            if verdict:
                return verdict
            await asyncio.sleep(EVERY)


def _named(row: GroupLag) -> tuple[str, str]:
    """Name and state of a group."""
    return row.group.name, row.state


async def _look(output: Output, session: Session, group: Named | None, warn: int | None, fail: int | None) -> int:
    from mqtui.services import lag as lagging
    from mqtui.services.json_rows import lag_row

    def beside(row: PartitionLag | GroupLag) -> str:
        return "; ".join(lagging.notes_of(row))

    found = await lagging.lag(session, group)
    limits = [limit for limit in (warn, fail) if limit is not None]
    rows = await lagging.count_between(session, found, limits)
    if output.json:
        for row in rows:
            output.json_line(lag_row(row))
    else:
        output.table(
            ("GROUP", "STATE", "RESOURCE", "PARTITION", "COMMITTED", "END", "LAG", "NOTE"),
            [
                (*_named(row), part.resource.name, part.partition, part.committed, part.end, part.lag, beside(part))
                for row in rows
                for part in row.parts
            ]
            + [(*_named(row), "", "", "", "all", row.total, beside(row)) for row in rows],
            right=(3, 4, 5, 6),
        )
    verdict = lagging.judge(rows, found.missing, warn=warn, fail=fail)
    output.warn(found.missing)
    for sentence in (*verdict.warned, *verdict.failed):
        output.note(sentence)
    return NOT_ALL if verdict.failed else DONE
