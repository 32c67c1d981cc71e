"""C117: keys that a terminal hands over in one read are answered in their order, each where the one before led."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from time import monotonic
from time import sleep as stand_still
from typing import Any

import pytest
from textual import events
from textual.keys import _character_to_key

from mqtui.domain.resource import BrokerKind
from mqtui.ui import key_queue
from mqtui.ui.widgets.prompt_line import PromptInput
from tests.cli.broker_fixtures import broker_fixture_of
from tests.cli.command_line import Mqtui
from tests.terminal import Terminal
from tests.ui.driver import User, at_console
from tests.ui.memory_shop import MemoryShop

NAMED = {"\r": "enter", "\x1b": "escape", "\t": "tab"}


def hand_over(user: User, text: str) -> None:
    """All of these keys at once."""
    for sign in text:
        key = NAMED.get(sign) or _character_to_key(sign)
        user.console.post_message(events.Key(key, None if sign == "\x1b" else sign))


def has_typed(user: User, text: str) -> bool:
    return user.screen.query_one(PromptInput).value == text


async def test_a_filter_typed_at_once_filters(dev: MemoryShop) -> None:
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ").then_calls(lambda: hand_over(user, "/work\r")).sees("3 of 10")
        await user.until(lambda: not user.screen.prompt_line.is_asking, "has filtered").sees("3 of 10")
        await user.on_row("work.invoices.dlq").then_calls(lambda: hand_over(user, "/ dlq\rg")).sees("1 of 10")
        await user.on_row("work.invoices.dlq").presses("esc").sees("order trouble · 10")


async def test_after_the_sign_of_a_question_every_key_is_its(dev: MemoryShop) -> None:
    """Letters of a name are no keys of the list: no order changes, nothing opens, no plan is made."""
    async with at_console(dev.console("dev")) as user:
        for sign in ("/", ":"):
            for text in ("orders", "Redrive", "qdPX3"):
                await user.on_row("orders.DLQ").then_calls(partial(hand_over, user, sign + text))
                await user.until(partial(has_typed, user, text), f"types {text}")
                await user.is_at("DestinationsScreen").presses("esc").sees("order trouble · 10")
        await user.then_calls(lambda: hand_over(user, ":orders.DLQ\r")).is_at("CausesScreen")


async def test_a_key_goes_where_the_one_before_led(dev: MemoryShop) -> None:
    """A view and its filter, a question of one letter and a move, a form and its fields."""
    async with at_console(dev.console("dev")) as user:
        await (
            user.on_row("orders.DLQ")
            .then_calls(lambda: hand_over(user, "3/invoices\rj"))
            .is_at("DeadLetterOverviewScreen")
        )
        await user.until(lambda: user.screen.filter_text == "invoices", "has filtered")  # type: ignore[attr-defined]
        await user.presses("esc", "1").on_row("orders.DLQ")
        await user.then_calls(lambda: hand_over(user, "ypjj")).reads_in_prompt("name")
        await user.until(lambda: not user.screen.prompt_line.is_asking, "has asked which part")


async def test_a_plan_is_not_started_by_a_key_that_nobody_could_mean(dev: MemoryShop) -> None:
    """`R` and enter in one read: the plan was not painted when enter was typed, so it is thrown away."""
    async with at_console(dev.console("dev")) as user:
        await (
            user.on_row("orders.DLQ")
            .presses("enter")
            .is_at("CausesScreen")
            .until(lambda: bool(user.rows), "has causes")
        )
        await user.then_calls(lambda: hand_over(user, "R\r\r\r")).is_at("PlanReviewScreen")
        await user.sees("enter").presses("esc").is_at("CausesScreen")
        assert not user.console.sessions.running_tasks


async def test_a_key_whose_widget_goes_does_not_hold_up_the_next(
    dev: MemoryShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing says that a key was answered where what had the focus is gone: the next one waits a moment only."""
    monkeypatch.setattr(key_queue, "ANSWER_TIMEOUT", 0.2)
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ")
        monkeypatch.setattr(user.console, "on_key_queue_answered", _never)
        await user.then_calls(lambda: hand_over(user, "jj/work\r")).sees("3 of 10")


async def _never(_: object) -> None:
    return


async def test_a_loop_that_stood_still_is_no_missing_answer(dev: MemoryShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is being answered: the next one waits for it, however long the machine takes."""
    monkeypatch.setattr(key_queue, "ANSWER_TIMEOUT", 0.2)
    given_up: list[float] = []
    give_up = key_queue.KeyQueue._give_up

    def note(queue: key_queue.KeyQueue) -> None:
        given_up.append(monotonic())
        give_up(queue)

    monkeypatch.setattr(key_queue.KeyQueue, "_give_up", note)
    monkeypatch.setattr(PromptInput, "on_key", lambda field: stand_still(0.3), raising=False)
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ").then_calls(lambda: hand_over(user, "/orders"))
        await user.until(partial(has_typed, user, "orders"), "types orders")
    assert not given_up


@pytest.mark.parametrize("size", [(80, 24), (120, 34)], ids=["80x24", "120x34"])
def test_at_a_terminal_in_one_read(redis_url: str, tmp_path: Path, size: tuple[int, int]) -> None:
    ground = broker_fixture_of(BrokerKind.REDIS, redis_url)
    ref, other = ground.world.create("wanted"), ground.world.create("else")
    for each in (ref, other):
        ground.add_dead_letters(each, each, range(1))
    environment: dict[str, Any] = Mqtui(tmp_path, "").environment() | {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
    with Terminal([sys.executable, "-m", "mqtui", redis_url], environment, size) as console:
        console.reads("nted-1")
        console.press(f"/{ref.name}\r")
        console.wait(lambda screen: "1 of " in "\n".join(screen.display[:4]), "filtered")
        console.press("\x1b")
        console.wait(lambda screen: "1 of " not in "\n".join(screen.display[:4]), "not filtered")
        console.press(f":{ref.name}\r")
        crumbs = ("›", ref.name.rpartition(":")[2], "▸messages")
        console.wait(lambda screen: all(each in screen.display[1] for each in crumbs), "at its messages")
        assert b"never awaited" not in console.written
    ground.world.close()


async def test_a_form_has_what_is_typed_behind_its_key(dev: MemoryShop) -> None:
    """Its first field has the focus before the next key is sent, although the form is not painted yet."""
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ").then_calls(lambda: hand_over(user, "PRedrive 3")).is_at("PublishScreen")
        await user.until(lambda: getattr(user.console.focused, "value", "") == "Redrive 3", "has typed all")
        await user.presses("esc").is_at("DestinationsScreen").presses("0").is_at("HomeScreen").on_row("dev")
        await user.then_calls(lambda: hand_over(user, "+3;g")).is_at("ProfileFormScreen")
        await user.until(lambda: getattr(user.console.focused, "value", "") == "3;g", "has typed all")


async def test_what_is_typed_for_a_refused_key_does_nothing(dev: MemoryShop) -> None:
    """A form that did not open: its text must not act on the list."""
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ").then_calls(lambda: hand_over(user, "UR3Pq\r")).reads_in_prompt("U does nothing")
        await user.is_at("DestinationsScreen").presses("j").on_row("work.invoices.dlq")


@pytest.mark.parametrize("key", ["tab", "shift+tab", "ctrl+r", "ctrl+p", "f1"])
async def test_a_question_keeps_the_keys_that_are_no_text(dev: MemoryShop, key: str) -> None:
    """No key takes the focus away from an open question, or opens something over it."""
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ").presses("/", "w", key, "o", "R").is_at("DestinationsScreen")
        await user.until(lambda: has_typed(user, "woR"), "types woR").presses("esc").sees("order trouble · 10")


async def test_a_key_is_for_the_row_that_was_seen(dev: MemoryShop) -> None:
    """A row that vanished, or another list's, between the key and its turn is not acted on; the prompt line says so."""
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ")
        table: Any = user.table

        def row_goes(change: str) -> None:
            pressed, after = events.Key("P", "P"), events.Key("3", "3")
            name = table.renderer.id(table.current)
            getattr(table, change)([item for item in table.model.items if table.renderer.id(item) != name])
            user.console.post_message(pressed)
            user.console.post_message(after)

        await user.then_calls(lambda: row_goes("show")).reads_in_prompt("publish: the row is not there any more")
        await user.is_at("DestinationsScreen").until(lambda: not table.is_gone, "sees the row again")
        await user.then_calls(lambda: row_goes("replace")).reads_in_prompt("press P again").is_at("DestinationsScreen")
