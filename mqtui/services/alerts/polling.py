"""Polls brokers without a console, and judges each poll."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from mqtui.brokers.port import Connect
from mqtui.brokers.registry import connect
from mqtui.domain.alert import AlertEvent, AlertRule, RuleSet
from mqtui.domain.errors import BadInput, MqtuiError, NotFound
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.url import without_secret
from mqtui.services.alerts.findings import WatchedBroker
from mqtui.services.alerts.watch import AlertWatch, shorten_holds
from mqtui.services.conventions import load_for_profile
from mqtui.services.poller import RETRIES, BrokerSnapshot, Poller
from mqtui.services.session import Session, open_session

LOOK_AGAIN_SECONDS = 3.0
"""Seconds between the two looks after which it is told what is wrong now."""


@dataclass(frozen=True, slots=True)
class JudgedPoll:
    """What a poll of one broker came to. `error` is why there was none."""

    target: str
    events: Sequence[AlertEvent]
    snapshot: BrokerSnapshot | None = None
    error: MqtuiError | None = None
    kind: BrokerKind | None = None
    path: str = ""
    """What the path of the broker's URL names: a vhost, a database."""


def shown_target(target: str) -> str:
    """A target without a secret, as its session is called."""
    return without_secret(target) if "://" in target else target


Report = Callable[[JudgedPoll], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class BrokerPolling:
    """Polls one broker. `rules` come before those of its profile; each judged poll is given to `report`."""

    target: str
    watch: AlertWatch
    report: Report
    rules: Sequence[AlertRule] = ()
    adapters: Connect = connect

    async def run(self) -> None:
        """Poll until cancelled; a broker that can't be opened is tried again.

        Raises:
            BadInput, NotFound: the target can't be used.
        """
        failures = 0
        while True:
            try:
                async with open_session(self.target, adapters=self.adapters) as session:
                    poller, broker = self._begin(session)
                    while True:
                        pause = await poller.poll()
                        failures = 0
                        await self._judge(broker, poller)
                        await asyncio.sleep(pause)
            except (BadInput, NotFound):
                raise
            except MqtuiError as error:
                await self._report_unopened(error)
            await asyncio.sleep(RETRIES[min(failures, len(RETRIES) - 1)])
            failures += 1

    async def look_twice(self) -> None:
        """Poll now and once more a little later: what holds both times is raised.

        Raises:
            BadInput, NotFound: the target can't be used.
        """
        try:
            async with open_session(self.target, adapters=self.adapters) as session:
                poller, broker = self._begin(session)
                await poller.poll()
                await self._judge(shorten_holds(broker, LOOK_AGAIN_SECONDS), poller)
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
                await poller.poll()
                await self._judge(shorten_holds(broker, LOOK_AGAIN_SECONDS), poller)
        except (BadInput, NotFound):
            raise
        except MqtuiError as error:
            await self._report_unopened(error)

    def _begin(self, session: Session) -> tuple[Poller, WatchedBroker]:
        profile = session.profile
        rules = RuleSet((*self.rules, *(profile.alerts if profile is not None else ())))
        poller = Poller(session, load_for_profile(profile).conventions, lambda: None)
        return poller, WatchedBroker(session.target, session.broker.kind, rules)

    async def _judge(self, broker: WatchedBroker, poller: Poller) -> None:
        events = await self.watch.judge(broker, poller.snapshot)
        path, snapshot = poller.session.address.path, poller.snapshot
        await self.report(JudgedPoll(broker.target, events, snapshot, snapshot.error, broker.kind, path))

    async def _report_unopened(self, error: MqtuiError) -> None:
        target = shown_target(self.target)
        events = self.watch.judge_unopened(target, RuleSet(self.rules), error)
        await self.report(JudgedPoll(target, events, error=error))
