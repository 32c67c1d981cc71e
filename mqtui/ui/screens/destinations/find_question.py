"""The question for a text that is to be found everywhere."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mqtui.domain.errors import BadInput

if TYPE_CHECKING:
    from mqtui.ui.console_api import ScreenApi


async def ask_find(screen: ScreenApi, text: str = "") -> None:
    """Ask for a text, and show where it is; a mistake is said beside the question."""
    from mqtui.services.find.request import HINT, parse_request

    def accepts(entered: str) -> bool:
        try:
            parse_request(entered, datetime.now().astimezone())
        except BadInput as error:
            screen.prompt_line.set_hint(" ".join(filter(None, (error.title, error.hint))), "warn")
            return False
        return True

    entered = await screen.prompt_line.ask("find", value=text, beside=HINT, accepts=accepts)
    if entered is not None:
        await screen.console.go.find(entered)
