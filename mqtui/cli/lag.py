"""`mqtui lag`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from mqtui.cli import options
from mqtui.cli.all_brokers import BrokerAnswers, OpenBrokers, open_all_brokers
from mqtui.cli.exit_codes import DONE, INCOMPLETE
from mqtui.cli.output import Output, current_output
from mqtui.cli.run_command import run_command
from mqtui.domain.resource import ParsedName, Ref
from mqtui.domain.topology import GroupLag, Inventory, PartitionLag

if TYPE_CHECKING:
    from mqtui.domain.lag_assessment import LagAssessment
    from mqtui.services.session import Session

LOOK_AGAIN_SECONDS = 3.0
"""Seconds between the two looks of `--words`."""

MAX_COMPARED_SECONDS = 30.0
"""The age of the look that `--watch` compares with: Java's consumers commit every 5 s."""

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


class EarlierLooks:
    """What earlier looks saw of each group, so that a later one tells how it goes."""

    def __init__(self) -> None:
        self._looks: list[tuple[float, dict[tuple[str, Ref], GroupLag]]] = []

    def add(self, answers: BrokerAnswers[Inventory[GroupLag]]) -> None:
        """Keep a look; those that are too old are dropped."""
        from time import monotonic

        now = monotonic()
        seen = {(at, row.group): row for at, rows in answers.answers for row in rows}
        self._looks = [look for look in self._looks if now - look[0] <= MAX_COMPARED_SECONDS] + [(now, seen)]

    def assess(self, at: str, row: GroupLag) -> LagAssessment:
        """How a group of the last look goes, compared with the oldest look that has it."""
        from mqtui.domain.lag_assessment import assess

        now = self._looks[-1][0]
        for time, seen in self._looks[:-1]:
            if (before := seen.get((at, row.group))) is not None:
                return assess(row, before, now - time)
        return assess(row)

    @property
    def tells_movement(self) -> bool:
        """Whether there is more than one look."""
        return len(self._looks) > 1


async def _once(output: Output, target: str, group: ParsedName | None, warn: int | None, fail: int | None) -> int:
    looks = EarlierLooks()
    async with open_all_brokers(output, target) as brokers:
        looks.add(answers := await _ask(brokers, group, _limits(warn, fail)))
    return max(answers.exit_code, _print_lag(output, answers, looks, warn, fail))


async def _twice(output: Output, target: str, group: ParsedName | None, warn: int | None, fail: int | None) -> int:
    import asyncio

    looks = EarlierLooks()
    async with open_all_brokers(output, target) as brokers:
        looks.add(await _ask(brokers, group, _limits(warn, fail)))
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
        looks.add(answers := await _ask(brokers, group, _limits(warn, fail)))
    return max(answers.exit_code, _print_lag(output, answers, looks, warn, fail))


async def _watch(output: Output, target: str, group: ParsedName | None, warn: int | None, fail: int | None) -> int:
    import asyncio

    looks = EarlierLooks()
    async with open_all_brokers(output, target) as brokers:
        while True:
            looks.add(answers := await _ask(brokers, group, _limits(warn, fail)))
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
    looks: EarlierLooks,
    warn: int | None,
    fail: int | None,
) -> int:
    """Print the lag of all groups and the result of the check; the exit code."""
    from mqtui.services import lag as service

    def note(row: PartitionLag | GroupLag) -> str:
        return "; ".join(service.lag_notes(row))

    def words(at: str, row: GroupLag) -> str:
        told = [looks.assess(at, row).words] if looks.tells_movement else []
        return "; ".join([*told, *service.lag_notes(row)])

    rows = [(at, row) for at, found in answers.answers for row in found]
    missing = tuple(sentence for _, found in answers.answers for sentence in found.missing)
    if output.json:
        from mqtui.services.json_rows import lag_row

        for at, row in rows:
            output.json_line(answers.json_row(at, lag_row(row, looks.assess(at, row))))
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
