"""`mqtui lag`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
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
    from mqtui.domain.lag_movement import Movement
    from mqtui.services.lag_history import LagHistory
    from mqtui.services.session import Session
    from mqtui.services.stuck_record import StuckRecord
    from mqtui.services.unread_age import FirstUnreads

LOOK_AGAIN_SECONDS = 3.0
"""Seconds between the two looks of `--words`."""

WATCH_SECONDS = 2.0
"""Seconds between two polls of `--watch`."""

PART_TITLES = ("GROUP", "STATE", "RESOURCE", "PARTITION", "COMMITTED", "END", "LAG")
MOVEMENT_TITLES = ("IN/s", "OUT/s", "LAG TIME", "ETA")


@dataclass
class LagLooks:
    """What the looks of this command told: a history for each target, and the first unread messages of one group."""

    histories: dict[str, LagHistory] = field(default_factory=dict)
    first_unread: dict[tuple[str, Ref], FirstUnreads] = field(default_factory=dict)
    stuck: dict[tuple[str, Ref], StuckRecord] = field(default_factory=dict)
    """The message that a group which does not move reads next."""

    def add(self, answers: BrokerAnswers[Inventory[GroupLag]]) -> None:
        """Keep a look."""
        from time import monotonic, time

        from mqtui.services.lag_history import LagHistory

        for at, rows in answers.answers:
            history = self.histories.setdefault(at, LagHistory())
            history.add(monotonic(), time(), {row.group: row for row in rows})

    @property
    def tell_movement(self) -> bool:
        """Whether there is more than one look."""
        return any(history.tells_movement for history in self.histories.values())

    def words(self, at: str, row: GroupLag) -> str:
        """How a group goes, in a sentence, with what retention deletes soon."""
        from time import time

        from mqtui.services.unread_age import retention_words

        report = self.histories[at].reports[row.group]
        soon = retention_words(self.first_unread.get((at, row.group), {}), report.movement.eta, time())
        return "; ".join(filter(None, (report.assessment.words, soon)))

    def next_message(self, at: str, row: GroupLag, part: PartitionLag) -> str:
        """What keeps a group at the message that it reads next there; "" where it was not looked at."""
        from time import time

        found = self.stuck.get((at, row.group))
        if found is None or (found.part.resource, found.part.partition) != (part.resource, part.partition):
            return ""
        return f"reads {found.position} next: {'; '.join(found.describe(time())) or 'nothing sets it apart'}"

    def movements(self, at: str, row: GroupLag) -> tuple[Movement, list[Movement]]:
        """How a group moves, and each of its partitions."""
        from dataclasses import replace
        from time import time

        from mqtui.domain.lag_movement import oldest
        from mqtui.services.unread_age import add_age

        history, first, now = self.histories[at], self.first_unread.get((at, row.group), {}), time()
        movement, parts = history.reports[row.group].movement, history.movements_of(row)
        if first:
            parts = [add_age(moves, part, first, now) for moves, part in zip(parts, row.parts, strict=True)]
            movement = replace(movement, time_lag=oldest([moves.time_lag for moves in parts]))
        return movement, parts


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


async def _once(output: Output, target: str, group: ParsedName | None, warn: int | None, fail: int | None) -> int:
    looks = LagLooks()
    async with open_all_brokers(output, target) as brokers:
        looks.add(answers := await _ask(brokers, group, _limits(warn, fail)))
    return max(answers.exit_code, _print_lag(output, answers, looks, warn, fail))


async def _twice(output: Output, target: str, group: ParsedName | None, warn: int | None, fail: int | None) -> int:
    import asyncio

    looks = LagLooks()
    async with open_all_brokers(output, target) as brokers:
        looks.add(await _ask(brokers, group, _limits(warn, fail)))
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
        looks.add(answers := await _ask(brokers, group, _limits(warn, fail)))
        if group is not None:
            await _read_first_unread(output, brokers, answers, looks)
    return max(answers.exit_code, _print_lag(output, answers, looks, warn, fail))


async def _watch(output: Output, target: str, group: ParsedName | None, warn: int | None, fail: int | None) -> int:
    import asyncio

    looks = LagLooks()
    async with open_all_brokers(output, target) as brokers:
        while True:
            looks.add(answers := await _ask(brokers, group, _limits(warn, fail)))
            check = _print_lag(output, answers, looks, warn, fail)
            if check or (fail is not None and answers.exit_code):
                return max(check, answers.exit_code)
            await asyncio.sleep(WATCH_SECONDS)


async def _read_first_unread(
    output: Output, brokers: OpenBrokers, answers: BrokerAnswers[Inventory[GroupLag]], looks: LagLooks
) -> None:
    """Read the first unread message of each partition of the group that was named."""
    from mqtui.domain.errors import MqtuiError
    from mqtui.services.unread_age import read_first_unread

    sessions = dict(brokers.sessions)
    for at, rows in answers.answers:
        session = sessions[at]
        for row in rows:
            if isinstance(session, MqtuiError):
                continue
            try:
                looks.first_unread[at, row.group] = await read_first_unread(session, row)
                if (found := await _look_at_stuck(session, looks.histories[at], row)) is not None:
                    looks.stuck[at, row.group] = found
            except MqtuiError as error:
                output.warn([f"what {row.group.name} reads next can't be read: {error.title}"])


async def _look_at_stuck(session: Session, history: LagHistory, row: GroupLag) -> StuckRecord | None:
    """The message that a group reads next where it does not move, in the partition with most lag."""
    from mqtui.domain.lag_assessment import LagState
    from mqtui.services.decoding import load_decoder
    from mqtui.services.stuck_record import inspect_stuck_record

    if history.reports[row.group].state not in (LagState.STUCK, LagState.STALLED):
        return None
    moves = history.movements_of(row)
    still = [part for part, each in zip(row.parts, moves, strict=True) if part.lag.number and not each.rate_out.number]
    if not still:
        return None
    worst = max(still, key=lambda part: part.lag.number or 0)
    return await inspect_stuck_record(session, await load_decoder(session.profile, session.address), row, worst)


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
    looks: LagLooks,
    warn: int | None,
    fail: int | None,
) -> int:
    """Print the lag of all groups and the result of the check; the exit code."""
    from mqtui.services import lag as service

    def note(row: PartitionLag | GroupLag) -> str:
        return "; ".join(service.lag_notes(row))

    def words(at: str, row: GroupLag) -> str:
        told = [looks.words(at, row)] if looks.tell_movement else []
        return "; ".join([*told, *service.lag_notes(row)])

    rows = [(at, row) for at, found in answers.answers for row in found]
    missing = tuple(sentence for _, found in answers.answers for sentence in found.missing)
    if output.json:
        for at, row in rows:
            output.json_line(answers.json_row(at, _json_row(looks, at, row)))
    else:
        titles = MOVEMENT_TITLES if looks.tell_movement else ()
        parts: list[tuple[object, ...]] = []
        totals: list[tuple[object, ...]] = []
        for at, row in rows:
            whole, each = _movement_cells(looks, at, row)
            for part, cells in zip(row.parts, each, strict=True):
                told = "; ".join(filter(None, (looks.next_message(at, row, part), note(part))))
                parts.append(answers.cells(at, (*_named(row), *_place(part), part.lag, *cells, told)))
            totals.append(answers.cells(at, (*_named(row), "", "", "", "all", row.total, *whole, words(at, row))))
        output.table(
            answers.column_titles((*PART_TITLES, *titles, "NOTE")),
            [*parts, *totals],
            right=answers.right_columns((3, 4, 5, 6, *range(7, 7 + len(titles)))),
            first_to_go=("COMMITTED", "END", "STATE", "NOTE"),
        )
    check = service.check_lag([row for _, row in rows], missing, warn=warn, fail=fail)
    output.warn(missing)
    for sentence in (*check.warned, *check.failed):
        output.note(sentence)
    return INCOMPLETE if check.failed else DONE


def _movement_cells(looks: LagLooks, at: str, row: GroupLag) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Rates, time lag and ETA of a group and of each partition; none after a single look."""
    if not looks.tell_movement:
        return (), [()] * len(row.parts)
    from mqtui.domain.lag_movement import duration_text, rate_text

    def cells(movement: Movement) -> tuple[str, ...]:
        rates = rate_text(movement.rate_in), rate_text(movement.rate_out)
        return (*rates, duration_text(movement.time_lag), duration_text(movement.eta))

    whole, parts = looks.movements(at, row)
    return cells(whole), [cells(movement) for movement in parts]


def _json_row(looks: LagLooks, at: str, row: GroupLag) -> dict[str, object]:
    from dataclasses import replace
    from time import time

    from mqtui.services.lag_rows import lag_row

    history = looks.histories[at]
    assessment = history.reports[row.group].assessment
    if not history.tells_movement:
        return lag_row(row, assessment)
    whole, parts = looks.movements(at, row)
    told = replace(assessment, words=looks.words(at, row))
    first = looks.first_unread.get((at, row.group), {})
    notes = [looks.next_message(at, row, part) for part in row.parts]
    return lag_row(row, told, whole, parts, first, time(), notes)
