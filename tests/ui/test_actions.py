"""The registry of actions: no clash, small letters look, CAPITALS change, and a user's own keys."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest

import mqtui.ui
from mqtui.ui import actions, keymap
from mqtui.ui.actions import ACTIONS, BY_ID, Danger
from mqtui.ui.navigation import global_actions
from mqtui.ui.navigation.screen_classes import SCREENS, screen_class
from mqtui.ui.render.destinations.destinations import DestinationRenderer
from mqtui.ui.screens.console_screen import ConsoleScreen, handles
from mqtui.ui.screens.destination_tab import DestinationTab
from mqtui.ui.screens.destinations.read_tab import ReadTab
from mqtui.ui.screens.list_screen import ListScreen
from mqtui.ui.screens.live_list_screen import LiveListScreen
from mqtui.ui.screens.messages.message_list_screen import MessageListScreen
from mqtui.ui.screens.redrive.plan_screen import PlanScreen
from mqtui.ui.widgets.row_table import RowTable
from tests.ui.driver import at_console
from tests.ui.memory_shop import MemoryShop

BASES = (DestinationTab, ListScreen, LiveListScreen, MessageListScreen, PlanScreen, ReadTab)
"""Classes that screens have in common."""

MOVES = {"J", "K", "G", "N"}
"""CAPITALS that only move."""

UNUSED = {"ctrl+h", "ctrl+i", "ctrl+j", "ctrl+m", "ctrl+[", "ctrl+s", "ctrl+a", "ctrl+b"}
"""Bytes of backspace, tab, newline, enter and esc; flow control; tmux and screen."""

SOURCES = sorted(Path(mqtui.ui.__file__).parent.rglob("*.py"))


def test_ids_are_one_each() -> None:
    assert len(BY_ID) == len(ACTIONS)


def test_no_two_actions_want_one_key() -> None:
    assert actions.find_clashes({action.id: action.keys for action in ACTIONS}) == []


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_small_letters_look_and_capitals_change(action: actions.Action) -> None:
    letters = [key for key in action.keys if len(key) == 1 and key.isalpha() and key not in MOVES]
    for key in letters:
        assert key.isupper() == action.changes, f"{key} is the key of {action.id}"


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_an_action_says_what_it_does_and_where(action: actions.Action) -> None:
    assert action.title and action.help and action.where and action.keys
    assert len(action.title) <= 18, "a hint has little room"
    for key in action.keys:
        assert "alt" not in key and key not in UNUSED, key


def test_every_change_has_a_plan_or_a_name_to_type() -> None:
    assert {action.danger for action in ACTIONS if action.changes} == {Danger.PLAN, Danger.TYPE}


def test_a_clash_in_the_registry_names_both() -> None:
    found = actions.find_clashes({"one.thing": ("x",), "other.thing": ("y", "x")})
    assert found == [("x", "one.thing", "other.thing")]


def test_a_place_that_does_no_action_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing\\.at_all"):

        class Nowhere(ConsoleScreen):
            @handles("nothing.at_all")
            def nothing(self) -> None:
                """Nothing."""


def doing() -> list[tuple[str, str]]:
    """Every `@handles("...")` in the sources: (module, id)."""
    found = []
    for file in SOURCES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "handles":
                found += [(file.stem, arg.value) for arg in node.args if isinstance(arg, ast.Constant)]
    return [(module, str(name)) for module, name in found]


def test_what_places_do_is_in_the_registry() -> None:
    named = doing()
    assert len(named) > 40
    assert [(module, name) for module, name in named if name not in BY_ID] == []


def screens() -> list[type[ConsoleScreen]]:
    """Every screen there is."""
    for module in pkgutil.walk_packages(mqtui.ui.__path__, "mqtui.ui."):
        importlib.import_module(module.name)
    found: list[type[ConsoleScreen]] = []
    waiting: list[type[ConsoleScreen]] = [ConsoleScreen]
    while waiting:
        below = waiting.pop().__subclasses__()
        waiting += below
        found += [screen for screen in below if screen.__module__.startswith("mqtui.ui.")]
    return list(dict.fromkeys(found))


def test_hints_are_in_the_registry_and_looks_stand_first() -> None:
    shown = {screen.__name__: screen.hint_actions for screen in screens()}
    assert len(shown) > 10
    for name, hinted in shown.items():
        assert [each for each in hinted if each not in BY_ID] == [], name


async def test_hints_are_what_a_place_can_do(shop: MemoryShop) -> None:
    """A hint has a method of the screen, of its list or of every place, and is there in this version."""
    everywhere = shop.console().global_action_ids or global_actions.global_actions(shop.console())
    of_lists = RowTable(DestinationRenderer())._doers()
    for screen in shown_screens():
        own = set(screen._doers) - screen.lacks
        missing = [each for each in screen.hint_actions if each not in {*own, *everywhere, *of_lists}]
        assert (screen.__name__, missing) == (screen.__name__, [])
        assert [each for each in screen.hint_actions if BY_ID[each].later] == [], screen.__name__


def test_each_screen_has_a_name_of_its_own() -> None:
    """The help says it, so no two are the same and none is the name of a class."""
    names = [vars(screen).get("screen_name", "") for screen in shown_screens()]
    assert "" not in names and len(set(names)) == len(names)


def test_the_navigator_knows_every_screen() -> None:
    assert {screen_class(name) for name in SCREENS} == set(shown_screens())


def shown_screens() -> list[type[ConsoleScreen]]:
    """Every screen there is, without the classes that screens have in common."""
    return [screen for screen in screens() if screen not in BASES]


# -- keys of one's own


def own(folders: Path, text: str) -> Path:
    file = folders / "config" / "keymap.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_without_a_file_the_registry_counts(folders: Path) -> None:
    known = keymap.load(folders / "config" / "keymap.toml")
    assert known.keys == {action.id: action.keys for action in ACTIONS} and not known.notes


def test_keys_of_ones_own(folders: Path) -> None:
    known = keymap.load(own(folders, '"message.publish" = "W"\n"list.filter" = ["slash", "f5"]\n'))
    assert known.keys["message.publish"] == ("W",)
    assert known.keys["list.filter"] == ("slash", "f5")
    assert known.keys["nav.open"] == ("enter",)


MISTAKES = {
    '"message.send" = "P"': ("there is no action message.send",),
    '"message.publish" = 7': ("message.publish needs a key",),
    '"message.publish" = []': ("message.publish needs a key",),
    '"message.publish" = "R"': ("message.publish", "letters.redrive"),
    '"message.publish" = ': ("keymap.toml",),
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_keymap_with_a_mistake_is_named_and_left_out(folders: Path, text: str) -> None:
    """A clash names both ids; the registry's keys count."""
    file = own(folders, text)
    known = keymap.load(file)
    assert known.keys == keymap.default().keys
    (note,) = known.notes
    assert str(file) in note
    for words in MISTAKES[text]:
        assert words in note


async def test_the_console_opens_with_a_wrong_keymap(folders: Path, shop: MemoryShop) -> None:
    """The note is kept, and the registry's keys do what they always do."""
    own(folders, '"message.publish" = "R"')
    shop.profiles()
    console = shop.console()
    async with at_console(console) as user:
        await user.is_at("HomeScreen")
        assert any("letters.redrive" in note.text for note in console.sessions.notifications)
        await user.presses("+").is_at("ProfileFormScreen")


async def test_a_key_of_ones_own_is_shown_and_works(folders: Path, shop: MemoryShop) -> None:
    own(folders, '"thing.create" = "f5"')
    shop.profiles()
    async with at_console(shop.console()) as user:
        await user.sees("f5 new").presses("f5").is_at("ProfileFormScreen")


# -- a dim key answers


async def test_a_dim_key_says_why(shop: MemoryShop) -> None:
    """Moving comes later, redrive needs letters; both say so, and nothing opens."""
    shop.profiles()
    async with at_console(shop.console("dev")) as user:
        await user.is_at("DestinationsScreen").on_row("orders.DLQ")
        await user.presses("M").reads_in_prompt("not in this version")
        await user.presses("/").types("work.refunds").presses("enter").on_row("work.refunds")
        await user.presses("R").reads_in_prompt("no dead letters").is_at("DestinationsScreen")


async def test_a_read_only_profile_says_so(shop: MemoryShop) -> None:
    """The CAPITAL is dim, and its answer names who can give the right."""
    shop.profiles()
    async with at_console(shop.console("prod-cache")) as user:
        await user.is_at("DestinationsScreen").presses("3").is_at("DeadLetterOverviewScreen").on_row("payments:dlq")
        await user.presses("R").reads_in_prompt("read-only").is_at("DeadLetterOverviewScreen")
