"""Esc never throws a draft away: a form opens with what was typed into it, until it is sent, saved or taken."""

from __future__ import annotations

from tests.ui.driver import User, at_console
from tests.ui.memory_shop import MemoryShop


async def types_into(user: User, field: str, text: str) -> None:
    await user.then_calls(lambda: user.screen.set_focus(user.screen.query_one(f"#field-{field}"))).types(text)


async def test_a_message_that_was_not_sent(dev: MemoryShop) -> None:
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ").presses("P").is_at("PublishScreen").types("k-1")
        await types_into(user, "value", "first line")
        await user.presses("esc").is_at("DestinationsScreen").presses("P").is_at("PublishScreen")
        await user.sees("k-1", "first line").types("2").sees("k-12")
        await user.presses("esc").presses("j").on_row("work.invoices.dlq").presses("P").is_at("PublishScreen")
        await user.sees("work.invoices.dlq").sees_no("first line")


async def test_what_is_typed_goes_on_behind_a_draft_of_several_lines(dev: MemoryShop) -> None:
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ").moves_to("payments").presses("P").is_at("PublishScreen").types("a=1")
        await (
            user.presses("esc").is_at("DestinationsScreen").presses("P").is_at("PublishScreen").types("2").sees("a=12")
        )
        await user.presses("ctrl+u").sees_no("a=1")


async def test_terms_of_a_plan(dev: MemoryShop) -> None:
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ").presses("R").is_at("PlanReviewScreen").sees("Start with 1")
        await user.presses("E").is_at("RedriveOptionsScreen")
        await types_into(user, "rate", "250")
        await user.sees("--rate 250").presses("esc").is_at("PlanReviewScreen").sees_no("250")
        await user.presses("E").reads_in_prompt("your draft is back").sees("--rate 250")
        await user.presses("ctrl+r").is_at("PlanReviewScreen").sees("250").presses("E").sees("--rate 250")
        await user.reads_in_prompt("ctrl+r makes the plan anew")
        assert "draft" not in user.prompt_text


async def test_a_profile_without_its_password(dev: MemoryShop) -> None:
    async with at_console(dev.console()) as user:
        await user.is_at("HomeScreen").on_some_row("dev").presses("+").is_at("ProfileFormScreen").types("night")
        await types_into(user, "password", "secret")
        await user.presses("esc").is_at("HomeScreen").presses("+").reads_in_prompt("your draft is back").sees("night")
        form = user.screen.query_one("Form")
        assert form.value("password") == ""  # type: ignore[attr-defined]
        assert "secret" not in str(user.console.sessions.drafts)
