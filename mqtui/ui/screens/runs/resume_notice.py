"""The notice at start-up that a run was interrupted, and how to resume it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mqtui.domain.errors import MqtuiError
from mqtui.ui.screens.runs.journal import resume_notice

if TYPE_CHECKING:
    from mqtui.ui.console_api import ConsoleApi


async def show_resume_notice(console: ConsoleApi) -> None:
    """Read the journal and show the notice: on home in the prompt line, elsewhere as a toast."""
    try:
        text = await asyncio.to_thread(resume_notice)
    except MqtuiError as error:
        if console.current_screen is not None:
            console.current_screen.show_error(error)
        return
    if not text or not console.is_running:
        return
    screen = console.current_screen
    if screen is not None and not console.target:
        await screen.wait_until_loaded()
        console.sessions.notify(text, "danger")
        screen.call_after_refresh(lambda: screen.prompt_line.set_status(text, "danger") if screen.is_ready else None)
    else:
        console.toasts.show(text, "danger")
