"""View 5: what was run, what was interrupted, going on with it, putting it back."""

from __future__ import annotations

import asyncio

import pytest

from mqtui.domain.plan import Result
from mqtui.domain.policy import Consent
from mqtui.services.redrive.putback import putback
from mqtui.services.redrive.putback.putback import PlannedPutBack
from mqtui.services.session import Session
from mqtui.state.journal import Journal
from mqtui.state.paths import state_dir
from mqtui.ui.screens.redrive.run import RunScreen
from tests.ui.driver import User, at_console
from tests.ui.interrupted_runs import LETTERS, InterruptedRuns, interrupted, short
from tests.ui.interrupted_runs import interrupted_runs as interrupted_runs


async def test_after_a_crash_it_says_so_and_goes_on(interrupted_runs: InterruptedRuns) -> None:
    """Home's line names the run that stopped; `5`, `enter`, the plan, the name: all letters are home, none twice."""
    run = await interrupted_runs.killed()
    async with at_console(interrupted_runs.console()) as user:
        await user.reads_in_prompt(f"Run {short(run)} stopped at").reads_in_prompt(
            "nothing is missing: 5 then enter resumes"
        )
        await user.presses("5").on_row(short(run)).on_row("interrupted").presses("enter")
        await user.sees("resumes", "[ Resume ]", "exactly once", "nothing has happened yet")
        assert interrupted()
        await user.presses("enter").reads_in_prompt("type shop to resume").types("shop").presses("enter")
        await user.is_at("RunScreen").sees(f"{LETTERS} of {LETTERS}", "report")
    assert sorted(interrupted_runs.ground.returned()) == list(range(LETTERS))
    assert not interrupted()


async def test_a_wrong_name_resumes_nothing(interrupted_runs: InterruptedRuns) -> None:
    """What is typed has to be the profile's name; `esc` and other names leave everything as it was."""
    await interrupted_runs.killed()
    home = interrupted_runs.ground.returned()
    async with at_console(interrupted_runs.console()) as user:
        await user.presses("5").on_row("interrupted").presses("enter").sees("[ Resume ]").presses("enter")
        await user.reads_in_prompt("type shop").types("sho").presses("enter").reads_in_prompt("that was not shop")
        await user.presses("enter").reads_in_prompt("type shop").presses("esc").reads_in_prompt("nothing happened")
    assert interrupted_runs.ground.returned() == home
    assert interrupted()


async def test_interrupted_ones_stand_first(interrupted_runs: InterruptedRuns) -> None:
    """The newest first, but for the one that waits for somebody: it is on top, with its sign, under the cursor."""
    run = await interrupted_runs.killed(batches=1)
    interrupted_runs.ground.world.clock.advance(31_000)
    later = await interrupted_runs.operator.run(None, Consent(typed="shop"))
    async with at_console(interrupted_runs.console()) as user:
        await user.presses("5").on_row("✗").on_row(short(run)).sees("✗ 1 interrupted")
        await user.presses("j").on_row(short(later.run)).on_row("finished")


async def test_the_letters_of_a_run(interrupted_runs: InterruptedRuns) -> None:
    """`enter` on a run that has ended lists its letters and where each is now; `d` does so for any run."""
    run = await interrupted_runs.moved(3)
    stopped = await interrupted_runs.killed(batches=1)
    async with at_console(interrupted_runs.console()) as user:
        await (
            user.presses("5").on_row("interrupted").presses("d").is_at("RunLettersScreen").sees(f"Run {short(stopped)}")
        )
        await user.presses("esc").is_at("RunsScreen").presses("j").on_row(short(run)).presses("enter")
        await user.is_at("RunLettersScreen").sees(
            f"Run {short(run)}: redrive of orders.DLQ", "0/0", "0/2", "moved", "orders 2/0"
        )
        await user.presses("slash").types("0/1").presses("enter").sees("1 of 3")


async def test_put_back_prints_the_plan_of_the_command_line(interrupted_runs: InterruptedRuns) -> None:
    """`U` shows what the dry run prints, asks for the name, and the letters are unhandled again."""
    run = await interrupted_runs.moved(3)
    assert interrupted_runs.left == LETTERS - 3
    async with at_console(interrupted_runs.console()) as user:
        await user.presses("5").on_row(short(run)).presses("U").sees("[ Put back ]")
        await user.sees("mark 3 letters of topic:orders.DLQ unhandled", "3 letters are marked unhandled again")
        assert interrupted_runs.left == LETTERS - 3
        await user.presses("enter").reads_in_prompt("type shop to put them back").types("shop").presses("enter")
        await user.sees("3 of 3 are back in orders.DLQ")
        assert interrupted_runs.left == LETTERS
        await user.presses("enter").reads_in_prompt("it was done already")
        await (
            user.presses("5")
            .sees("putback")
            .presses("g")
            .on_row("putback")
            .presses("U")
            .reads_in_prompt("a put back is not put back")
        )


async def test_put_back_says_why_not(interrupted_runs: InterruptedRuns) -> None:
    """A second put back has nothing to do, and says so where the plan would stand."""
    run = await interrupted_runs.moved(2)
    await interrupted_runs.operator.put_back(run, Consent(typed="shop"))
    async with at_console(interrupted_runs.console()) as user:
        await user.presses("5").moves_to("redrive").presses("U").sees("Nothing to put back of run")
        await user.presses("enter").reads_in_prompt("the plan is not there yet")


async def test_put_back_goes_on_when_its_place_is_left(
    interrupted_runs: InterruptedRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is under way quitting asks; its end is told where one is then, and kept as a note."""
    run = await interrupted_runs.moved(3)
    going, goes_on = putback.run_put_back, asyncio.Event()

    async def slow(session: Session, back: PlannedPutBack, runs: Journal, consent: Consent) -> Result:
        await goes_on.wait()
        return await going(session, back, runs, consent)

    monkeypatch.setattr(putback, "run_put_back", slow)
    async with at_console(interrupted_runs.console()) as user:
        await user.presses("5").on_row(short(run)).presses("U").sees("[ Put back ]").presses("enter")
        await user.reads_in_prompt("type shop").types("shop").presses("enter").sees("putting back …")
        await user.presses("0").is_at("HomeScreen").presses("q").reads_in_prompt(f"under way: put back of {short(run)}")
        await user.presses("esc").then_calls(goes_on.set).sees(f"put back of {short(run)}: 3 of 3 moved")
        assert [note.tone for note in user.console.sessions.notifications] == ["ok"]
    assert interrupted_runs.left == LETTERS


async def test_a_mistake_inside_a_put_back_is_no_ordinary_end(
    interrupted_runs: InterruptedRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named where one is then, and what is not back yet can be put back by another one."""
    run = await interrupted_runs.moved(3)

    async def fails(session: Session, back: PlannedPutBack, runs: Journal, consent: Consent) -> Result:
        raise ZeroDivisionError

    async with at_console(interrupted_runs.console()) as user:
        with monkeypatch.context() as patch:
            patch.setattr(putback, "run_put_back", fails)
            await user.presses("5").on_row(short(run)).presses("U").sees("[ Put back ]").presses("enter")
            await user.reads_in_prompt("type shop").types("shop").presses("enter").sees("Internal error in mqtui")
        assert interrupted_runs.left == LETTERS - 3
        await user.presses("esc").presses("U").sees("[ Put back ]").presses("enter")
        await user.reads_in_prompt("type shop").types("shop").presses("enter").sees("3 of 3 are back")


async def test_a_run_under_way_stands_on_top_and_is_shown_again(interrupted_runs: InterruptedRuns) -> None:
    """It is found in view 5 with its live figures; `enter` leads back to it, `S` stops it there."""
    async with at_console(interrupted_runs.console("shop")) as user:
        await _started(user, interrupted_runs)
        (task,) = user.console.sessions.running_tasks
        await user.presses("5").on_row("▸").on_row("under way").presses("enter").is_at("RunScreen")
        assert isinstance(user.screen, RunScreen)
        assert user.screen.background_task is task
        await user.presses("5").is_at("RunsScreen").on_row("under way").presses("U")
        await (
            user.reads_in_prompt("S stops it")
            .presses("S")
            .until(lambda: not user.console.sessions.running_tasks, "stops it")
        )
        await (
            user.on_row("stopped").reads_in_prompt("(stopped)").until(lambda: interrupted_runs.left > 0, "leaves some")
        )
        await user.presses("T").sees("resumes", "[ Resume ]").presses("enter").reads_in_prompt("type shop")
        await user.types("shop").presses("enter").is_at("RunScreen").sees(f"moved {LETTERS}")
    assert sorted(interrupted_runs.ground.returned()) == list(range(LETTERS))
    assert not interrupted()


async def _started(user: User, ground: InterruptedRuns) -> None:
    """Redrive all, first one: it asks after that."""
    await user.is_at("DestinationsScreen").presses("3").on_row("orders.DLQ").presses("R").sees("[ Start with 1 ]")
    await user.presses("enter").reads_in_prompt("type shop").types("shop").presses("enter").is_at("RunScreen")


async def test_a_damaged_journal_is_told(interrupted_runs: InterruptedRuns) -> None:
    """Where the journal can't be read the screen says why and stays."""
    await interrupted_runs.moved(1)
    async with at_console(interrupted_runs.console()) as user:
        await user.presses("5").on_row("finished").presses("0").is_at("HomeScreen")
        for file in state_dir().glob("runs.sqlite*"):
            file.unlink()
        (state_dir() / "runs.sqlite").mkdir()
        await user.presses("5").is_at("RunsScreen").reads_in_prompt("✗").presses("esc").is_at("HomeScreen")


async def test_a_place_of_its_own_for_each_run(interrupted_runs: InterruptedRuns) -> None:
    """`:run 7F3A` opens it from anywhere; a run nobody knows is named."""
    run = await interrupted_runs.moved(1)
    async with at_console(interrupted_runs.console()) as user:
        await user.is_at("HomeScreen").presses("colon").types(f"run {run[:6]}").presses("enter")
        await user.is_at("RunLettersScreen").sees(f"Run {short(run)}")
        await user.presses("colon").types("run 0000000").presses("enter").reads_in_prompt("There is no run 0000000")
