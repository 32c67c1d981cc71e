"""Pressing every key that must change nothing (C7): small letters, and capitals followed by esc, on each screen.

A screen is reached by keys from home. The broker's content is read by its own client library before and after. One key
in three is pressed at each screen, drawn anew in each run; `MQTUI_WALK=whole bash tests/run tests/ui -k small_letter`
presses every one.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf
from random import Random
from secrets import randbelow
from string import ascii_lowercase, ascii_uppercase
from time import monotonic
from typing import Any
from unicodedata import lookup
from uuid import uuid4

from textual.events import Key
from textual.keys import _get_unicode_name_from_key
from textual.pilot import WaitForScreenTimeout
from textual.screen import Screen

from mqtui.domain.resource import BrokerKind
from mqtui.ui.actions import ACTIONS
from mqtui.ui.screens.console_screen import ConsoleScreen
from mqtui.ui.screens.list_screen import ListScreen
from mqtui.ui.screens.messages.peek import PeekScreen
from mqtui.ui.screens.overlays.popup import Popup
from mqtui.ui.widgets.message_list import MessageList
from tests.cli.broker_fixtures import BrokerFixture, broker_fixture_of
from tests.ui.driver import User, named

PathToScreen = Callable[[User], Awaitable[object]]
Keys = tuple[str, ...]

LEAVES = ("app.quit", "app.suspend")
"""Looks that are no screen's: they end or leave the console."""

STEPS = 5
"""Presses of esc that lead back from anything a key opens."""

ROUNDS = 3
"""A key is heard by the console, then by what has the focus, then by the screen; what that asks for comes after."""

ONE_IN = 3

REMOVED = 5.0
"""Seconds after which a widget that has not answered is taken for one that was removed."""

BACK: dict[str, Keys] = {
    "escape": ("escape", "minus"),
    "backspace": ("backspace", "minus"),
    "minus": ("minus", "minus"),
    "v": ("v", "j", "v"),
    "ctrl+f": ("ctrl+f", "z", "escape"),
    "slash": ("slash", "z", "enter", "escape"),
}
"""Keys that are pressed together with what leads back, or with what ends them."""

COPIES: tuple[Keys, ...] = tuple(("y", part) for part in "ykhprc")


@dataclass(slots=True)
class ScreenCase:
    """A screen, the way there from home, and the keys that are no looks there: answers to a price or a review."""

    screen: str
    way: PathToScreen
    answers: Keys = ()
    over: str = ""
    """The key that opens it over the screen the way leads to."""

    below: Screen[Any] | None = None


def to_the_list(user: User) -> None:
    """The focus as a screen that is new has it: a view that was left keeps its own."""
    screen = user.console.screen
    if isinstance(screen, ListScreen) and screen.is_ready and not screen.prompt_line.is_asking:
        screen.table.focus()


def short_prefix() -> str:
    """What all names of a walk begin with: short enough to be read in full in a list."""
    return f"w{uuid4().hex[:4]}"


@contextmanager
def briefly_named(kind: BrokerKind, url: str) -> Iterator[BrokerFixture]:
    """A ground whose names are short enough to be read in full in a list."""
    made = broker_fixture_of(kind, url)
    made.world.prefix = short_prefix()
    yield made
    made.world.close()


def plans_and_records(dlq: str, origin: str) -> list[ScreenCase]:
    """The screens that are the same on every broker: plans that are only read, runs, the audit, the form."""
    dead, runs = by_keys("enter", "3", sees=dlq), by_keys("enter", "5", sees=dlq)
    publish = by_keys("enter", "P", onto=origin, sees="Fernet")
    return [
        ScreenCase("PlanReviewScreen", after(dead, "R", sees="Start with 1"), answers=("enter",)),
        ScreenCase("PlanReviewScreen", after(dead, "D", sees="Discard all"), answers=("enter",)),
        ScreenCase("ConfirmPlanScreen", after(publish, "ctrl+r", sees="publish 1"), answers=("enter",)),
        ScreenCase("PublishScreen", publish),  # what is typed there is kept: the next plan would be of that
        ScreenCase("RunsScreen", runs),
        ScreenCase("RunLettersScreen", after(runs, "d")),
        ScreenCase("PutBackScreen", after(runs, "U", sees="Put back"), answers=("enter",)),
        ScreenCase("AuditScreen", by_keys("enter", "6", sees="redrive")),
        ScreenCase("ProfileFormScreen", by_keys("E")),
    ]


def by_keys(*keys: str, onto: str = "", sees: str = "") -> PathToScreen:
    """A way by keys; the cursor goes `onto` a row before the last of them, and at its end one `sees` a word."""

    async def walk(user: User) -> None:
        for key in keys[: -1 if onto else len(keys)]:
            to_the_list(user)
            await hit(user, key)
        to_the_list(user)
        if onto:
            await user.until(lambda: any(named(row, onto) for row in user.rows), f"has a row {onto!r}")
            await hit(user, "g")
            while not named(user.row, onto):
                before = user.row
                await hit(user, "j")
                assert user.row != before, f"no row {onto!r} below\n{user.screen_text}"
            await hit(user, keys[-1])
        await user.sees(sees)

    return walk


def after(first: PathToScreen, *keys: str, sees: str = "") -> PathToScreen:
    """A way that goes on by keys."""

    async def walk(user: User) -> None:
        await first(user)
        await by_keys(*keys, sees=sees)(user)

    return walk


def looks() -> Iterator[Keys]:
    """Every key that changes nothing, in the registry's order, and every small letter it has no use for."""
    known = [key for action in ACTIONS if not action.changes and action.id not in LEAVES for key in action.keys]
    for key in [*known, *(letter for letter in ascii_lowercase if letter not in (*known, "q"))]:
        yield BACK.get(key, (key,))
    yield from COPIES


def capitals() -> Iterator[Keys]:
    """Every key that changes something, and every CAPITAL nobody has a use for."""
    changes = [key for action in ACTIONS if action.changes for key in action.keys]
    yield from ((key,) for key in dict.fromkeys([*changes, *ascii_uppercase]))


def drawn(sequences: Iterable[Keys], draw: Random) -> list[Keys]:
    """One in `ONE_IN` of them, in their order; all where the whole walk is asked for."""
    return [keys for keys in sequences if os.environ.get("MQTUI_WALK") == "whole" or draw.randrange(ONE_IN) == 0]


async def walk(user: User, spots: Iterable[ScreenCase], held: Callable[[], object]) -> list[str]:
    """Press them at each screen; the presses, by screen, after which the broker held something else."""
    seed = randbelow(10**6)
    print(f"seed {seed}")
    draw = Random(seed)
    harmed: list[str] = []
    for spot in spots:
        await reach(user, spot)
        before = held()
        for sort, sequences in (("looks", looks()), ("CAPITALS", capitals())):
            for keys in drawn(sequences, draw):
                if not set(keys) & set(spot.answers):
                    await press(user, spot, keys)
            now = held()
            if now != before:
                harmed.append(f"{sort} at {spot.screen}:\n{before}\n{now}")
                before = now
    return harmed


async def reach(user: User, spot: ScreenCase) -> None:
    """Go there from home, and wait until it stands and has read."""
    await user.console.home()
    await user.is_at("HomeScreen")
    await user.until(lambda: bool(user.row), "is on a row")
    await spot.way(user)
    if spot.over:
        spot.below = user.console.screen
        await hit(user, spot.over)
    await user.is_at(spot.screen)
    await settled(user)


async def press(user: User, spot: ScreenCase, keys: Keys) -> None:
    """Press keys at a screen, and come back to it, or to what is below a popup."""
    if here(user) != spot.screen:
        await (hit(user, spot.over) if user.console.screen is spot.below else reach(user, spot))
    there = user.console.screen
    for key in keys:
        await hit(user, key)
    for _ in range(STEPS):
        if user.console.screen in (there, spot.below) and not asks(user):
            break
        await hit(user, "escape")
    assert user.console.is_running, f"{keys} at {spot.screen} ended the console"


async def hit(user: User, key: str) -> None:
    """Press a key and wait for what it does. A pilot waits for the processor too, which takes ten times as long."""
    driver = user.console._driver
    assert driver is not None
    character: str | None
    try:
        character = lookup(_get_unicode_name_from_key(key))
    except KeyError:
        character = key if len(key) == 1 else None
    await user.until(lambda: getattr(user.console.screen, "painted_at", 0.0) < inf, "sees what is asked")
    await user.until(lambda: sees_row(user), "sees the row under the cursor")
    event = Key(key, character)
    event.set_sender(user.console)
    driver.send_message(event)
    await settled(user)


async def settled(user: User) -> None:
    """Wait until the console has done what it was asked to: what it follows or asks goes on.

    A widget that is removed while it is waited for never answers: that round ends by its time.
    """
    for _ in range(ROUNDS):
        with suppress(WaitForScreenTimeout):
            await user.pilot._wait_for_screen(REMOVED)
    await user.until(lambda: asks(user) or follows(user) or not busy(user), "is done")


def sees_row(user: User) -> bool:
    """Whether the row under the cursor is painted: keys for a row do nothing before."""
    screen = user.console.screen
    table = screen.focused_table if isinstance(screen, ListScreen) and screen.is_ready else None
    return table is None or table.is_row_seen(monotonic())


def busy(user: User) -> bool:
    """Whether something the screen that is shown has begun is not done."""
    screen = user.console.screen
    return any(not worker.is_finished for worker in user.console.workers if worker.node is screen)


def asks(user: User) -> bool:
    """Whether the line asks something, or a price is asked while what was read before is still shown."""
    screen = user.console.screen
    if isinstance(screen, PeekScreen) and screen.offer is not None and screen.table.model.items:
        return True
    return isinstance(screen, ConsoleScreen) and screen.is_ready and screen.prompt_line.is_asking


def follows(user: User) -> bool:
    """Whether the screen that is shown follows an end."""
    return any(table.following for table in user.console.screen.query(MessageList))


def here(user: User) -> str:
    """The class of the screen that is shown, or of the popup over it."""
    screen = user.console.screen
    assert isinstance(screen, ConsoleScreen | Popup)
    return type(screen).__name__
