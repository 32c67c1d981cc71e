"""Turns what looks find into events: an alert is raised once its condition has held, and cleared once it has gone.

Pure: the caller hands in both clocks. Durations are told by the monotonic one, so that a clock that is set forward or
back raises and clears nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from mqtui.domain.alert import Alert, AlertEvent, AlertRule, EventState, Finding, FindingLevel

LONGEST_STEP = 300.0
"""Seconds that count at most between two looks: what was before a long sleep proves little about the time after."""

ID_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Instant:
    """The time by a monotonic clock, and by the clock on the wall in seconds since the epoch."""

    monotonic: float
    wall: float


@dataclass(slots=True)
class _Watched:
    """A condition that held at some look. `held` and `gone` are seconds for which it did, and has gone."""

    rule: AlertRule | None
    since: float
    seen: float
    level: FindingLevel | None = FindingLevel.OVER
    held: float = 0.0
    gone: float = 0.0
    alert: Alert | None = None


class AlertEngine:
    """The alerts of all sources. What it keeps grows only with what is wrong."""

    def __init__(self, raised: Iterable[Alert] = ()) -> None:
        """Go on with alerts that were raised before, such as by a process that ended."""
        self._watched: dict[str, dict[str, _Watched]] = {}
        for alert in raised:
            watched = _Watched(None, alert.since, 0.0, level=FindingLevel.UNKNOWN, alert=alert)
            self._watched.setdefault(alert.source, {})[alert.cause] = watched

    @property
    def alerts(self) -> list[Alert]:
        """The alerts that are raised, the oldest first."""
        raised = [each.alert for there in self._watched.values() for each in there.values() if each.alert is not None]
        return sorted(raised, key=lambda alert: (alert.since, alert.source, alert.cause))

    def update(
        self,
        source: str,
        findings: Sequence[Finding],
        now: Instant,
        *,
        is_complete: bool = True,
        is_muted: Callable[[Alert], bool] = lambda _: False,
        is_watched: Callable[[str], bool] = lambda _: True,
    ) -> list[AlertEvent]:
        """The events of a look at one source.

        A look that is not complete does not tell of what it did not find. A cause that no rule looks for any more, as
        `is_watched` says, is over. An alert that is muted is told when the mute
        ends; one that was never told is not told to be over.
        """
        there = self._watched.setdefault(source, {})
        found = {finding.cause: finding for finding in findings}
        events: list[AlertEvent] = []
        for cause in [*found, *(each for each in there if each not in found)]:
            finding, known = found.get(cause), there.get(cause)
            missing = None if is_complete or not is_watched(cause) else FindingLevel.UNKNOWN
            level = missing if finding is None else finding.level
            if known is None:
                if finding is None or level is not FindingLevel.OVER:
                    continue
                known = there[cause] = _Watched(finding.rule, now.wall, now.monotonic)
            _count_time(known, level, now.monotonic)
            if finding is not None:
                known.rule = finding.rule
            if self._ends(known, level):
                del there[cause]
                if known.alert is not None and known.alert.told:
                    events.append(AlertEvent(known.alert, EventState.CLEARED, now.wall))
                continue
            if finding is not None and level is FindingLevel.OVER:
                _renew(known, finding)
            if known.alert is not None and not known.alert.told and not is_muted(known.alert):
                known.alert = replace(known.alert, told=True)
                events.append(AlertEvent(known.alert, EventState.RAISED, now.wall))
        if not there:
            del self._watched[source]
        return events

    @staticmethod
    def _ends(known: _Watched, level: FindingLevel | None) -> bool:
        """Whether the condition is over: at once before an alert was raised, else after it has been gone."""
        if known.alert is None:
            return level in (None, FindingLevel.BETWEEN)
        settle = known.rule.settle if known.rule is not None else 0.0
        return level is None and known.gone >= settle


def _count_time(known: _Watched, level: FindingLevel | None, now: float) -> None:
    """Add the time since the last look to what it belongs to: only between two looks that say the same it is known."""
    step = min(max(0.0, now - known.seen), LONGEST_STEP) if known.seen else 0.0
    same = level is known.level
    if level is FindingLevel.OVER:
        known.held += step if same else 0.0
        known.gone = 0.0
    elif level is None:
        known.gone += step if same else 0.0
    elif level is FindingLevel.BETWEEN:
        known.gone = 0.0
    known.level, known.seen = level, now


def _renew(known: _Watched, finding: Finding) -> None:
    """Raise the alert once its condition has held for long enough; keep the figures of one that is raised current."""
    rule = finding.rule
    if known.alert is not None:
        known.alert = replace(
            known.alert, what=finding.what, evidence=finding.evidence, value=finding.value, advice=finding.advice
        )
    elif known.held >= rule.hold:
        known.alert = Alert(
            id=_alert_id(finding, known.since),
            source=finding.source,
            cause=finding.cause,
            ref=finding.ref,
            since=known.since,
            what=finding.what,
            evidence=finding.evidence,
            severity=rule.severity,
            owner=rule.owner,
            value=finding.value,
            advice=finding.advice,
        )


def _alert_id(finding: Finding, since: float) -> str:
    """The same in each process that sees the same: a receiver drops what it has."""
    text = "\0".join((finding.source, finding.cause, str(int(since * 1000))))
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:ID_DIGITS]
