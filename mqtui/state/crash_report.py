"""Internal errors: the stack trace is written to a file, and the user gets an error that names it."""

from __future__ import annotations

import logging
import os
import traceback

from mqtui.domain.errors import MqtuiError, StorageFailed
from mqtui.state.fsync import open_private
from mqtui.state.log import log_file
from mqtui.state.paths import state_dir


def report_crash(error: BaseException) -> MqtuiError:
    """The error to show for an unexpected exception. Writes its trace to `last-crash.txt` in the state folder."""
    title, hint = "Internal error in mqtui", "Please report it."
    if (log := log_file()) is not None:
        logging.getLogger("mqtui").error("internal error: %s", type(error).__name__)
        hint = f"Please report it; the log is {log}."
    try:
        file = state_dir() / "last-crash.txt"
        with os.fdopen(open_private(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as kept:
            text = "".join(traceback.format_exception(error)) + (f"The log: {log}\n" if log is not None else "")
            kept.write(text.encode("utf-8", "replace"))
    except (OSError, StorageFailed) as trouble:
        return MqtuiError(title, f"{type(error).__name__}; its trace could not be kept: {trouble}", hint)
    return MqtuiError(title, f"{type(error).__name__}; the trace is in {file}", hint)
