"""The shop in memory at a terminal, for `bursts.run`: what every key did is written to the file named first."""

from __future__ import annotations

import json
import sys
from inspect import getfile
from pathlib import Path
from time import monotonic

from textual.widgets import Input, TextArea

from mqtui.ui.app import Console
from mqtui.ui.key_queue import KeyQueue, Typed
from tests.ui.memory_shop import MemoryShop


class LoggedConsole(Console):
    """A console that notes each action that is asked for, and where the focus is once all keys are answered."""

    CSS_PATH = str(Path(getfile(Console)).with_name("styles") / "console.tcss")

    def note_into(self, file: Path) -> None:
        """Write the notes to a file, a JSON object on each line."""
        self.notes = file.open("a", buffering=1, encoding="utf-8")
        self.taken = 0
        self.key_queue = LoggedKeyQueue(self, self.key_queue._forward)

    def note(self, **what: object) -> None:
        self.notes.write(json.dumps(what | {"at": round(monotonic(), 3)}) + "\n")

    async def action_do(self, action_id: str) -> None:
        self.note(action=action_id, screen=type(self.screen).__name__)
        await super().action_do(action_id)

    def note_rest(self) -> None:
        """All keys are answered."""
        focus = self.focused
        text = focus.value if isinstance(focus, Input) else focus.text if isinstance(focus, TextArea) else None
        self.note(keys=self.taken, screen=type(self.screen).__name__, text=text)


class LoggedKeyQueue(KeyQueue):
    """Counts the keys, and notes when all are answered."""

    async def take(self, event: Typed) -> None:
        assert isinstance(self._console, LoggedConsole)
        self._console.taken += 1
        await super().take(event)

    async def _next(self) -> None:
        await super()._next()
        if self._under_way is None and not self._waiting:
            assert isinstance(self._console, LoggedConsole)
            self._console.note_rest()


def main() -> None:
    """Show the shop's destinations until the terminal is gone."""
    shop = MemoryShop()
    shop.profiles()
    console = LoggedConsole(("dev", ""), adapters=shop.world.connect)
    console.note_into(Path(sys.argv[1]))
    console.run()
    if console.ended_by is not None:
        raise console.ended_by


if __name__ == "__main__":
    main()
