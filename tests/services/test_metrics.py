"""Figures of polls are scraped over HTTP and read by Prometheus' own parser; what is not known is not there."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace
from http.client import HTTPConnection
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from mqtui.domain.alert import Alert, AlertSeverity
from mqtui.domain.errors import BadInput, CannotConnect
from mqtui.domain.figure import exact, unknown
from mqtui.domain.listen_address import ListenAddress, parse_listen_address
from mqtui.domain.resource import BrokerKind, Kind, Ref, name_text
from mqtui.domain.topology import Destination, Group, GroupLag, Member, PartitionLag
from mqtui.services.alerts.metric_samples import ABOUT, MeasuredBroker, measure_brokers
from mqtui.services.alerts.metrics_server import serve_metrics
from mqtui.services.deadletters import DeadLetterDestination
from mqtui.services.manual import FOLDER
from mqtui.services.poller import BrokerSnapshot

Found = dict[str, list[tuple[dict[str, str], float]]]
ODD = name_text(b'or"de\\rs\n\xff')
ALERT = Alert("0", "shop/kafka", "letters:dead", None, 1.0, "", "", AlertSeverity.WARNING)


def kafka() -> MeasuredBroker:
    topic = Ref(Kind.TOPIC, "orders")
    parts = tuple(PartitionLag(topic, at, str(10 * at), "50", exact(50 - 10 * at)) for at in range(2))
    silent = PartitionLag(topic, 2, "", "50", unknown("no committed offset"))
    groups = [
        Group(Ref(Kind.GROUP, "billing"), "classic", "Stable", (Member("a"), Member("b")), (topic,)),
        Group(Ref(Kind.GROUP, "other"), "classic", "Unknown", why="not authorised"),
        Group(Ref(Kind.GROUP, "part"), "classic", "Empty", (), (topic,)),
    ]
    lags = {
        groups[0].ref: GroupLag(groups[0].ref, "Stable", parts, exact(90)),
        groups[2].ref: GroupLag(groups[2].ref, "Empty", (silent,), unknown("no committed offset")),
    }
    rows = [Destination(topic, "topic", exact(100), exact(90)), Destination(Ref(Kind.TOPIC, ODD), "topic")]
    letters = [DeadLetterDestination(Ref(Kind.TOPIC, "dead"), exact(3), (topic,), "")]
    snapshot = BrokerSnapshot(destinations=rows, groups=groups, lags=lags, dead_letters=letters, as_of=1.0)
    early = GroupLag(groups[0].ref, "Stable", tuple(replace(part, end="0") for part in parts[:1]), exact(0))
    for at, seen in ((0.0, {early.group: early}), (100.0, lags)):
        snapshot.lag_history.add(at, at, seen)
    for at, arrived in enumerate((0, 60, 120)):
        snapshot.trend(topic, "arrived").add(10.0 * at, arrived)
    return MeasuredBroker("shop/kafka", BrokerKind.KAFKA, "", snapshot)


def rabbitmq() -> MeasuredBroker:
    rows = [
        Destination(Ref(Kind.QUEUE, "work"), "quorum", exact(7), exact(4), facts={"consumers": 2}, rate_in=exact(1.5)),
        Destination(Ref(Kind.EXCHANGE, "x"), "fanout"),
    ]
    return MeasuredBroker("mq", BrokerKind.RABBITMQ, "shop", BrokerSnapshot(destinations=rows, as_of=1.0))


def redis() -> MeasuredBroker:
    stream = Ref(Kind.STREAM, "payments")
    group = Group(Ref(Kind.GROUP, "payments/ledger"), "stream", "active", (), (stream,), exact(5), size=1)
    lags = {group.ref: GroupLag(group.ref, "active", (PartitionLag(stream, 0, "1-0", "9-0", exact(8)),), exact(8))}
    rows = [Destination(stream, "stream", exact(20), exact(8))]
    return MeasuredBroker(
        "cache", BrokerKind.REDIS, "0", BrokerSnapshot(destinations=rows, groups=[group], lags=lags, as_of=1.0)
    )


def away() -> MeasuredBroker:
    lost = kafka().snapshot
    lost.error = CannotConnect("Can't connect")
    return MeasuredBroker("lost", BrokerKind.KAFKA, "", lost)


async def scrape(at: ListenAddress, accept: str = "*/*") -> str:
    def ask() -> str:
        with closing(HTTPConnection(at.host, at.port, timeout=20)) as connection:
            connection.request("GET", "/metrics", headers={"Accept": accept})
            answer = connection.getresponse()
            assert answer.status == 200
            return answer.read().decode()

    return await asyncio.to_thread(ask)


async def scraped() -> Found:
    everything = [kafka(), rabbitmq(), redis(), away()]
    async with serve_metrics(
        ListenAddress("127.0.0.1", 0), lambda: measure_brokers(everything, [ALERT], ["never"])
    ) as endpoint:
        text = await scrape(endpoint)
        open_text = await scrape(endpoint, "application/openmetrics-text; version=1.0.0")
    families = list(parse_text(text))
    strictly: Any = parse_openmetrics
    assert [family.name for family in families] == [family.name for family in strictly(open_text)]
    assert {family.type for family in families} == {"gauge"}
    return {family.name: [(each.labels, each.value) for each in family.samples] for family in families}


async def test_what_prometheus_reads() -> None:
    found = await scraped()
    billing = {"cluster_name": "shop/kafka", "group": "billing"}
    orders = billing | {"topic": "orders"}
    assert found["kafka_consumergroup_group_sum_lag"] == [(billing, 90)]
    assert found["kafka_consumergroup_group_max_lag"] == [(billing, 50)]
    assert found["kafka_consumergroup_group_lag"] == [
        (orders | {"partition": "0"}, 50),
        (orders | {"partition": "1"}, 40),
    ]
    ages = [value for _, value in found["kafka_consumergroup_group_lag_seconds"]]
    assert ages == pytest.approx([100], abs=2)
    assert [value for _, value in found["kafka_consumergroup_group_max_lag_seconds"]] == pytest.approx([100], abs=2)
    assert [value for _, value in found["kafka_consumergroup_group_offset"]] == [0, 10]
    assert [value for _, value in found["kafka_partition_latest_offset"]] == [50, 50, 50]
    queue = {"cluster": "mq", "vhost": "shop", "queue": "work"}
    queues = {name.removeprefix("rabbitmq_queue_"): found[name] for name in found if name.startswith("rabbitmq_")}
    values = {"messages": 7, "messages_ready": 4, "messages_unacknowledged": 3, "consumers": 2}
    assert queues == {name: [(queue, value)] for name, value in values.items()}
    stream = {"cluster": "cache", "db": "0", "stream": "payments"}
    assert found["redis_stream_length"] == [(stream, 20)]
    of_group = stream | {"group": "ledger"}
    names = ("lag", "messages_pending", "consumers")
    assert [found[f"redis_stream_group_{name}"] for name in names] == [[(of_group, value)] for value in (8, 5, 1)]


async def test_our_own_names() -> None:
    found = await scraped()
    up = {labels["target"]: value for labels, value in found["mqtui_up"]}
    assert up == {"shop/kafka": 1, "mq": 1, "cache": 1, "lost": 0, "never": 0}
    assert {labels["target"] for labels, _ in found["mqtui_poll_age_seconds"]} == {"shop/kafka", "mq", "cache"}
    assert found["mqtui_dead_letters"] == [({"target": "shop/kafka", "destination": "dead"}, 3)]
    assert [value for _, value in found["mqtui_messages_in_per_second"]] == [6, 1.5]
    lags = {labels["group"]: value for labels, value in found["mqtui_group_lag"]}
    assert lags == {"billing": 90, "payments/ledger": 8}
    states = {labels["group"]: labels["state"] for labels, _ in found["mqtui_group_state"]}
    assert states == {"billing": "Stable", "other": "Unknown", "part": "Empty", "payments/ledger": "active"}
    alert = {"target": "shop/kafka", "alert": "letters:dead", "severity": "warning", "owner": ""}
    assert found["mqtui_alert"] == [(alert, 1)]
    page = (FOLDER / "alerts.md").read_text()
    assert {name for name in found if f"`{name}`" not in page} == set()
    assert {name for name in found if name.startswith("mqtui_")} <= set(ABOUT)


async def test_nobody_listens_twice_on_one_port() -> None:
    async with serve_metrics(ListenAddress("127.0.0.1", 0), lambda: []) as first:
        with pytest.raises(BadInput, match="Nobody can listen"):
            async with serve_metrics(first, lambda: []):
                pass


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [("9308", "127.0.0.1:9308"), ("0.0.0.0:1", "0.0.0.0:1"), ("[::1]:1", "[::1]:1"), ("host:65535", "host:65535")],
)
def test_an_endpoint_is_loopback_unless_told(text: str, endpoint: str) -> None:
    assert str(parse_listen_address(text)) == endpoint


@pytest.mark.parametrize("text", ["", "65536", "host", "host:", "a b:1", "::1:1"])
def test_no_endpoint(text: str) -> None:
    with pytest.raises(BadInput):
        parse_listen_address(text)
