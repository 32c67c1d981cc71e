"""What the console remembers between two starts: the theme, and when each profile was used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from copy import deepcopy
from time import time
from typing import Any

from textual.app import App

from mqtui.domain.errors import StorageFailed
from mqtui.state import ui_state
from mqtui.ui import theme


class SavedUiState:
    """Read at start, written in a thread at each change; a notification says where that fails."""

    def __init__(self, app: App[Any], themes: Mapping[str, theme.Theme], notify: Callable[[str, str], None]) -> None:
        """Read it. `themes` are the known themes by name; `notify` takes a text and its tone."""
        self._app = app
        self._themes = themes
        self._notify = notify
        self._kept = ui_state.load()

    @property
    def theme(self) -> str:
        """The theme that was chosen last, where it still exists."""
        return self._kept.theme if self._kept.theme in self._themes else theme.DEFAULT

    @property
    def current_theme(self) -> str:
        """The theme that is shown now."""
        return self._app.theme

    @property
    def last(self) -> str:
        """The profile that was used last; "" where none was."""
        return max(self._kept.used, key=self._kept.used.__getitem__, default="")

    def used(self, profile: str) -> float | None:
        """When a profile was last used, in seconds since the epoch."""
        return self._kept.used.get(profile)

    def wear(self, name: str) -> None:
        """Show a theme, now and at the next start."""
        self._app.theme = name
        self._kept.theme = name
        self._keep()

    def use(self, target: str) -> None:
        """Remember that a profile is used; URLs are not remembered."""
        if "://" not in target:
            self._kept.used[target] = time()
            self._keep()

    def _keep(self) -> None:
        self._app.run_worker(self._write(deepcopy(self._kept)), group="ui state", exit_on_error=False)

    async def _write(self, kept: ui_state.UiState) -> None:
        try:
            await asyncio.to_thread(ui_state.save, kept)
        except StorageFailed as error:
            self._notify(error.title, "warn")
