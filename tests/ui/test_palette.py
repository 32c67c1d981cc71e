"""The palette finds everything by a few letters; `:` goes where it is told."""

from __future__ import annotations

from textual.widget import Widget

from tests.ui.driver import at_console
from tests.ui.interrupted_runs import InterruptedRuns, short
from tests.ui.interrupted_runs import interrupted_runs as interrupted_runs
from tests.ui.memory_shop import MemoryShop


async def test_a_few_letters_find_a_destination(shop: MemoryShop) -> None:
    """What open brokers hold is offered with kind and place; `enter` goes there."""
    shop.profiles()
    async with at_console(shop.console("dev")) as user:
        await user.is_at("DestinationsScreen").on_some_row("payments:dlq").presses("ctrl+p").is_at("PalettePopup")
        await user.types("pay dlq").sees("redis, dev").presses("enter").is_at("CausesScreen")


async def test_an_action_is_done_in_the_place_below(shop: MemoryShop) -> None:
    """`runs` is the view; a dim action answers with its reason."""
    shop.profiles()
    async with at_console(shop.console("dev")) as user:
        await user.is_at("DestinationsScreen").on_some_row("orders").presses("ctrl+p").is_at("PalettePopup")
        await user.types("unlock").sees_no("writes on").presses("ctrl+u").types("shell").sees("dim: there is no shell")
        await user.presses("enter").sees("to the shell: there is no shell to go to")
        await user.presses("esc").is_at("DestinationsScreen").presses("ctrl+p").is_at("PalettePopup")
        await user.types("view 5").presses("enter").is_at("RunsScreen")


async def test_themes_are_worn_at_once(shop: MemoryShop) -> None:
    """`theme: light` changes every colour of what is shown, and dark brings it back."""
    async with at_console(shop.console()) as user:
        await user.presses("ctrl+p").is_at("PalettePopup").types("theme: light").presses("enter")
        await user.until(lambda: user.console.theme == "light", "wears the light theme")
        light = user.console.screen.styles.background
        await user.presses("ctrl+p").is_at("PalettePopup").types("theme: dark").presses("enter")
        await user.until(lambda: user.console.theme == "dark", "wears the dark theme")
        await user.until(lambda: user.console.screen.styles.background != light, "sees another ground")


async def test_it_is_one_list_however_much_there_is(shop: MemoryShop) -> None:
    """Three thousand topics make no widget more, and the last of them is found."""
    shop.profiles()
    for number in range(3_000):
        shop.kafka.make(f"tenant-{number}")
    async with at_console(shop.console("prod-eu")) as user:
        await user.is_at("DestinationsScreen").on_some_row("tenant-17").presses("ctrl+p").is_at("PalettePopup")
        count = len(user.console.screen.query(Widget))
        await user.types("tenant-2999").sees("topic     tenant-2999").presses("enter").is_at("MessagesScreen")
        assert count < 12


async def test_a_run_is_offered(interrupted_runs: InterruptedRuns) -> None:
    """By its id, its source or its state."""
    run = await interrupted_runs.moved(2)
    async with at_console(interrupted_runs.console()) as user:
        await user.is_at("HomeScreen").presses("ctrl+p").is_at("PalettePopup").types(f"run {short(run)}")
        await user.sees("redrive of orders.DLQ, done").presses("enter").is_at("RunLettersScreen")


async def test_go_to_completes_and_goes(shop: MemoryShop) -> None:
    """Names stand beside as they fit; `tab` takes one, a position may follow it."""
    shop.profiles()
    async with at_console(shop.console("dev")) as user:
        await user.is_at("DestinationsScreen").on_some_row("orders.DLQ").presses("colon").types("ord")
        await (
            user.reads_in_prompt("tab orders").presses("tab").reads_in_prompt(": orders").types("@3/1").presses("enter")
        )
        await user.is_at("MessagesScreen").on_row("3/1")
        await user.presses("colon").types("orders-4@2").presses("enter").is_at("MessagesScreen").on_row("4/2")


async def test_what_is_open_twice_is_asked_for(shop: MemoryShop) -> None:
    """From home a name that two sessions hold opens a list of both."""
    shop.profiles()
    async with at_console(shop.console("dev")) as user:
        await (
            user.is_at("DestinationsScreen")
            .on_some_row("orders.DLQ")
            .presses("colon")
            .types("prod-eu")
            .presses("enter")
        )
        await user.on_some_row("orders.DLQ").presses("0").is_at("HomeScreen").presses("colon").types("orders.DLQ")
        await user.presses("enter").is_at("PalettePopup").sees("kafka, dev", "kafka, prod-eu").presses("down", "enter")
        await user.is_at("CausesScreen")
        assert user.console.target == "prod-eu"


async def test_a_closed_profile_is_opened_first(shop: MemoryShop) -> None:
    """`prod-eu/orders.DLQ` from anywhere."""
    shop.profiles()
    async with at_console(shop.console()) as user:
        await (
            user.is_at("HomeScreen").presses("colon").types("prod-eu/orders.DLQ").presses("enter").is_at("CausesScreen")
        )
        assert user.console.target == "prod-eu"


async def test_what_is_not_there_is_said(shop: MemoryShop) -> None:
    """The name, and what is near it; a position without a destination; no partition where there are several."""
    shop.profiles()
    async with at_console(shop.console("dev")) as user:
        await (
            user.is_at("DestinationsScreen").on_some_row("orders.DLQ").presses("colon").types("ordrs").presses("enter")
        )
        await user.reads_in_prompt("Nothing open is called ordrs").reads_in_prompt("Near it: orders")
        await user.presses("colon").types("4/7").presses("enter").reads_in_prompt("A position of what?")
        await user.presses("colon").types("orders@7").presses("enter").reads_in_prompt("orders has several partitions")
        await user.presses("colon").types("work.invoices@7").presses("enter").reads_in_prompt("has no positions")
        await user.presses("colon").presses("esc").is_at("DestinationsScreen")


async def test_minus_leads_to_the_last_place_and_back(shop: MemoryShop) -> None:
    """Both are found as they were left, filter and cursor included; at the start there is none."""
    shop.profiles()
    async with at_console(shop.console()) as user:
        await user.is_at("HomeScreen").presses("minus").reads_in_prompt("there is no place before this one")
        await (
            user.on_some_row("dev").moves_to("dev").presses("enter").is_at("DestinationsScreen").on_some_row("payments")
        )
        await (
            user.presses("slash").types("pay").presses("enter").on_row("payments:dlq").presses("j").on_row("payments ")
        )
        await (
            user.presses("3")
            .is_at("DeadLetterOverviewScreen")
            .presses("minus")
            .is_at("DestinationsScreen")
            .on_row("payments ")
        )
        await (
            user.presses("minus")
            .is_at("DeadLetterOverviewScreen")
            .presses("esc")
            .is_at("DestinationsScreen")
            .on_row("payments ")
        )
        await user.presses("minus").is_at("DeadLetterOverviewScreen")


async def test_notes_keep_what_toasts_said(shop: MemoryShop) -> None:
    """At most three toasts at a time, above line and hints; `:notes` has them all."""
    shop.profiles()
    async with at_console(shop.console("dev")) as user:
        await user.is_at("DestinationsScreen").on_row("orders.DLQ")
        for number in range(5):
            user.console.toasts.show(f"run {number} ended", "ok")
        await user.sees("run 2 ended", "run 3 ended", "run 4 ended").sees_no("run 1 ended")
        await user.presses("j").on_row("work.invoices.dlq").sees("run 4 ended")
        await user.presses("colon").types("notes").presses("enter").is_at("NotificationsScreen").on_row("run 4 ended")
        await user.on_some_row("run 0 ended")
