"""The question what to search for at a broker."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mqtui.domain.errors import BadInput
from mqtui.domain.resource import Ref

if TYPE_CHECKING:
    from mqtui.ui.console_api import ScreenApi
    from mqtui.ui.session.sessions import BrokerSession


async def ask_search(screen: ScreenApi, broker_session: BrokerSession, refs: Sequence[Ref], text: str = "") -> None:
    """Ask what to search for in some destinations, and show the hits; a mistake is said beside the question."""
    from mqtui.services.search.query_text import HINT, parse_query

    def accepts(entered: str) -> bool:
        try:
            parse_query(entered, datetime.now().astimezone())
        except BadInput as error:
            screen.prompt_line.set_hint(" ".join(filter(None, (error.title, error.hint))), "warn")
            return False
        return True

    entered = await screen.prompt_line.ask("search", value=text, beside=HINT, accepts=accepts)
    if entered is not None:
        await screen.console.go.search(broker_session, refs, entered)
