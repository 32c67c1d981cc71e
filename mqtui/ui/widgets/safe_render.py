"""Drawing one line safely: an error replaces that line only, and is written to the crash report."""

from __future__ import annotations

from collections.abc import Callable

from rich.style import Style
from textual.strip import Strip

from mqtui.domain.errors import MqtuiError
from mqtui.state.crash_report import report_crash
from mqtui.ui.widgets.theme_styles import segment

_reported: set[tuple[type[Exception], str]] = set()
"""Errors reported already, by type and source line: a line is drawn many times."""


def render_or_report(draw: Callable[[], Strip], width: int, style: Style) -> Strip:
    """The line that `draw` makes, or a line about its error; adjusted to `width`."""
    try:
        return draw().adjust_cell_length(width, style)
    except Exception as error:  # noqa: BLE001 - a mistake in drawing one line must not end the console
        _report(error)
        message = f"    this line can't be drawn: {type(error).__name__}; the trace is in last-crash.txt"
        return Strip([segment(message, style)]).adjust_cell_length(width, style)


def _report(error: Exception) -> None:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""
    if (type(error), place) in _reported:
        return
    _reported.add((type(error), place))
    try:
        report_crash(error)
    except (OSError, MqtuiError):
        return
