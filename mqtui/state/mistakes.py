"""Mistakes of mqtui's own: the trace goes to a file, a sentence to the user."""

from __future__ import annotations

import traceback

from mqtui.domain.errors import MqtuiError
from mqtui.state.paths import state_dir


def own_mistake(error: BaseException) -> MqtuiError:
    """What a user is told of an exception nobody expected; its trace is in `last-mistake.txt` of the state folder."""
    file = state_dir() / "last-mistake.txt"
    file.write_text("".join(traceback.format_exception(error)), encoding="utf-8", errors="replace")
    return MqtuiError("mqtui made a mistake", f"{type(error).__name__}; the trace is in {file}", "Please report it.")
