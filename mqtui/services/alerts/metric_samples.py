"""The figures of polls as samples for Prometheus, under the names that users of exporters know, and under our own.

What is not known has no sample: it is never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from time import time

from mqtui.brokers.registry import traits_of
from mqtui.brokers.traits import MetricTraits
from mqtui.domain.alert import Alert
from mqtui.domain.figure import Figure
from mqtui.domain.lag_movement import NO_SECOND_LOOK
from mqtui.domain.printable import printable
from mqtui.domain.resource import BrokerKind, Kind
from mqtui.domain.topology import NOT_ASKED, Destination, Group, GroupLag
from mqtui.services.poller import BrokerSnapshot

ABOUT = {
    "mqtui_up": "Whether the last poll of the broker succeeded.",
    "mqtui_poll_duration_seconds": "How long the last poll took.",
    "mqtui_poll_age_seconds": "How old the figures are.",
    "mqtui_backlog": "Messages that wait: ready in a queue, else the lag of the group furthest behind.",
    "mqtui_messages_in_per_second": "Messages that arrive per second.",
    "mqtui_dead_letters": "Dead letters that are not handled.",
    "mqtui_group_lag": "Messages that a group has not read.",
    "mqtui_group_lag_seconds": "The age of the oldest message that a group has not read.",
    "mqtui_group_members": "Members of a group.",
    "mqtui_group_state": "1 for the state of a group, in the broker's own word.",
    "mqtui_alert": "1 while an alert is raised.",
}
"""Our own metrics, and what each means."""


@dataclass(frozen=True, slots=True)
class MeasuredBroker:
    """A broker whose polls are measured. `path` is what the path of its URL names."""

    target: str
    kind: BrokerKind
    path: str
    snapshot: BrokerSnapshot


@dataclass(frozen=True, slots=True)
class MetricSample:
    """One number of one metric."""

    name: str
    labels: Mapping[str, str]
    value: float


def measure_brokers(
    brokers: Iterable[MeasuredBroker], alerts: Iterable[Alert] = (), away: Iterable[str] = ()
) -> Iterator[MetricSample]:
    """All samples. `away` are targets that could never be polled."""
    for target in away:
        yield MetricSample("mqtui_up", {"target": printable(target)}, 0)
    for broker in brokers:
        yield from _measure_broker(broker)
    for alert in alerts:
        labels = {"target": alert.source, "alert": alert.cause, "severity": alert.severity.value, "owner": alert.owner}
        yield MetricSample("mqtui_alert", {name: printable(text) for name, text in labels.items()}, 1)


def _measure_broker(broker: MeasuredBroker) -> Iterator[MetricSample]:
    """The samples of one broker; while it is away only that, since its figures are old."""
    snapshot, target = broker.snapshot, {"target": printable(broker.target)}
    yield MetricSample("mqtui_up", target, float(snapshot.error is None))
    if snapshot.error is not None or not snapshot.as_of:
        return
    yield MetricSample("mqtui_poll_duration_seconds", target, snapshot.poll_seconds)
    yield MetricSample("mqtui_poll_age_seconds", target, max(0.0, time() - snapshot.as_of))
    for row in snapshot.destinations:
        if not row.internal and row.ref.kind is not Kind.EXCHANGE:
            yield from _own_destination(snapshot, row, target)
    for place in snapshot.dead_letters:
        yield from _known("mqtui_dead_letters", target | _destination(place.ref.name), place.letters)
    for group in snapshot.groups:
        labels = target | {"group": printable(group.ref.name)}
        if (lag := snapshot.lags.get(group.ref)) is not None:
            yield from _known("mqtui_group_lag", labels, lag.total)
            yield from _known("mqtui_group_lag_seconds", labels, _time_lag(snapshot, lag))
        if not group.why:
            yield MetricSample("mqtui_group_members", labels, group.member_count)
        yield MetricSample("mqtui_group_state", labels | {"state": printable(group.state)}, 1)
    names = traits_of(broker.kind).metrics
    if names is not None:
        yield from _usual_names(broker, names)


def _own_destination(snapshot: BrokerSnapshot, row: Destination, target: Mapping[str, str]) -> Iterator[MetricSample]:
    labels = {**target, **_destination(row.ref.name), "kind": str(row.ref.kind)}
    yield from _known("mqtui_backlog", labels, row.backlog)
    if row.rate_in is not NOT_ASKED:
        yield from _known("mqtui_messages_in_per_second", labels, row.rate_in)
    elif (series := snapshot.series["arrived"].get(row.ref)) is not None and (rate := series.rate()) is not None:
        yield MetricSample("mqtui_messages_in_per_second", labels, max(0.0, rate))


def _usual_names(broker: MeasuredBroker, names: MetricTraits) -> Iterator[MetricSample]:
    """The samples under the names of the exporter that is usual for this kind of broker."""
    snapshot, cluster = broker.snapshot, {names.cluster_label: printable(broker.target)}
    if names.path_label:
        cluster[names.path_label] = printable(broker.path)
    for row in snapshot.destinations:
        if row.ref.kind is Kind.EXCHANGE or row.internal:
            continue
        labels = cluster | {names.destination_label: printable(row.ref.name)}
        yield from _known(names.messages, labels, row.messages)
        yield from _known(names.ready, labels, row.backlog)
        if row.messages.number is not None and row.backlog.number is not None:
            yield from _sample(names.unacknowledged, labels, max(0, row.messages.number - row.backlog.number))
        consumers = row.facts.get("consumers")
        if isinstance(consumers, int):
            yield from _sample(names.consumers, labels, consumers)
    ends: dict[tuple[str, int], float] = {}
    for group in snapshot.groups:
        lag = snapshot.lags.get(group.ref)
        yield from _usual_group(broker, names, cluster, group, lag)
        for part in lag.parts if lag is not None and names.partition_end else ():
            if part.end.isdigit():
                ends[part.resource.name, part.partition] = float(part.end)
    for (name, partition), end in ends.items():
        place = {names.destination_label: printable(name), "partition": str(partition)}
        yield from _sample(names.partition_end, cluster | place, end)


def _usual_group(
    broker: MeasuredBroker, names: MetricTraits, cluster: Mapping[str, str], group: Group, lag: GroupLag | None
) -> Iterator[MetricSample]:
    labels = {**cluster, "group": printable(group.ref.name)}
    if traits_of(broker.kind).groups.belong_to_destination and group.reads:
        place = group.reads[0].name
        labels |= {
            names.destination_label: printable(place),
            "group": printable(group.ref.name.removeprefix(f"{place}/")),
        }
    if not group.why:
        yield from _sample(names.group_members, labels, group.member_count)
    if group.pending is not NOT_ASKED:
        yield from _known(names.group_pending, labels, group.pending)
    if lag is None:
        return
    yield from _known(names.group_lag, labels, lag.total)
    known = [part.lag.number for part in lag.parts if part.lag.number is not None]
    if known and len(known) == len(lag.parts):
        yield from _sample(names.group_largest_lag, labels, max(known))
    yield from _known(names.group_time_lag, labels, _time_lag(broker.snapshot, lag))
    moves = broker.snapshot.lag_history.movements_of(lag) if names.partition_lag else []
    for part, movement in zip(lag.parts, moves, strict=False):
        place_labels = {names.destination_label: printable(part.resource.name), "partition": str(part.partition)}
        yield from _known(names.partition_lag, labels | place_labels, part.lag)
        yield from _known(names.partition_time_lag, labels | place_labels, movement.time_lag)
        if part.committed.isdigit():
            yield from _sample(names.partition_offset, labels | place_labels, float(part.committed))


def _time_lag(snapshot: BrokerSnapshot, lag: GroupLag) -> Figure:
    """The age of the oldest message that a group has not read."""
    report = snapshot.lag_history.reports.get(lag.group)
    return NO_SECOND_LOOK if report is None else report.movement.time_lag


def _destination(name: str) -> dict[str, str]:
    return {"destination": printable(name)}


def _known(name: str, labels: Mapping[str, str], figure: Figure) -> Iterator[MetricSample]:
    if figure.number is not None:
        yield from _sample(name, labels, figure.number)


def _sample(name: str, labels: Mapping[str, str], value: float) -> Iterator[MetricSample]:
    if name:
        yield MetricSample(name, labels, value)
