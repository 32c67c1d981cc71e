"""A mistake of mqtui's own is said in words where it happened; the console lives and the rest goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from mqtui.domain.resource import BrokerKind
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.store import ProfileStore
from mqtui.services.poller import BrokerSnapshot, Poller
from mqtui.state.journal import Journal
from mqtui.ui.session.run_task import RunTask
from tests.ui.driver import at_console
from tests.ui.interrupted_runs import LETTERS, InterruptedRuns, short
from tests.ui.interrupted_runs import interrupted_runs as interrupted_runs
from tests.ui.memory_shop import HOST, MemoryShop


async def test_a_broker_whose_watch_fails_says_so_and_the_others_stay(
    shop: MemoryShop, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Poller._refresh

    async def fails(poller: Poller, seen: BrokerSnapshot) -> None:
        if poller.session.broker.kind is BrokerKind.REDIS:
            raise ZeroDivisionError("nobody expected this")
        await look(poller, seen)

    monkeypatch.setattr(Poller, "_refresh", fails)
    shop.profiles()
    async with at_console(shop.console("shop")) as user:
        await user.sees("redis ✗", "kafka ●", "rabbitmq ●").on_row("orders.DLQ")
        broker_session = user.console.sessions.broker_sessions["shop", BrokerKind.REDIS]
        assert broker_session.error is not None
        assert broker_session.error.title == "Internal error in mqtui"
    assert "nobody expected this" in (folders / "state" / "last-crash.txt").read_text()


async def test_work_that_fails_is_said_in_the_line(shop: MemoryShop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(seconds: float) -> None:
        raise ZeroDivisionError

    shop.profiles()
    with pytest.raises(ZeroDivisionError):
        async with at_console(shop.console("shop")) as user:
            await user.on_row("orders.DLQ")
            user.screen.run_worker(fails(0.0), exit_on_error=False)
            await user.reads_in_prompt("Internal error in mqtui").presses("j").sees("orders.DLQ")


async def test_a_file_of_profiles_with_a_mistake_is_named_at_home(shop: MemoryShop, folders: Path) -> None:
    """Its line is named, and what is mended is shown after `r`."""
    shop.profiles()
    file = folders / "config" / "profiles.toml"
    right = file.read_text()
    file.write_text(right + "\n[profiles.shop]\n")
    async with at_console(shop.console()) as user:
        await user.is_at("HomeScreen").sees("profiles.toml", "profiles", "[[profile]]")
        await user.then_calls(lambda: file.write_text(right)).presses("r").on_some_row("prod-eu")


async def test_a_mistake_inside_a_run_is_no_ordinary_end(
    interrupted_runs: InterruptedRuns, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C68: it is named, the figures are those of what was done, and the run is interrupted: resuming ends it."""
    moved = RunTask._on_progress
    calls: list[None] = []

    def fails(task: RunTask, told: object) -> None:
        calls.append(None)
        if len(calls) == 2:
            raise ZeroDivisionError("nobody expected this")
        moved(task, told)

    monkeypatch.setattr(RunTask, "_on_progress", fails)
    async with at_console(interrupted_runs.console("shop")) as user:
        await user.on_row("orders.DLQ").presses("R").sees("[ Start with 1 ]").presses("enter")
        await user.reads_in_prompt("type shop").types("shop").presses("enter")
        await user.is_at("RunScreen").sees("Internal error in mqtui")
        (run,) = Journal().list_runs()
        done = len(interrupted_runs.ground.returned())
        assert 0 < done < LETTERS
        assert "nobody expected this" in (folders / "state" / "last-crash.txt").read_text()
        await user.presses("5").on_row(short(run.id)).on_row("failed").presses("enter")
        await user.sees("[ Resume ]").presses("enter").reads_in_prompt("type shop").types("shop").presses("enter")
        await user.is_at("RunScreen").sees(f"{LETTERS} of {LETTERS}")
    assert sorted(interrupted_runs.ground.returned()) == list(range(LETTERS))


async def test_what_failed_to_open_is_tried_again(shop: MemoryShop, tmp_path: Path) -> None:
    """C69: a secret that could not be had; entering the profile tries again, and so does `r`."""
    secrets = {name: tmp_path / name for name in ("first", "second")}
    for name, file in secrets.items():
        endpoint = BrokerEndpoint(f"redis://user@{HOST}:6379/0")
        ProfileStore().add(Profile(name, {BrokerKind.REDIS: endpoint}, secret=f"command:cat {file}"))
    async with at_console(shop.console()) as user:
        await user.is_at("HomeScreen").on_row("first").presses("enter").is_at("DestinationsScreen").sees("secret")
        secrets["first"].write_text("x")
        await user.presses("0").is_at("HomeScreen").on_row("first").presses("enter").on_row("payments:dlq")
        await user.presses("0").is_at("HomeScreen").presses("j").on_row("second").presses("enter").sees("secret")
        secrets["second"].write_text("x")
        await user.presses("r").on_row("payments:dlq")
