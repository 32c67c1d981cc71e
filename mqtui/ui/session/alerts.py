"""The alerts of all brokers that are open in one console."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from mqtui.domain.errors import MqtuiError

if TYPE_CHECKING:
    from mqtui.domain.alert import Alert, Mute
    from mqtui.services.alerts.watch import AlertWatch
    from mqtui.services.poller import BrokerSnapshot
    from mqtui.services.session import Session

MUTES_SECONDS = 60.0
"""Seconds between two looks at the mutes of this machine."""


class ConsoleAlerts:
    """Judges each poll by the engine of `mqtui watch`. What judges is loaded with the first poll."""

    def __init__(self) -> None:
        self._watch: AlertWatch | None = None
        self._mutes_read_at = 0.0

    async def judge(self, session: Session, snapshot: BrokerSnapshot) -> None:
        """Find what is wrong by a poll that has just ended."""
        from mqtui.domain.alert import RuleSet
        from mqtui.services.alerts.findings import WatchedBroker
        from mqtui.services.alerts.watch import AlertWatch

        if self._watch is None:
            self._watch = AlertWatch()
        await self._read_mutes(self._watch)
        rules = RuleSet(session.profile.alerts if session.profile is not None else ())
        await self._watch.judge(WatchedBroker(session.target, session.broker.kind, rules), snapshot)

    async def _read_mutes(self, watch: AlertWatch) -> None:
        """Read the mutes again now and then; where they can't be read, nothing is muted."""
        if self._mutes_read_at and monotonic() - self._mutes_read_at < MUTES_SECONDS:
            return
        from mqtui.services.alerts.mutes import load_mutes

        self._mutes_read_at = monotonic()
        with suppress(MqtuiError):
            watch.mutes = await asyncio.to_thread(load_mutes)

    def of(self, sources: Collection[str]) -> list[Alert]:
        """The alerts of these targets, the oldest first."""
        return [] if self._watch is None else [each for each in self._watch.alerts if each.source in sources]

    def mute_of(self, alert: Alert) -> Mute | None:
        """The mute that an alert is under; None where it is told."""
        return None if self._watch is None else self._watch.mute_of(alert)
