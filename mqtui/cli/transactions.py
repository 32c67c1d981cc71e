"""`mqtui transactions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mqtui.cli import options
from mqtui.cli.consent import ConsentFlags, confirm_plan
from mqtui.cli.exit_codes import DONE
from mqtui.cli.output import Output, current_output
from mqtui.cli.run_command import run_command

if TYPE_CHECKING:
    from mqtui.domain.topology import Inventory
    from mqtui.domain.transactions import OpenTransaction
    from mqtui.services.session import Session

TITLES = ("TRANSACTIONAL ID", "PRODUCER", "STATE", "SINCE", "LAST RECORD", "TIMEOUT", "HOLDS")


@click.command(cls=options.TargetCommand)
@options.target_argument
@click.option("--abort", "aborted", metavar="ID", help="Abort this one: a transactional id, or a producer id.")
@options.write_options
@options.rows_option
def transactions(*, target: str, aborted: str | None, dry_run: bool, yes: bool, confirm: str, json_lines: bool) -> None:
    """Open transactions of Kafka: whose, since when, where they hold readers back."""
    output = current_output(json=json_lines)
    flags = ConsentFlags(dry_run, yes, confirm)
    run_command(output, lambda: _run(output, target, aborted, flags))


async def _run(output: Output, target: str, aborted: str | None, flags: ConsentFlags) -> int:
    from mqtui.services.session import open_session
    from mqtui.services.transactions import find_transaction, list_transactions

    async with open_session(target) as session:
        output.warn(session.warnings)
        found = await list_transactions(session)
        output.warn(found.missing)
        if aborted is not None:
            return await _abort(output, session, find_transaction(found, aborted), flags)
        _print(output, found)
    return DONE


def _print(output: Output, found: Inventory[OpenTransaction]) -> None:
    from time import time

    from mqtui.domain.times import format_age, format_time
    from mqtui.services.transactions import describe_places, transaction_row

    now = time()
    if output.json:
        for each in found:
            output.json_line(transaction_row(each, now))
        return
    rows = [
        (
            each.transactional_id or "?",
            each.producer_id,
            each.word(now),
            format_time(each.since, "%Y-%m-%d %H:%M:%S"),
            format_time(each.last_record, "%H:%M:%S"),
            "?" if each.timeout_ms is None else format_age(each.timeout_ms / 1000, units=2),
            ", ".join(describe_places(each)),
        )
        for each in found
    ]
    output.table(TITLES, rows, right=(1,))
    if not rows:
        output.note("no transaction is open")


async def _abort(output: Output, session: Session, transaction: OpenTransaction, flags: ConsentFlags) -> int:
    from mqtui.services.transactions import abort, plan_abort

    plan = plan_abort(session, transaction)
    consent = confirm_plan(output, plan, session.policy, flags)
    if consent is None:
        return DONE
    notes = await abort(session, plan, consent)
    name = transaction.transactional_id or str(transaction.producer_id)
    if output.json:
        output.json_line({"verb": plan.verb, "aborted": name, "notes": list(notes)})
    else:
        output.line(f"aborted the transaction of {name}")
        for note in notes:
            output.note(note)
    return DONE
