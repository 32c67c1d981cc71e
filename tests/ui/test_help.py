"""Help and menu: what works here, why the rest does not, and doing it from there."""

from __future__ import annotations

import pytest

from mqtui.ui.actions import ACTIONS
from mqtui.ui.glyphs import BARS, SIGNS
from mqtui.ui.render.overlays.legend import LEGEND
from mqtui.ui.widgets.row_model import Notice
from mqtui.ui.widgets.wrapped_table import WrappedTable
from tests.ui.driver import at_console
from tests.ui.memory_shop import MemoryShop


async def test_looks_stand_first_and_capitals_below(shop: MemoryShop) -> None:
    """Each key of the screen with what it does; a dim one says why."""
    shop.profiles()
    async with at_console(shop.console("dev")) as user:
        await user.is_at("DestinationsScreen").on_some_row("orders.DLQ").presses("question_mark").is_at("HelpPopup")
        await user.sees("look: never changes anything", "CHANGE: the plan first, always", "filter", "redrive")
        await user.presses("question_mark").is_at("DestinationsScreen")


@pytest.mark.parametrize("size", [(80, 24), (120, 34)])
async def test_the_signs_have_a_legend(shop: MemoryShop, size: tuple[int, int]) -> None:
    """Every sign that a row may have stands in it, whole, at every size."""
    shop.profiles()
    async with at_console(shop.console("dev"), size) as user:
        await user.is_at("DestinationsScreen").presses("question_mark").is_at("HelpPopup")
        await user.sees(*(f"{sign} {meaning}" for sign, meaning in LEGEND))
        if size[0] >= 120:
            await user.sees(
                *(action.help for action in ACTIONS if action.id in ("nav.open", "list.next", "thing.copy"))
            )


@pytest.mark.parametrize("key", ["question_mark", "m"])
async def test_descriptions_are_whole_at_80_columns(dev: MemoryShop, key: str) -> None:
    """Long ones go on below, also why an action is dim; the cursor goes from action to action."""
    async with at_console(dev.console("dev"), (80, 24)) as user:
        await user.on_row("orders.DLQ").presses(key)
        tables = user.console.screen.query(WrappedTable)
        await user.until(
            lambda: any(Notice in map(type, table.model.shown) for table in tables), "sees long ones go on"
        )
        for table in tables:
            drawn = [table.render_line(line - table.scroll_offset.y).text for line in range(len(table.model.shown))]
            text = " ".join(" ".join(drawn).split())
            for item in table.model.rows:
                said = " ".join((f"dim: {item.reason}" if item.reason else item.help).split())
                assert said in text, said
                assert item.title in text, item.title
        table = tables.first()
        for row in table.model.rows[:6]:
            assert table.current == row
            await user.presses("j")


def test_every_sign_is_in_the_legend_and_no_other() -> None:
    told = {sign for signs, _ in LEGEND for sign in signs if not sign.isascii()}
    assert told - set(BARS) == SIGNS - set(BARS)


async def test_a_word_finds_and_enter_does_it(shop: MemoryShop) -> None:
    """`/` and a word leave what has it; `enter` keeps the word, again does the action in the screen below."""
    shop.profiles()
    async with at_console(shop.console("dev")) as user:
        await user.is_at("DestinationsScreen").on_some_row("orders.DLQ").presses("question_mark").is_at("HelpPopup")
        await user.presses("slash").types("dead letters").sees_no("publish").presses("enter").presses("enter")
        await user.is_at("DeadLetterOverviewScreen")


async def test_a_dim_one_is_not_done(shop: MemoryShop) -> None:
    """`enter` on a dim action says its reason and stays."""
    shop.profiles()
    async with at_console(shop.console("dev")) as user:
        await user.is_at("DestinationsScreen").on_some_row("orders.DLQ").presses("question_mark").is_at("HelpPopup")
        await user.presses("slash").types("shell").sees_no("publish").presses("enter", "enter")
        await (
            user.sees("to the shell: there is no shell to go to")
            .is_at("HelpPopup")
            .presses("esc")
            .presses("esc")
            .is_at("DestinationsScreen")
        )


async def test_the_menu_has_the_verbs_of_the_row(shop: MemoryShop) -> None:
    """`m` or the right button; a verb's own key works in it, too, and `esc` leads back to the same row."""
    shop.profiles()
    async with at_console(shop.console("dev")) as user:
        await (
            user.is_at("DestinationsScreen")
            .on_row("orders.DLQ")
            .presses("m")
            .is_at("MenuPopup")
            .sees("redrive", "publish")
        )
        await user.presses("esc").is_at("DestinationsScreen").on_row("orders.DLQ")
        await user.presses("m").is_at("MenuPopup").presses("3").is_at("DeadLetterOverviewScreen")


async def test_the_right_button_opens_the_menu_of_that_row(shop: MemoryShop) -> None:
    """The cursor goes to the row first."""
    shop.profiles()
    async with at_console(shop.console("dev")) as user:
        await user.is_at("DestinationsScreen").on_row("orders.DLQ")
        await user.pilot.click(offset=(20, 5), button=3)
        await user.is_at("MenuPopup").presses("esc").is_at("DestinationsScreen").on_row("work.invoices.dlq")


async def test_what_a_later_version_brings_is_not_in_the_help(shop: MemoryShop) -> None:
    """Its key answers with that reason; the help names what is there."""
    later = [action.help for action in ACTIONS if action.later]
    shop.profiles()
    async with at_console(shop.console("dev"), size=(120, 90)) as user:
        await (
            user.is_at("DestinationsScreen").presses("question_mark").is_at("HelpPopup").sees("dim: there is no shell")
        )
        assert [words for words in later if words in user.screen_text] == []


async def test_the_manual_is_one_key_from_help(shop: MemoryShop) -> None:
    """`M` lists its pages; the page under the cursor stands beside, `tab` goes into it, `esc` back to the screen."""
    shop.profiles()
    async with at_console(shop.console("dev")) as user:
        await user.is_at("DestinationsScreen").on_some_row("orders.DLQ").presses("question_mark").is_at("HelpPopup")
        await user.presses("M").is_at("ManualPopup").sees("Dead letters", "the first ten minutes", "mqtui help start")
        await user.presses("j").sees("A TARGET is a URL", "mqtui help connecting")
        await user.presses("tab", "G").sees("A plan names each right")
        await user.presses("esc").is_at("DestinationsScreen").on_some_row("orders.DLQ")


async def test_the_manual_has_a_word_of_its_own(shop: MemoryShop) -> None:
    shop.profiles()
    async with at_console(shop.console("dev")) as user:
        await user.is_at("DestinationsScreen").on_some_row("orders.DLQ").presses("colon").types("manual")
        await user.presses("enter").is_at("ManualPopup").presses("esc").is_at("DestinationsScreen")
