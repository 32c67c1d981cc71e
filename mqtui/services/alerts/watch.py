"""Judges the polls of brokers: one engine for the console, the command line and the metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import monotonic, time

from mqtui.brokers.loop_yield import yield_to_loop
from mqtui.domain.alert import Alert, AlertEvent, Finding, Mute, RuleSet
from mqtui.domain.alert_engine import AlertEngine, Instant
from mqtui.domain.errors import MqtuiError
from mqtui.services.alerts.findings import WatchedBroker, finding_slices, is_complete, unreachable_finding
from mqtui.services.poller import BrokerSnapshot


def clock_now() -> Instant:
    """The time by both clocks of this machine."""
    return Instant(monotonic(), time())


class AlertWatch:
    """The alerts of all brokers that are polled."""

    def __init__(self, engine: AlertEngine | None = None, clock: Callable[[], Instant] = clock_now) -> None:
        self.engine = engine or AlertEngine()
        self.mutes: list[Mute] = []
        self._clock = clock

    @property
    def alerts(self) -> list[Alert]:
        """All alerts that are raised, muted ones too."""
        return self.engine.alerts

    def mute_of(self, alert: Alert) -> Mute | None:
        """The mute that an alert is under; None where it is told."""
        now = self._clock().wall
        return next((mute for mute in self.mutes if mute.covers(alert, now)), None)

    async def judge(self, broker: WatchedBroker, snapshot: BrokerSnapshot) -> list[AlertEvent]:
        """The events of a poll that has just ended."""
        now = self._clock()
        found: list[Finding] = []
        for part in finding_slices(broker, snapshot):
            found += part
            await yield_to_loop()
        return self._update(broker.target, broker.rules, found, now, complete=is_complete(snapshot))

    def judge_unopened(self, target: str, rules: RuleSet, error: MqtuiError) -> list[AlertEvent]:
        """The events of a broker that could not even be opened."""
        found = unreachable_finding(target, rules, error)
        return self._update(target, rules, [] if found is None else [found], self._clock(), complete=False)

    def _update(
        self, target: str, rules: RuleSet, found: list[Finding], now: Instant, *, complete: bool
    ) -> list[AlertEvent]:
        return self.engine.update(
            target,
            found,
            now,
            is_complete=complete,
            is_muted=lambda alert: self.mute_of(alert) is not None,
            is_watched=lambda cause: rules.watches_cause(cause, target),
        )


def shorten_holds(broker: WatchedBroker, seconds: float) -> WatchedBroker:
    """The same for two looks so many seconds apart: what holds at both is raised."""
    return replace(broker, rules=broker.rules.with_holds_up_to(seconds), stalled_polls=2)
