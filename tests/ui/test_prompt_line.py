"""*The line*: one sentence or one question, in one row, and nothing on the screen moves for it."""

from __future__ import annotations

import pytest
from textual import events

from mqtui.ui.widgets import prompt_line
from mqtui.ui.widgets.prompt_line import PromptInput
from tests.ui.driver import User, at_console
from tests.ui.memory_shop import MemoryShop
from tests.ui.picture_steps import all_polled


def above(user: User) -> list[str]:
    """The screen above the prompt line."""
    return user.screen_text.splitlines()[: user.screen.prompt_line.region.y]


async def test_idle_it_says_what_matters_about_the_row(dev: MemoryShop) -> None:
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ").reads_in_prompt("orders.DLQ: 31 dead letters of orders")
        await user.presses("j").on_row("work.invoices.dlq").reads_in_prompt("work.invoices.dlq: 19 dead letters")


async def test_an_answer_gives_way_to_the_sentence(dev: MemoryShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason of a dim key stays for a while, then the row's sentence is back."""
    monkeypatch.setattr(prompt_line, "ANSWER_SECONDS", 1.0)
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ")
        await user.presses("M").reads_in_prompt("not in this version").reads_in_prompt("31 dead letters of orders")


async def test_the_last_of_two_answers_stays_its_time(dev: MemoryShop) -> None:
    """An earlier answer's end does not take the later one away."""
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ").presses("L").reads_in_prompt("unlock")
        await user.presses("M").reads_in_prompt("move: not in this version")


async def test_a_filter_follows_every_key_and_is_kept_by_enter(dev: MemoryShop) -> None:
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ").presses("/").types("work").sees("3 of 10")
        assert [row for row in user.rows if "work" not in row and "nothing wrong" not in row] == []
        await user.presses("enter").sees("3 of 10").on_row("work.invoices.dlq")
        await user.presses("/").types(" dlq").sees("1 of 10")
        await user.presses("enter", "esc").sees("order trouble · 10")


async def test_esc_takes_one_step(dev: MemoryShop) -> None:
    """The question first, then the filter, then the screen; the cursor keeps its row."""
    async with at_console(dev.console()) as user:
        await user.is_at("HomeScreen").moves_to("dev").presses("enter").is_at("DestinationsScreen")
        await user.on_row("orders.DLQ").until(lambda: all_polled(user), "has seen every broker")
        await (
            user.then_calls(user.console._tick).moves_to("work.invoices.dlq").presses("/").types("dlq").presses("enter")
        )
        await user.sees("3 of 10").presses("esc").sees_no("3 of 10").is_at("DestinationsScreen")
        await user.on_row("work.invoices.dlq")
        await user.presses("esc").is_at("HomeScreen").on_row("dev")
        await user.presses("esc").reads_in_prompt("this is home").is_at("HomeScreen")


NAMES = 24
"""Cells of a row with its signs and its name."""


async def test_no_question_moves_anything(dev: MemoryShop) -> None:
    """The rows above stand where they stood while it is asked and afterwards; their figures may go on."""

    def stand() -> list[str]:
        return [text[:NAMES] for text in above(user)[2:] if text]

    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ")
        before = stand()
        await user.presses("/").until(lambda: user.screen.prompt_line.is_asking, "is asked")
        assert stand() == before
        await user.presses("esc").until(lambda: not user.screen.prompt_line.is_asking, "is asked no more")
        assert stand() == before


async def test_letters_act_only_outside_the_field(dev: MemoryShop) -> None:
    """CAPITALS, digits, `q` and `:` in a filter are its text."""
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ").presses("/").types("RDXq3:0?")
        await user.is_at("DestinationsScreen").reads_in_prompt("RDXq3:0?").sees("0 of 10")


async def test_after_a_question_the_list_has_the_focus_again(dev: MemoryShop) -> None:
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ").presses("/").until(lambda: isinstance(user.screen.focused, PromptInput), "asks")
        await user.presses("esc").until(lambda: user.screen.focused is user.table, "has the list")
        await user.presses("j").on_row("work.invoices.dlq")


async def test_a_filter_that_cannot_be_read_is_said_and_forgotten(dev: MemoryShop) -> None:
    """A regex half typed hides nothing and breaks nothing."""
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ").presses("/").types("~(ord").sees("order trouble")
        await user.reads_in_prompt("Not a regular expression").types(")").sees("2 of 10")
        await user.reads_in_prompt("enter keeps it").types(" lgg>1").sees("2 of 10").reads_in_prompt("no column lgg")
        await user.presses("enter").reads_in_prompt("no column lgg").presses("esc").sees("order trouble · 10")


async def test_a_confirmation_is_typed_not_pasted(dev: MemoryShop) -> None:
    """A paste into it is ignored; a wrong name does nothing; the right one starts the run."""
    async with at_console(dev.console("shop")) as user:
        await user.on_row("orders.DLQ").presses("enter").on_row("SchemaMismatch").presses("R")
        await user.sees("[ Start with 1 ]").presses("enter").reads_in_prompt("type shop")
        entry = user.screen.prompt_line.query_one(PromptInput)
        entry.post_message(events.Paste("shop"))
        await user.types("s").until(lambda: entry.value == "s", "typed one letter and pasted none")
        await user.presses("enter").reads_in_prompt("that was not").is_at("PlanReviewScreen")
        assert len(dev.kafka.records(dev.orders)) == 240
        await user.presses("enter").reads_in_prompt("type shop").types("shop").presses("enter").is_at("RunScreen")
        await user.until(lambda: len(dev.kafka.records(dev.orders)) == 241, "has moved one letter")


async def test_esc_at_a_confirmation_changes_nothing(dev: MemoryShop) -> None:
    async with at_console(dev.console("shop")) as user:
        await user.on_row("orders.DLQ").presses("enter").on_row("SchemaMismatch").presses("R")
        await user.sees("[ Start with 1 ]").presses("enter").reads_in_prompt("type shop")
        await user.types("shop").presses("esc").reads_in_prompt("nothing happened").is_at("PlanReviewScreen")
        assert len(dev.kafka.records(dev.orders)) == 240
