"""Row, prompt line and the pane beside speak of the same thing, at every paint; keys are for what is shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mqtui.ui.screens.dead_letters.causes import CausesScreen
from mqtui.ui.screens.destinations.groups import GroupsScreen
from mqtui.ui.screens.destinations.pending import PendingScreen
from mqtui.ui.widgets.message_list import MessageList
from tests.ui.driver import User, at_console
from tests.ui.memory_shop import MemoryShop

NARROW = (80, 24)


def told_of_cause(user: User) -> set[str]:
    screen = user.screen
    assert isinstance(screen, CausesScreen) and screen.table.current is not None
    count = f"{screen.table.current.cause.count:,}"
    return {count, screen.side_pane.head.name_shown.rpartition(" ")[2], said(user).removeprefix("all ").split(":")[0]}


def told_of_group(user: User) -> set[str]:
    screen = user.screen
    assert isinstance(screen, GroupsScreen) and screen.table.current is not None
    name = screen.table.current.group.ref.name
    return {name.rpartition("/")[2], screen.side_pane.head.name_shown.split(" on ")[0], last_word(said(user))}


def told_of_consumer(user: User) -> set[str]:
    screen = user.screen
    assert isinstance(screen, PendingScreen) and screen.consumers.current is not None
    owners = {each.entry.consumer for each in screen.table.model.rows} or {screen.consumer}
    titled = screen.side_pane.head.name_shown.removeprefix("Pending of ")
    return {screen.consumers.current.name, titled, said(user).split(":")[0], *owners}


def said(user: User) -> str:
    return user.screen.prompt_line.status[0]


def last_word(sentence: str) -> str:
    """The name that a sentence about a group begins with, without its stream."""
    return sentence.split(":")[0].split()[0].rpartition("/")[2]


@pytest.mark.parametrize(
    ("way", "words", "told"),
    [
        (("3", "enter"), "SchemaMismatch", told_of_cause),
        (("2",), "shipping", told_of_group),
        (("2", "settle", "enter"), "worker-7", told_of_consumer),
    ],
    ids=["causes", "groups", "pending"],
)
async def test_row_pane_and_prompt_line_speak_of_one_thing(
    dev: MemoryShop, way: tuple[str, ...], words: str, told: Callable[[User], set[str]]
) -> None:
    """In the step in which the cursor moves: what is painted next is never half of another row."""
    async with at_console(dev.console("shop")) as user:
        await user.on_row("orders.DLQ").sees("† 54")
        for step in way:
            await (user.moves_to(step) if len(step) > 5 else user.presses(step))
        await user.on_some_row(words).until(lambda: len(told(user)) == 1, "is told of one thing")
        seen = set()
        for _ in range(3):
            for line in range(len(user.table.model.shown)):
                user.table.move_to(line)
                seen |= (one := told(user))
                assert len(one) == 1
            await user.pilot.pause()
            assert len(told(user)) == 1
        assert len(seen) >= 3


async def test_the_prompt_line_follows_the_focus(dev: MemoryShop) -> None:
    """With the focus on partitions or entries it tells of those, and of the group or consumer after esc or tab."""
    async with at_console(dev.console("shop")) as user:
        await user.on_row("orders.DLQ").sees("† 54").presses("2").moves_to("shipping").presses("enter")
        await user.reads_in_prompt(": committed ").presses("tab").reads_in_prompt("shipping: 58 behind")
        await user.presses("g").moves_to("work.invoices").presses("enter").reads_in_prompt("work.invoices: 12 behind")
        assert "?" not in user.row
        await user.presses("tab", "g").moves_to("settle").presses("enter").is_at("PendingScreen").on_row("worker-7")
        await user.reads_in_prompt("worker-7: 42 pending").sees("Pending of worker-7", "42, all read").presses("enter")
        await user.reads_in_prompt("delivered 1 time to worker-7")


async def test_what_opens_beside_takes_the_list_s_place_at_80_columns(dev: MemoryShop) -> None:
    """Never is the focus where nothing is seen; esc and `d` lead back to the list."""
    async with at_console(dev.console("shop"), NARROW) as user:
        await user.on_row("orders.DLQ").sees("† 54").presses("2").moves_to("shipping").presses("enter")
        await user.sees("COMMITTED").reads_in_prompt(": committed ").presses("esc").sees_no("COMMITTED")
        await user.is_at("GroupsScreen").presses("g").moves_to("settle").presses("enter").is_at("PendingScreen")
        await (
            user.on_row("worker-7")
            .presses("enter")
            .sees("PAYLOAD", "Pending of worker-7")
            .presses("d")
            .sees("INACTIVE")
        )
        await user.presses("esc").is_at("GroupsScreen")


async def test_keys_of_a_detail_that_is_not_shown_are_no_hints(dev: MemoryShop) -> None:
    """At 80 columns a sample, or a message in full, takes the list's place after `d`; its keys come with it."""
    async with at_console(dev.console("shop"), NARROW) as user:
        await user.on_row("orders.DLQ").sees("† 54").presses("3").on_row("orders.DLQ").presses("enter")
        await user.on_row("SchemaMismatch").sees("d sample").sees_no("J next item", "w wrap")
        await user.presses("J").reads_in_prompt("no sample is shown: d shows it")
        await user.presses("d").sees("Sample, 1 of 19", "J next item", "d causes").presses("J").sees("Sample, 2 of 19")
        await user.presses("d").on_row("SchemaMismatch").presses("full_stop").is_at("DeadLetterListScreen")
        await user.until(lambda: user.table.current is not None, "has a letter").sees_no("i decode as")
        await user.presses("i").reads_in_prompt("the message is not shown in full: d shows it")
        await user.presses("d").sees("▸value").presses("i").reads_in_prompt("value as")


async def test_messages_are_not_pinned(dev: MemoryShop) -> None:
    """They stand in the broker's order: the key says so, and is in neither hints nor help. Groups beside are pinned."""
    async with at_console(dev.console("shop"), (160, 50)) as user:
        await user.on_row("orders.DLQ").sees("† 54").moves_to("orders").presses("enter").is_at("MessagesScreen")
        await user.until(lambda: isinstance(user.table, MessageList) and user.table.cursor >= 0, "is on a message")
        await user.presses("b").reads_in_prompt("messages stand in the order they lie in")
        await user.presses("?").sees("keys of Messages").sees_no("keep this row at the top").presses("esc")
        await user.then_calls(user.screen.query_one("#readers").focus).presses("b").reads_in_prompt("pinned: it stays")
        await user.sees("pinned above")
