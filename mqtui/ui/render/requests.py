"""The requests to brokers as rows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from mqtui.brokers.request_log import Request
from mqtui.domain.times import format_time
from mqtui.ui.render.table_model import Cell, Column, Measure


class RequestRenderer:
    """How requests are shown in a list."""

    columns = (
        Column("time", "TIME", 12, measure=Measure.TIME, meaning="when it was sent, by the clock of this machine"),
        Column("broker", "BROKER", 8, priority=2),
        Column("took", "TOOK", 7, right=True, measure=Measure.DURATION, meaning="until the answer was there"),
        Column("request", "REQUEST", 40, grows=True, meaning="its name only: no content, no argument"),
        Column("error", "ERROR", 20, priority=3, meaning="what the client library raised"),
    )

    def id(self, item: Request) -> Hashable:
        return item.number

    def cells(self, item: Request) -> Sequence[Cell]:
        return (
            (format_time(item.began, "%H:%M:%S.%f"), "muted"),
            (item.broker, "muted"),
            (took(item.seconds), "muted"),
            (item.text, "danger" if item.error else ""),
            (item.error, "danger"),
        )

    def sign(self, item: Request) -> Cell:
        """✗ it failed."""
        return ("✗", "danger") if item.error else (" ", "")

    def severity(self, item: Request) -> int:
        """0: the order is that of time."""
        return 0

    def text(self, item: Request) -> str:
        return f"{item.broker} {item.text} {item.error}"

    def value(self, item: Request, key: str) -> Any:
        known: dict[str, Any] = {
            "time": item.began,
            "broker": item.broker,
            "took": item.seconds,
            "request": item.text,
            "error": item.error,
        }
        return known[key]


def took(seconds: float) -> str:
    """A duration: `0.4ms`, `118ms`, `2.3s`."""
    if seconds >= 1:
        return f"{seconds:.1f}s"
    return f"{seconds * 1000:.0f}ms" if seconds >= 0.01 else f"{seconds * 1000:.1f}ms"


def describe_request(item: Request) -> str:
    """A request in one sentence, uncut."""
    failed = f" · ✗ {item.error}" if item.error else ""
    return f"{item.broker}: {item.text}, {took(item.seconds)}{failed}"
