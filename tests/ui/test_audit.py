"""View 6: what was changed, as which command, and whether the chain of lines still holds."""

from __future__ import annotations

import json

from mqtui.domain.audit import AuditEntry
from mqtui.domain.capability import Verb
from mqtui.domain.redrive import Selection
from mqtui.domain.resource import Kind, Ref
from mqtui.services.command_line import command_of, equivalent_command
from mqtui.services.redrive.request import CanaryStages, RedriveRequest
from mqtui.state.paths import state_dir
from mqtui.ui.render.audit import merge_begin_and_end
from tests.ui.driver import at_console
from tests.ui.interrupted_runs import TYPED, InterruptedRuns, short
from tests.ui.interrupted_runs import interrupted_runs as interrupted_runs

DLQ = Ref(Kind.TOPIC, "orders.DLQ")


async def test_changes_with_their_command(interrupted_runs: InterruptedRuns) -> None:
    """Begin and end are one row with the result; the line says the command, `yc` copies it, `enter` opens the run."""
    run = await interrupted_runs.moved(3)
    async with at_console(interrupted_runs.console()) as user:
        await user.presses("6").on_row(short(run)).on_row("3 moved").on_row("orders.DLQ → orders").sees("chain ✓")
        await user.reads_in_prompt("mqtui redrive shop orders.DLQ --limit 3")
        await user.presses("y").reads_in_prompt("c command").presses("c").reads_in_prompt("command copied")
        assert user.console.clipboard == "mqtui redrive shop orders.DLQ --limit 3"
        await user.presses("enter").is_at("RunLettersScreen").sees(f"Run {short(run)}")


async def test_a_line_that_was_changed_is_named(interrupted_runs: InterruptedRuns) -> None:
    """Whoever edits the file is found out at the first look."""
    await interrupted_runs.moved(1)
    file = state_dir() / "audit.jsonl"
    first, *rest = file.read_text().splitlines()
    file.write_text("\n".join([json.dumps(json.loads(first) | {"operator": "nobody"}), *rest]) + "\n")
    async with at_console(interrupted_runs.console()) as user:
        await (
            user.presses("6").sees("✗ chain broken at 1").reads_in_prompt("line 1: it was changed after it was written")
        )


async def test_what_never_ended(interrupted_runs: InterruptedRuns) -> None:
    """A begin without an end is wrong where its process is gone, and under way where it lives."""
    begin = AuditEntry("begin", "a" * 32, 1, "anna", "here", "shop", "redrive", ("topic:d",), 3, n=1)
    end = AuditEntry("end", "a" * 32, 2, "anna", "here", "shop", "redrive", ("topic:d",), 3, "3 moved", n=2)
    again = AuditEntry("begin", "a" * 32, 3, "anna", "here", "shop", "redrive", ("topic:d",), 3, n=3)
    (only,) = merge_begin_and_end([begin, end])
    assert (only.result, only.never_ended) == ("3 moved", False)
    newest, oldest = merge_begin_and_end([begin, again, end])
    assert (newest.result, oldest.result, oldest.never_ended) == ("3 moved", "no end: the process died in it", True)
    (alive,) = merge_begin_and_end([begin], {"a" * 32})
    assert (alive.result, alive.never_ended) == ("under way", False)
    (late,) = merge_begin_and_end([end])
    assert late.result == "3 moved"


async def test_a_number_leads_to_its_line(interrupted_runs: InterruptedRuns) -> None:
    """`:audit 3` puts the cursor on the change that line belongs to; one that is not there is named."""
    first = await interrupted_runs.moved(1)
    await interrupted_runs.moved(1)
    async with at_console(interrupted_runs.console()) as user:
        await user.is_at("HomeScreen").presses("colon").types("audit 2").presses("enter").on_row(short(first))
        await user.presses("colon").types("audit 99").presses("enter").reads_in_prompt("there is no line 99")


async def test_put_back_from_the_audit(interrupted_runs: InterruptedRuns) -> None:
    """`U` on a change plans the put back of its run."""
    run = await interrupted_runs.moved(2)
    await interrupted_runs.operator.put_back(run, TYPED)
    async with at_console(interrupted_runs.console()) as user:
        await user.presses("6").on_row("2 put back").reads_in_prompt(f"mqtui runs putback {run[:8].upper()}")
        await user.presses("j").on_row("2 moved").presses("U").is_at("PutBackScreen").sees("Nothing to put back")


def test_the_command_says_everything_that_was_asked_for() -> None:
    """Selection, stages, rate, targets: in the command line's own options."""
    order = RedriveRequest(
        Verb.REDRIVE,
        DLQ,
        Selection(cause="9d2e1f00", where=".amount == null", partition=0, since=0, limit=5),
        to=Ref(Kind.TOPIC, "orders"),
        rate=500.0,
        take_over=True,
        stages=CanaryStages((1, 10), 0.05, 60.0),
    )
    assert command_of(order, "shop/kafka") == (
        "mqtui redrive shop/kafka orders.DLQ --to orders --cause 9d2e1f00 --where '.amount == null' --partition 0 "
        "--from 1970-01-01T00:00:00.000+00:00 --limit 5 --canary 1,10 --stop-at 5% --watch 60s --rate 500 --take-over"
    )


def test_a_command_that_was_typed_stays_as_it_was() -> None:
    """What the command line noted is the command; nothing is made up where the journal knows no run."""
    entry = AuditEntry(
        "begin", "a" * 32, 1, "anna", "here", "shop", "redrive", (), 3, command="mqtui redrive shop d -n 1"
    )
    assert equivalent_command(entry, None) == "mqtui redrive shop d -n 1"
