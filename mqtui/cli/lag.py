"""`mqtui lag`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from mqtui.cli import options
from mqtui.cli.each import Brokers, Looked, each_opened
from mqtui.cli.exits import DONE, NOT_ALL
from mqtui.cli.output import Output, current
from mqtui.cli.running import run
from mqtui.domain.resource import Named
from mqtui.domain.topology import GroupLag, Inventory, PartitionLag

if TYPE_CHECKING:
    from mqtui.services.session import Session

EVERY = 2.0
"""Seconds between two looks of `--watch`."""


@click.command()
@options.target
@options.thing("group", required=False)
@click.option("--watch", is_flag=True, help="Look again every 2 s, until ctrl+c.")
@click.option("--warn", type=click.IntRange(0), metavar="N", help="Say so on stderr from this lag on.")
@click.option("--fail", type=click.IntRange(0), metavar="N", help="Exit 1 unless all lag is surely below.")
@options.as_json
def lag(*, target: str, group: Named | None, watch: bool, warn: int | None, fail: int | None, json_lines: bool) -> None:
    """How far consumer groups are behind. Unknown lag is `?`, never 0."""
    output = current(json=json_lines)
    once = _watch if watch else _once
    run(output, lambda: once(output, target, group, warn, fail))


async def _once(output: Output, target: str, group: Named | None, warn: int | None, fail: int | None) -> int:
    async with each_opened(output, target) as brokers:
        looked = await _look(brokers, group, _limits(warn, fail))
    return max(looked.code, _told(output, looked, warn, fail))


async def _watch(output: Output, target: str, group: Named | None, warn: int | None, fail: int | None) -> int:
    async with each_opened(output, target) as brokers:
        while True:
            looked = await _look(brokers, group, _limits(warn, fail))
            verdict = _told(output, looked, warn, fail)
            if verdict or (fail is not None and looked.code):
                return max(verdict, looked.code)
            await asyncio.sleep(EVERY)


async def _look(brokers: Brokers, group: Named | None, limits: Sequence[int]) -> Looked[Inventory[GroupLag]]:
    """What every broker tells of its groups, or those that have this one of it."""

    async def measured(session: Session) -> Inventory[GroupLag]:
        return await _measured(session, group, limits)

    if group is None:
        return await brokers.look(measured)
    return await brokers.find(measured, f"mqtui groups {brokers.target} lists them.")


def _limits(warn: int | None, fail: int | None) -> list[int]:
    return [limit for limit in (warn, fail) if limit is not None]


async def _measured(session: Session, group: Named | None, limits: Sequence[int]) -> Inventory[GroupLag]:
    from mqtui.services import lag as lagging

    found = await lagging.lag(session, group)
    return Inventory(tuple(await lagging.count_between(session, found, limits)), found.missing)


def _named(row: GroupLag) -> tuple[str, str]:
    """Name and state of a group."""
    return row.group.name, row.state


def _place(part: PartitionLag) -> tuple[str, int, str, str]:
    """Where a lag is, what was committed there and where it ends."""
    return part.resource.name, part.partition, part.committed, part.end


def _told(output: Output, looked: Looked[Inventory[GroupLag]], warn: int | None, fail: int | None) -> int:
    """Print the lag of all groups and what it comes to; the exit code."""
    from mqtui.services import lag as lagging

    def beside(row: PartitionLag | GroupLag) -> str:
        return "; ".join(lagging.notes_of(row))

    rows = [(at, row) for at, found in looked.found for row in found]
    missing = tuple(sentence for _, found in looked.found for sentence in found.missing)
    if output.json:
        from mqtui.services.json_rows import lag_row

        for at, row in rows:
            output.json_line(looked.row(at, lag_row(row)))
    else:
        parts = [(at, row, part) for at, row in rows for part in row.parts]
        output.table(
            looked.named(("GROUP", "STATE", "RESOURCE", "PARTITION", "COMMITTED", "END", "LAG", "NOTE")),
            [looked.cells(at, (*_named(row), *_place(part), part.lag, beside(part))) for at, row, part in parts]
            + [looked.cells(at, (*_named(row), "", "", "", "all", row.total, beside(row))) for at, row in rows],
            right=looked.right((3, 4, 5, 6)),
        )
    verdict = lagging.judge([row for _, row in rows], missing, warn=warn, fail=fail)
    output.warn(missing)
    for sentence in (*verdict.warned, *verdict.failed):
        output.note(sentence)
    return NOT_ALL if verdict.failed else DONE
