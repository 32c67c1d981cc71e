"""What `claim` and `ack` share: select the pending entries, plan, confirm, write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from mqtui.cli.consent import ConsentFlags, confirm_plan
from mqtui.cli.exit_codes import DONE, INCOMPLETE
from mqtui.cli.options import ConvertedParam
from mqtui.cli.output import Output
from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput
from mqtui.domain.message import EntryId
from mqtui.domain.plan import Plan, StepResult
from mqtui.domain.resource import ParsedName, Ref
from mqtui.domain.topology import PendingEntry

if TYPE_CHECKING:
    from mqtui.services.session import Session


@dataclass(frozen=True, slots=True)
class EntrySelection:
    """Which pending entries: those of given ids, or all that match."""

    stream: ParsedName
    group: str
    ids: tuple[EntryId, ...]
    every: bool
    min_idle: int
    consumer: str = ""

    def check(self) -> None:
        """Check that entries are selected in exactly one way.

        Raises:
            BadInput: neither ids nor `--all`, or both.
        """
        if bool(self.ids) is self.every:
            raise BadInput("Which entries?", "", "Give their ids, or --all for all that match.")


def require_entry_id(text: str) -> EntryId:
    """An entry id as typed.

    Raises:
        BadInput: it is none.
    """
    from mqtui.domain.times import parse_entry_id

    found = parse_entry_id(text)
    if found is None:
        raise BadInput(f"Not an entry id: {text!r}", "", "Write it as 1795475111678-0.")
    return found


ids_argument = click.argument("ids", nargs=-1, type=ConvertedParam("id", require_entry_id))
all_option = click.option("--all", "every", is_flag=True, help="All entries that match, of any consumer.")
consumer_option = click.option("--consumer", default="", metavar="C", help="Only those of this consumer.")


async def confirm_and_write(
    output: Output,
    target: str,
    verb: Verb,
    wanted: EntrySelection,
    flags: ConsentFlags,
    planned: Callable[[Session, Ref, Sequence[PendingEntry]], Awaitable[Plan]],
) -> int:
    """Plan, confirm, write, print. Exit 1 where some entries were not changed."""
    from mqtui.services import pending
    from mqtui.services.browse import find_destination
    from mqtui.services.session import open_session

    wanted.check()
    async with open_session(target) as session:
        output.warn(session.warnings)
        await pending.require_pending(session, verb)
        stream = (await find_destination(session.broker, wanted.stream)).ref
        found = await pending.select_entries(
            session, stream, wanted.group, wanted.ids, min_idle=wanted.min_idle, consumer=wanted.consumer
        )
        plan = await planned(session, stream, found)
        consent = confirm_plan(output, plan, session.policy, flags)
        if consent is None:
            return DONE
        return print_result(output, verb, await pending.run_step(session, plan, consent))


def print_result(output: Output, verb: Verb, result: StepResult) -> int:
    """Print what was done, and a line for each part that was not."""
    if output.json:
        output.json_line({"verb": verb, "asked": result.asked, "done": result.done, "notes": list(result.notes)})
    else:
        output.line(f"{verb}: {result.done:,} of {result.asked:,}")
        for note in result.notes:
            output.note(f"▲ {note}")
    return DONE if result.done == result.asked else INCOMPLETE
