"""What `mqtui watch` tells: events as lines, to receivers, and on the terminal itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

from mqtui.cli.exit_codes import DONE, INCOMPLETE, NO_CONNECTION
from mqtui.cli.output import Output
from mqtui.domain.alert import AlertEvent, EventState
from mqtui.domain.alert_engine import AlertEngine
from mqtui.domain.figure import pluralize
from mqtui.domain.listen_address import ListenAddress
from mqtui.profiles.receiver_settings import ReceiverSettings
from mqtui.services.alerts.deliveries import Deliveries
from mqtui.services.alerts.event_rows import describe_event, event_row
from mqtui.services.alerts.metric_samples import MeasuredBroker, MetricSample, measure_brokers
from mqtui.services.alerts.mutes import StoredMutes
from mqtui.services.alerts.polling import JudgedPoll, shown_target
from mqtui.services.alerts.receivers import make_receiver
from mqtui.services.alerts.watch import AlertWatch, clock_now
from mqtui.state.alert_store import AlertStore


class WatchReport:
    """Takes judged polls. With `once` events are told at the end, all at a time."""

    def __init__(
        self, output: Output, watch: AlertWatch, deliveries: Deliveries, mutes: StoredMutes, *, bell: bool, once: bool
    ) -> None:
        self.watch = watch
        self._output = output
        self._deliveries = deliveries
        self._mutes = mutes
        self._bell = bell
        self._once = once
        self._measured: dict[str, MeasuredBroker] = {}
        self._seen: set[str] = set()
        self._away: dict[str, str] = {}
        self._cleared: list[AlertEvent] = []

    async def add(self, poll: JudgedPoll) -> None:
        """Tell the events of a poll; of the first one of a target what an earlier process told too."""
        await self._mutes.refresh(self.watch)
        if poll.snapshot is not None and poll.kind is not None:
            self._measured[poll.target] = MeasuredBroker(poll.target, poll.kind, poll.path, poll.snapshot)
        self._note_error(poll)
        raised = [alert for alert in self.watch.alerts if alert.source == poll.target]
        if poll.events or self._deliveries.has_unkept:
            await self._deliveries.record(poll.target, raised, poll.events)
        if self._once:
            self._cleared += [event for event in poll.events if event.state is EventState.CLEARED]
            return
        told = list(poll.events)
        if poll.target not in self._seen:
            self._seen.add(poll.target)
            new = {event.alert.id for event in told}
            told += [self._raised(alert.id) for alert in raised if alert.told and alert.id not in new]
        self._print(told)

    def _raised(self, alert_id: str) -> AlertEvent:
        alert = next(each for each in self.watch.alerts if each.id == alert_id)
        return AlertEvent(alert, EventState.RAISED, clock_now().wall)

    async def finish(self) -> int:
        """Tell all that is raised and not muted, and give it to the receivers; the exit code."""
        raised = [alert for alert in self.watch.alerts if self.watch.mute_of(alert) is None]
        self._print([*self._cleared, *(self._raised(alert.id) for alert in raised)])
        await self._deliveries.give_once()
        if raised:
            return INCOMPLETE
        return NO_CONNECTION if self._away else DONE

    @asynccontextmanager
    async def serve(self, endpoint: ListenAddress | None) -> AsyncIterator[None]:
        """Serve the newest figures to Prometheus, where an endpoint is given."""
        if endpoint is None:
            yield
            return
        from mqtui.services.alerts.metrics_server import serve_metrics

        async with serve_metrics(endpoint, self._measure) as listening:
            self._output.note(f"· metrics on http://{listening}/metrics")
            yield

    def _measure(self) -> Iterator[MetricSample]:
        unpolled = [target for target in self._away if target not in self._measured]
        return measure_brokers(self._measured.values(), self.watch.alerts, unpolled)

    def _print(self, events: Sequence[AlertEvent]) -> None:
        for event in events:
            if self._output.json:
                self._output.json_line(event_row(event))
            else:
                self._output.line(describe_event(event))
        if self._bell and events:
            count = len([alert for alert in self.watch.alerts if alert.told])
            self._output.ring(f"mqtui ▲ {pluralize(count, 'alert')}")

    def _note_error(self, poll: JudgedPoll) -> None:
        """Say once that a broker can't be asked, and that it can be again."""
        before, now = self._away.get(poll.target), None if poll.error is None else poll.error.title
        if now == before:
            return
        if now is None:
            del self._away[poll.target]
            self._output.note(f"✓ {poll.target} answers again")
        else:
            self._away[poll.target] = now
            self._output.note(f"✗ {poll.target}: {now}")


@asynccontextmanager
async def open_watch(
    output: Output, targets: Sequence[str], receivers: Sequence[ReceiverSettings], *, bell: bool, once: bool
) -> AsyncIterator[WatchReport]:
    """Go on with what earlier processes told of these targets, and give events to the receivers."""
    store = await asyncio.to_thread(AlertStore)
    deliveries = Deliveries(store, [make_receiver(each) for each in dict.fromkeys(receivers)], output.note)
    try:
        raised = await asyncio.to_thread(store.load_raised, [shown_target(each) for each in targets])
        watch, mutes = AlertWatch(AlertEngine(raised)), StoredMutes(store)
        await mutes.refresh(watch)
        if not once:
            deliveries.start()
        yield WatchReport(output, watch, deliveries, mutes, bell=bell, once=once)
    finally:
        await deliveries.stop()
        await asyncio.to_thread(store.close)
