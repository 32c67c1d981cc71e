"""Hasty and large input: keys before a review is painted, a megabyte in a form, a destination followed by t."""

from __future__ import annotations

from time import monotonic

from textual.events import Key, Paste

from mqtui.ui.widgets.form import Form
from mqtui.ui.widgets.large_text_area import LargeTextArea
from mqtui.ui.widgets.prompt_line import PromptInput
from tests.ui.driver import at_console
from tests.ui.interrupted_runs import LETTERS, InterruptedRuns
from tests.ui.interrupted_runs import interrupted_runs as interrupted_runs
from tests.ui.memory_shop import MemoryShop

MEGABYTE = 1 << 20
SOON = 2.0
"""Seconds in which a large paste stands in its field."""


async def test_keys_typed_before_a_review_is_painted_are_thrown_away(shop: MemoryShop) -> None:
    shop.profiles()
    async with at_console(shop.console()) as user:
        await user.moves_to("dev").presses("enter", "2").moves_to("settle")
        await user.presses("enter").sees("42, all read")
        early = [Key("enter", "\r") for _ in range(3)]
        await user.presses("A").is_at("ConfirmPlanScreen")
        for key in early:
            user.console.post_message(key)
        await user.pilot.pause()
        await user.is_at("ConfirmPlanScreen").sees("nothing has happened yet", "acknowledge 42")
        assert not user.screen.prompt_line.is_asking
        await user.presses("enter").until(lambda: user.screen.prompt_line.is_asking, "is asked for the name")


async def test_keys_typed_while_a_plan_is_made_start_nothing(interrupted_runs: InterruptedRuns) -> None:
    async with at_console(interrupted_runs.console("shop")) as user:
        await user.is_at("DestinationsScreen").presses("3").sees("orders.DLQ")
        early = [Key("enter", "\r"), *(Key(sign, sign) for sign in "shop"), Key("enter", "\r")]
        await user.presses("R").is_at("PlanReviewScreen").sees("Start with 1")
        for key in early:
            user.console.post_message(key)
        await user.pilot.pause()
        await user.is_at("PlanReviewScreen").sees("nothing has happened yet")
        assert interrupted_runs.left == LETTERS


async def test_a_megabyte_is_pasted_into_the_value(shop: MemoryShop) -> None:
    shop.profiles()
    async with at_console(shop.console()) as user:
        await user.moves_to("dev").presses("enter").moves_to("orders").presses("P").is_at("PublishScreen")
        area = user.screen.query_one("#field-value", LargeTextArea)
        area.focus()
        await user.pilot.pause()
        began = monotonic()
        user.console.post_message(Paste('{"a": "' + "x" * MEGABYTE + '"}'))
        await user.until(lambda: len(area.content) > MEGABYTE, "has it all")
        await user.sees("1,048,585 B")
        assert monotonic() - began < SOON
        await user.presses("ctrl+r").is_at("ConfirmPlanScreen").sees("1,048,585 B", "nothing has happened yet")
        await user.presses("esc").is_at("PublishScreen")
        assert len(area.content) > MEGABYTE
        await user.presses("backspace").sees("1 message, 0 B").types("{}").sees("1 message, 2 B")


async def test_c90_what_was_typed_for_a_destination_is_kept_until_it_is_sent(dev: MemoryShop) -> None:
    """Esc leaves the form, and it opens again as it was; another destination has one of its own."""

    def typed() -> dict[str, str]:
        form = user.screen.query_one(Form)
        return {name: text for name, text in form.values().items() if text}

    async with at_console(dev.console()) as user:
        await user.moves_to("dev").presses("enter").moves_to("orders").presses("P").is_at("PublishScreen")
        await user.types("u7").presses("tab", "tab", "tab").types("one").presses("enter").types("two")
        await user.until(lambda: "one\ntwo" in typed().values(), "has typed")
        before = typed()
        await user.presses("esc").is_at("DestinationsScreen").presses("P").is_at("PublishScreen")
        await user.until(lambda: typed() == before, "finds it as it was")
        await user.sees("as a command", "u7")
        await (
            user.presses("esc")
            .is_at("DestinationsScreen")
            .presses("g")
            .moves_to("payments")
            .presses("P")
            .is_at("PublishScreen")
        )
        await user.until(lambda: typed() == {}, "finds an empty form")


async def test_a_paste_into_the_line_comes_once(shop: MemoryShop) -> None:
    shop.profiles()
    async with at_console(shop.console()) as user:
        await user.is_at("HomeScreen").presses("slash").until(lambda: user.screen.prompt_line.is_asking, "is asked")
        user.console.post_message(Paste("prod"))
        await user.until(lambda: user.screen.query_one(PromptInput).value == "prod", "has it once")


async def test_a_destination_is_followed_from_the_list(shop: MemoryShop) -> None:
    shop.profiles()
    async with at_console(shop.console()) as user:
        await user.moves_to("dev").presses("enter").moves_to("orders").presses("t").is_at("MessagesScreen")
        await user.sees("following").then_calls(shop.order).sees(str(shop.order()))
        await user.presses("1", "g").moves_to("work.invoices.dlq").presses("t").reads_in_prompt("can't be followed")
