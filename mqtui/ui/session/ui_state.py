"""What the console remembers from one time to the next: the theme, and which profile was used when."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from time import time
from typing import TYPE_CHECKING

from mqtui.domain.errors import StorageFailed
from mqtui.state import habits
from mqtui.ui import theme

if TYPE_CHECKING:
    from mqtui.ui.app import Console


class SavedUiState:
    """Read at start, written beside the loop at each change; where it can't be written a note says so."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._kept = habits.read()

    @property
    def theme(self) -> str:
        """The theme that was chosen last, where it is still there."""
        return self._kept.theme if self._kept.theme in self._console.themes.known else theme.DEFAULT

    @property
    def last(self) -> str:
        """The profile that was used last; "" where none was."""
        return max(self._kept.used, key=self._kept.used.__getitem__, default="")

    def used(self, profile: str) -> float | None:
        """When a profile was last used, in seconds since the epoch."""
        return self._kept.used.get(profile)

    def wear(self, name: str) -> None:
        """Put a theme on, now and next time."""
        self._console.theme = name
        self._kept.theme = name
        self._keep()

    def use(self, target: str) -> None:
        """A profile is used; a URL is not remembered."""
        if "://" not in target:
            self._kept.used[target] = time()
            self._keep()

    def _keep(self) -> None:
        self._console.run_worker(self._write(deepcopy(self._kept)), group="habits", exit_on_error=False)

    async def _write(self, kept: habits.Kept) -> None:
        try:
            await asyncio.to_thread(habits.write, kept)
        except StorageFailed as error:
            self._console.sessions.notify(error.title, "warn")
