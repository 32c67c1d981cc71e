"""`mqtui lag`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import click

from mqtui.cli import options
from mqtui.cli.all_brokers import BrokerAnswers, OpenBrokers, open_all_brokers
from mqtui.cli.exit_codes import DONE, INCOMPLETE
from mqtui.cli.output import Output, current_output
from mqtui.cli.run_command import run_command
from mqtui.domain.resource import ParsedName, Ref
from mqtui.domain.topology import GroupLag, Inventory, PartitionLag

if TYPE_CHECKING:
    from mqtui.services.lag_looks import LagLooks
    from mqtui.services.session import Session

LagKey: TypeAlias = tuple[str, Ref]
"""A target, and a group there."""

LOOK_AGAIN_SECONDS = 3.0
"""Seconds between the two looks of `--words`."""

WATCH_SECONDS = 2.0
"""Seconds between two polls of `--watch`."""


@click.command(cls=options.TargetCommand)
@options.target_argument
@options.resource_argument("group", required=False)
@click.option("--watch", is_flag=True, help="Repeat every 2 s, until ctrl+c.")
@click.option("--words", is_flag=True, help="Look again after 3 s, and say how each group goes.")
@click.option("--warn", type=click.IntRange(0), metavar="N", help="Warn on stderr from this lag on.")
@click.option("--fail", type=click.IntRange(0), metavar="N", help="Exit 1 unless all lag is certainly below.")
@options.rows_option
def lag(
    *,
    target: str,
    group: ParsedName | None,
    watch: bool,
    words: bool,
    warn: int | None,
    fail: int | None,
    json_lines: bool,
) -> None:
    """How far consumer groups are behind. Unknown lag is `?`, never 0."""
    output = current_output(json=json_lines)
    once = _watch if watch else _twice if words else _once
    run_command(output, lambda: once(output, target, group, warn, fail))


def _add_look(looks: LagLooks[LagKey], answers: BrokerAnswers[Inventory[GroupLag]]) -> None:
    from time import monotonic

    looks.add(monotonic(), {(at, row.group): row for at, rows in answers.answers for row in rows})


async def _once(output: Output, target: str, group: ParsedName | None, warn: int | None, fail: int | None) -> int:
    from mqtui.services.lag_looks import LagLooks

    looks: LagLooks[LagKey] = LagLooks()
    async with open_all_brokers(output, target) as brokers:
        _add_look(looks, answers := await _ask(brokers, group, _limits(warn, fail)))
    return max(answers.exit_code, _print_lag(output, answers, looks, warn, fail))


async def _twice(output: Output, target: str, group: ParsedName | None, warn: int | None, fail: int | None) -> int:
    import asyncio

    from mqtui.services.lag_looks import LagLooks

    looks: LagLooks[LagKey] = LagLooks()
    async with open_all_brokers(output, target) as brokers:
        _add_look(looks, await _ask(brokers, group, _limits(warn, fail)))
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
        _add_look(looks, answers := await _ask(brokers, group, _limits(warn, fail)))
    return max(answers.exit_code, _print_lag(output, answers, looks, warn, fail))


async def _watch(output: Output, target: str, group: ParsedName | None, warn: int | None, fail: int | None) -> int:
    import asyncio

    from mqtui.services.lag_looks import LagLooks

    looks: LagLooks[LagKey] = LagLooks()
    async with open_all_brokers(output, target) as brokers:
        while True:
            _add_look(looks, answers := await _ask(brokers, group, _limits(warn, fail)))
            check = _print_lag(output, answers, looks, warn, fail)
            if check or (fail is not None and answers.exit_code):
                return max(check, answers.exit_code)
            await asyncio.sleep(WATCH_SECONDS)


async def _ask(
    brokers: OpenBrokers, group: ParsedName | None, limits: Sequence[int]
) -> BrokerAnswers[Inventory[GroupLag]]:
    """Ask every broker for the lag of its groups, or of this one."""

    async def measured(session: Session) -> Inventory[GroupLag]:
        return await _read_lag(session, group, limits)

    if group is None:
        return await brokers.ask(measured)
    return await brokers.find_on_any(measured, f"mqtui groups {brokers.target} lists them.")


def _limits(warn: int | None, fail: int | None) -> list[int]:
    return [limit for limit in (warn, fail) if limit is not None]


async def _read_lag(session: Session, group: ParsedName | None, limits: Sequence[int]) -> Inventory[GroupLag]:
    from mqtui.services import lag as service

    found = await service.read_lag(session, group)
    return Inventory(tuple(await service.count_near_limits(session, found, limits)), found.missing)


def _named(row: GroupLag) -> tuple[str, str]:
    """Name and state of a group."""
    return row.group.name, row.state


def _place(part: PartitionLag) -> tuple[str, int, str, str]:
    """Resource, partition, committed position and end of a lag."""
    return part.resource.name, part.partition, part.committed, part.end


def _print_lag(
    output: Output,
    answers: BrokerAnswers[Inventory[GroupLag]],
    looks: LagLooks[LagKey],
    warn: int | None,
    fail: int | None,
) -> int:
    """Print the lag of all groups and the result of the check; the exit code."""
    from mqtui.services import lag as service

    def note(row: PartitionLag | GroupLag) -> str:
        return "; ".join(service.lag_notes(row))

    def words(at: str, row: GroupLag) -> str:
        told = [looks.assess((at, row.group), row).words] if looks.tells_movement else []
        return "; ".join([*told, *service.lag_notes(row)])

    rows = [(at, row) for at, found in answers.answers for row in found]
    missing = tuple(sentence for _, found in answers.answers for sentence in found.missing)
    if output.json:
        from mqtui.services.json_rows import lag_row

        for at, row in rows:
            output.json_line(answers.json_row(at, lag_row(row, looks.assess((at, row.group), row))))
    else:
        parts = [(at, row, part) for at, row in rows for part in row.parts]
        output.table(
            answers.column_titles(("GROUP", "STATE", "RESOURCE", "PARTITION", "COMMITTED", "END", "LAG", "NOTE")),
            [answers.cells(at, (*_named(row), *_place(part), part.lag, note(part))) for at, row, part in parts]
            + [answers.cells(at, (*_named(row), "", "", "", "all", row.total, words(at, row))) for at, row in rows],
            right=answers.right_columns((3, 4, 5, 6)),
        )
    check = service.check_lag([row for _, row in rows], missing, warn=warn, fail=fail)
    output.warn(missing)
    for sentence in (*check.warned, *check.failed):
        output.note(sentence)
    return INCOMPLETE if check.failed else DONE
