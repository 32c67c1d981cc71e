"""A user of the console as a fluent test driver; key presses are counted::

    async with at_console(console) as user:
        await user.presses("3").sees("orders.DLQ").on_row("orders.DLQ").presses("enter")

Steps are done in order when the chain is awaited; a chain that is never awaited fails the test. Each step waits for
what it names, with a deadline, and never for a fixed time.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, suppress
from math import inf
from time import monotonic
from typing import Self

from textual._context import visible_screen_stack
from textual.message import Message
from textual.pilot import Pilot
from textual.worker import Worker, WorkerState

from mqtui.domain.errors import MqtuiError
from mqtui.ui.app import Console
from mqtui.ui.screens.console_screen import ConsoleScreen
from mqtui.ui.widgets.prompt_line import PromptLine
from mqtui.ui.widgets.row_canvas import GUTTER
from mqtui.ui.widgets.row_model import Notice
from mqtui.ui.widgets.row_table import RowTable

PATIENCE = 10.0
"""Seconds a step waits for what it names."""

LOOK = 0.01
"""Seconds between two checks after the screen was painted."""

REST = 0.1
"""Seconds between two checks without a paint: a check draws the whole screen."""

NAMES = {"esc": "escape"}


class User:
    """Presses keys and reads the screen. `keys` counts the keys pressed so far."""

    def __init__(self, console: Console, pilot: Pilot[None]) -> None:
        self.console = console
        self.pilot = pilot
        self.keys = 0
        self.painted = asyncio.Event()
        self._steps: list[Callable[[], Awaitable[None]]] = []

    def __await__(self) -> Generator[None, None, Self]:
        return self._act().__await__()

    async def _act(self) -> Self:
        steps, self._steps = self._steps, []
        for step in steps:
            await step()
        return self

    def _then(self, step: Callable[[], Awaitable[None]]) -> Self:
        self._steps.append(step)
        return self

    @property
    def has_steps(self) -> bool:
        """Whether steps were named that nobody awaited yet."""
        return bool(self._steps)

    # -- doing

    def presses(self, *keys: str) -> Self:
        """Press keys one after the other; each counts."""

        async def press() -> None:
            for key in keys:
                self.keys += 1
                await self._wait(lambda: getattr(self.console.screen, "painted_at", 0.0) < inf, "sees what is asked")
                await self.pilot.press(NAMES.get(key, key))

        return self._then(press)

    def types(self, text: str) -> Self:
        """Type a text; each of its characters is a key press."""
        return self.presses(*text)

    def moves_to(self, name: str) -> Self:
        """Press `j` until a cell of the row under the cursor is this name."""

        async def walk() -> None:
            for _ in self.table.model.shown:
                if named(self.row, name):
                    return
                self.keys += 1
                await self.pilot.press("j")
            assert named(self.row, name), f"no row {name!r}\n{self.screen_text}"

        return self.until(lambda: any(named(row, name) for row in self.rows), f"has a row {name!r}")._then(walk)

    def resizes(self, width: int, height: int) -> Self:
        """Give the terminal another size."""

        async def resize() -> None:
            await self.pilot.resize_terminal(width, height)

        return self._then(resize)

    def clicks(self, column: int, line: int, times: int = 1) -> Self:
        """Click on a cell of the screen."""

        async def click() -> None:
            await self.pilot.click(offset=(column, line), times=times)

        return self._then(click)

    def then_calls(self, work: Callable[[], object]) -> Self:
        """Call a function, or await it, as a step."""

        async def happen() -> None:
            outcome = work()
            if isinstance(outcome, Awaitable):
                await outcome

        return self._then(happen)

    # -- seeing

    def sees(self, *words: str, within: float = PATIENCE) -> Self:
        """Wait until all these words are on the screen."""

        def seen() -> bool:
            picture = self.screen_text
            return all(word in picture for word in words)

        return self.until(seen, f"sees {', '.join(map(repr, words))}", within)

    def sees_no(self, *words: str, within: float = PATIENCE) -> Self:
        """Wait until none of these words is on the screen."""

        def unseen() -> bool:
            picture = self.screen_text
            return not any(word in picture for word in words)

        return self.until(unseen, f"sees no {words}", within)

    def on_row(self, words: str, within: float = PATIENCE) -> Self:
        """Wait until the row under the cursor has these words."""
        return self.until(lambda: words in self.row, f"is on the row of {words!r}", within)

    def on_some_row(self, words: str, within: float = PATIENCE) -> Self:
        """Wait until some row of the list has these words."""
        return self.until(
            lambda: any(words in row for row in self.rows),
            f"has a row of {words!r}",
            within,
        )

    def reads_in_prompt(self, words: str, within: float = PATIENCE) -> Self:
        """Wait until the prompt line shows these words."""
        return self.until(lambda: words in self.prompt_text, f"reads {words!r} in the line", within)

    def is_at(self, screen: str, within: float = PATIENCE) -> Self:
        """Wait until a screen of this class is shown and painted."""
        return self.until(
            lambda: type(self.console.screen).__name__ == screen and bool(self.screen_text.strip()),
            f"is at {screen}",
            within,
        )

    def until(self, holds: Callable[[], bool], what: str, within: float = PATIENCE) -> Self:
        """Wait until a condition holds."""
        return self._then(lambda: self._wait(holds, what, within))

    async def _wait(self, holds: Callable[[], bool], what: str, within: float = PATIENCE) -> None:
        deadline = monotonic() + within
        while not holds():
            here = type(self.console.screen).__name__
            assert monotonic() < deadline, f"after {within:.0f} s nobody {what}, at {here}:\n{self.screen_text}"
            await self.waits_for_paint()

    async def waits_for_paint(self) -> None:
        """Wait until something is painted, or for `REST` seconds."""
        self.painted.clear()
        await asyncio.sleep(LOOK)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.painted.wait(), REST)

    # -- what is there

    @property
    def screen(self) -> ConsoleScreen:
        """The screen that is shown."""
        screen = self.console.screen
        assert isinstance(screen, ConsoleScreen), f"{type(screen).__name__} is no ConsoleScreen"
        return screen

    @property
    def table(self) -> RowTable[object]:
        """The list with the focus, else the first."""
        table = self.screen.focused_table
        assert table is not None, f"no list at {type(self.screen).__name__}"
        return table

    @property
    def row(self) -> str:
        """The row under the cursor as it is drawn; "" where there is none."""
        if not isinstance(self.console.screen, ConsoleScreen) or self.screen.focused_table is None:
            return ""
        return self.row_at(self.table.cursor)

    @property
    def rows(self) -> list[str]:
        """All rows of the list as they are drawn, without notices; none where there is no list yet."""
        if not isinstance(self.console.screen, ConsoleScreen) or self.screen.focused_table is None:
            return []
        return [self.row_at(line) for line, item in enumerate(self.table.model.shown) if not isinstance(item, Notice)]

    def row_at(self, line: int) -> str:
        """A row of the list as it is drawn, also where it is scrolled away."""
        table = self.table
        if not 0 <= line < len(table.model.shown) or not table.size.width:
            return ""
        return table.render_line(line - table.scroll_offset.y).text

    @property
    def prompt_text(self) -> str:
        """The text of the prompt line."""
        found = self.console.screen.query(PromptLine)
        region = found.first().region if found else None
        return self.screen_text.splitlines()[region.y] if region is not None and region.height else ""

    @property
    def screen_text(self) -> str:
        """The whole screen as text."""
        screen = self.console.screen
        visible_screen_stack.set(self.console._background_screens)
        drawn = screen._compositor._render_chops(screen.size.region, lambda line: True)
        return "\n".join("".join(strip.text for strip in line.values() if strip) for line in drawn)


def named(row: str, name: str) -> bool:
    """Whether a cell of a row is this name; cells are two blanks apart."""
    return name in re.split(r"\s{2,}", row[GUTTER:].strip())


@asynccontextmanager
async def at_console(console: Console, size: tuple[int, int] = (120, 34)) -> AsyncIterator[User]:
    """Run a console with a user. An error of a worker that no screen reports fails the test."""
    faults: list[BaseException] = []

    def hear(message: Message) -> None:
        if isinstance(message, Worker.StateChanged) and message.state is WorkerState.ERROR:
            error = message.worker.error
            if error is not None and not isinstance(error, MqtuiError):
                faults.append(error)

    async with console.run_test(size=size, message_hook=hear) as pilot:
        user = User(console, pilot)
        console.post_display_hook = user.painted.set  # type: ignore[method-assign]  # made for this
        yield user
        assert not user.has_steps, "a chain of steps was never awaited"
    for fault in faults:
        raise fault
