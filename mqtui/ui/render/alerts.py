"""Alerts as rows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from time import time
from typing import Any

from mqtui.domain.alert import Alert, AlertSeverity, Mute
from mqtui.domain.resource import BrokerKind
from mqtui.domain.times import format_time
from mqtui.ui.render import figures
from mqtui.ui.render.table_model import Cell, Column, Measure


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert, the mute that it is under, and the kind of its broker."""

    alert: Alert
    mute: Mute | None
    broker: BrokerKind

    @property
    def age(self) -> float:
        """Seconds for which its condition holds."""
        return max(0.0, time() - self.alert.since)

    @property
    def note(self) -> str:
        """Whose it is, and until when it is muted."""
        owner = f"@{self.alert.owner}" if self.alert.owner else ""
        if self.mute is None:
            return owner
        by = f" by {self.mute.by}" if self.mute.by else ""
        return f"muted{by} till {format_time(int(self.mute.until * 1000), '%H:%M')} {owner}".rstrip()


class AlertRenderer:
    """How alerts are shown in a list."""

    columns = (
        Column("since", "SINCE", 6, right=True, measure=Measure.DURATION, meaning="for how long its condition holds"),
        Column("broker", "BROKER", 8, priority=3),
        Column("what", "WHAT", 26, grows=True, is_name=True),
        Column("evidence", "EVIDENCE", 28, priority=2, least=20, meaning="by the newest poll in which it held"),
        Column("note", "OWNER", 24, priority=4, least=8, meaning="as its rule says, and until when it is muted"),
    )

    def id(self, item: AlertRow) -> Hashable:
        return item.alert.key

    def cells(self, item: AlertRow) -> Sequence[Cell]:
        quiet = "muted" if item.mute is not None else ""
        return (
            (figures.age(item.age), "muted"),
            (item.broker, "muted"),
            (item.alert.what, quiet),
            (item.alert.evidence, quiet),
            (item.note, "muted"),
        )

    def sign(self, item: AlertRow) -> Cell:
        """✗ critical, ▲ a warning; both muted where nobody is told."""
        critical = item.alert.severity is AlertSeverity.CRITICAL
        tone = "muted" if item.mute is not None else "danger" if critical else "warn"
        return "✗" if critical else "▲", tone

    def severity(self, item: AlertRow) -> int:
        """Critical ones first, muted ones last."""
        if item.mute is not None:
            return 1
        return 3 if item.alert.severity is AlertSeverity.CRITICAL else 2

    def text(self, item: AlertRow) -> str:
        alert = item.alert
        return f"{alert.source} {item.broker} {alert.what} {alert.evidence} {alert.cause} {item.note}"

    def value(self, item: AlertRow, key: str) -> Any:
        known: dict[str, Any] = {
            "since": item.age,
            "broker": item.broker,
            "what": item.alert.what,
            "evidence": item.alert.evidence,
            "note": item.note,
        }
        return known[key]
