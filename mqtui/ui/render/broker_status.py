"""What is said of brokers that did not open, are lost, or take long to open."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic, time

from mqtui.domain.errors import MqtuiError
from mqtui.ui.render.figures import age
from mqtui.ui.render.styled_text import BREAKS, StyledLine
from mqtui.ui.render.table_model import Cell
from mqtui.ui.session.sessions import BrokerSession

SLOW_OPENING_SECONDS = 2.0
"""Seconds after which a broker that is still opening is named."""


def is_not_read(broker_session: BrokerSession) -> bool:
    """Whether a broker is opening, or was not polled yet."""
    return broker_session.opening or (broker_session.snapshot is not None and not broker_session.snapshot.as_of)


def error_of(broker_session: BrokerSession) -> MqtuiError | None:
    """Why a broker can't be used now; None where it can."""
    snapshot = broker_session.snapshot
    return broker_session.error or (None if snapshot is None else snapshot.error)


def error_lines(error: MqtuiError) -> tuple[Cell, ...]:
    """An error as lines: title, detail, hint."""
    said = ((f"✗ {error.title}", "danger"), (error.detail, ""), (error.hint, "accent"))
    return tuple((text, tone) for text, tone in said if text)


def broker_error_lines(broker_session: BrokerSession, name: str) -> list[StyledLine]:
    """Why a broker can't be used: since when, and what comes next; then what happened, and what to do."""
    error, snapshot = error_of(broker_session), broker_session.snapshot
    if error is None:
        return []
    first = f"{name}: {error.title}"
    if snapshot is not None and broker_session.error is None:
        again = f"in {max(0, int(snapshot.retry_at - time()))}s"
        gone = age(time() - snapshot.unreachable_since)
        first = (
            f"{name}: lost {gone} ago · retry {snapshot.retry_number} {again} · {error.title}"
            if snapshot.as_of
            else f"{name}: {error.title} · tried again {again}"
        )
    more = " · ".join(filter(None, (error.detail, error.hint)))
    lines: list[StyledLine] = [[("  ✗ ", "danger"), (on_one_line(first), "danger")]]
    return [*lines, [("    ", ""), (on_one_line(more), "muted")]] if more else lines


def slow_openings(broker_sessions: Sequence[BrokerSession], *, with_target: bool) -> tuple[Cell, ...]:
    """The brokers that are still opening after `SLOW_OPENING_SECONDS` seconds."""
    now = monotonic()
    late = [
        f"{name_of(each, with_target=with_target)} is still opening, {now - each.opening_since:.0f} s"
        for each in broker_sessions
        if is_not_read(each) and error_of(each) is None and now - each.opening_since >= SLOW_OPENING_SECONDS
    ]
    return ((" · ".join(late), "warn"),) if late else ()


def name_of(broker_session: BrokerSession, *, with_target: bool) -> str:
    """What a broker is called: by its kind among those of one target, else with the target."""
    return f"{broker_session.target} {broker_session.kind}" if with_target else str(broker_session.kind)


def on_one_line(text: str) -> str:
    """An error text, which may have line breaks, on one line."""
    return BREAKS.sub(" ", text)
