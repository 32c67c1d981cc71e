"""`:` takes what people and logs write."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mqtui.domain.errors import BadInput
from mqtui.domain.message import EntryId, Offset
from mqtui.domain.read_range import At, Edge, Since
from mqtui.domain.resource import BrokerKind, Kind, ParsedName, Ref
from mqtui.ui.navigation.goto import (
    AuditTarget,
    FoundResource,
    GotoTarget,
    KnownResource,
    PositionTarget,
    ResourceTarget,
    RunTarget,
    SessionTarget,
    ViewTarget,
    parse,
    resolve,
    to_typed,
)
from mqtui.ui.screens.overlays.palette.rank import rank

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
PROFILES = ("shop", "prod-eu")
TWO = int(datetime(2026, 11, 24, 14, 2, tzinfo=UTC).timestamp() * 1000)
QUARTER = int(NOW.timestamp() * 1000) - 900_000


def at(partition: int, offset: int) -> At:
    return At(Offset(partition, offset))


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("orders", ResourceTarget(ParsedName("orders"))),
        ("  orders ", ResourceTarget(ParsedName("orders"))),
        ("t:orders", ResourceTarget(ParsedName("orders", Kind.TOPIC))),
        ("queue:work", ResourceTarget(ParsedName("work", Kind.QUEUE))),
        ("payments:dlq", ResourceTarget(ParsedName("payments:dlq"))),
        ("orders@4/118203", ResourceTarget(ParsedName("orders"), at=at(4, 118203))),
        ("orders@newest", ResourceTarget(ParsedName("orders"), at=Edge.NEWEST)),
        ("orders@14:02", ResourceTarget(ParsedName("orders"), at=Since(TWO))),
        ("s:payments@-15m", ResourceTarget(ParsedName("payments", Kind.STREAM), at=Since(QUARTER))),
        ("orders-4@118203", ResourceTarget(ParsedName("orders-4"), at=at(-1, 118203))),
        ("orders[4] offset 118203", ResourceTarget(ParsedName("orders"), at=at(4, 118203))),
        ("orders [4] at offset 118203", ResourceTarget(ParsedName("orders"), at=at(4, 118203))),
        ("orders[4]@118203", ResourceTarget(ParsedName("orders"), at=at(4, 118203))),
        ("orders-4 at offset 118203", ResourceTarget(ParsedName("orders-4"), at=at(-1, 118203))),
        ("shop/q:work", ResourceTarget(ParsedName("work", Kind.QUEUE), "shop")),
        ("shop/kafka/orders@4/7", ResourceTarget(ParsedName("orders"), "shop", BrokerKind.KAFKA, at(4, 7))),
        ("shop/orders[4]@7", ResourceTarget(ParsedName("orders"), "shop", None, at(4, 7))),
        ("team/work", ResourceTarget(ParsedName("team/work"))),
        ("user@queue", ResourceTarget(ParsedName("user@queue"))),
        ("user@queue@newest", ResourceTarget(ParsedName("user@queue"), at=Edge.NEWEST)),
        (
            "kafka://prod-eu/topic/orders",
            ResourceTarget(ParsedName("orders", Kind.TOPIC), "", BrokerKind.KAFKA, None, "prod-eu"),
        ),
        (
            "redis://h:6379/0/stream/pay@1795475111678-0",
            ResourceTarget(
                ParsedName("pay", Kind.STREAM), "", BrokerKind.REDIS, At(EntryId(1795475111678, 0)), "h:6379"
            ),
        ),
        ("kafka://h:9092", SessionTarget("kafka://h:9092")),
        ("shop", SessionTarget("shop")),
        ("shop/", SessionTarget("shop")),
        ("1795475111678-0", PositionTarget(At(EntryId(1795475111678, 0)))),
        ("4/118203", PositionTarget(at(4, 118203))),
        ("@118203", PositionTarget(at(-1, 118203))),
        ("118203", PositionTarget(at(-1, 118203))),
        ("14:02", PositionTarget(Since(TWO))),
        ("oldest", PositionTarget(Edge.OLDEST)),
        ("5", ViewTarget("nav.view_5")),
        ("0", ViewTarget("nav.home")),
        ("runs", ViewTarget("nav.view_5")),
        ("Dead Letters", ViewTarget("nav.view_3")),
        ("notes", ViewTarget("notes")),
        ("audit", ViewTarget("nav.view_6")),
        ("s:audit", ResourceTarget(ParsedName("audit", Kind.STREAM))),
        ("run 7F3A", RunTarget("7f3a")),
        ("audit 318", AuditTarget(318)),
        ("audit #318", AuditTarget(318)),
    ],
)
def test_every_form_is_read(text: str, goal: GotoTarget) -> None:
    assert parse(text, NOW, PROFILES) == goal


@pytest.mark.parametrize("text", ["", "   ", "http://shop/topic/orders"])
def test_what_leads_nowhere_is_said(text: str) -> None:
    with pytest.raises(BadInput):
        parse(text, NOW, PROFILES)


def known(target: str, name: str, broker: BrokerKind = BrokerKind.KAFKA, kind: Kind = Kind.TOPIC) -> KnownResource:
    return KnownResource(target, broker, Ref(kind, name), ("memory", "memory:9092"))


ORDERS, FOURTH, ELSEWHERE = known("shop", "orders"), known("shop", "orders-4"), known("prod-eu", "orders")
WORK = known("shop", "work", BrokerKind.RABBITMQ, Kind.QUEUE)


def spots(text: str, *there: KnownResource, here: str = "shop") -> list[FoundResource]:
    goal = parse(text, NOW, PROFILES)
    assert isinstance(goal, ResourceTarget)
    return resolve(goal, there, here)


def test_the_session_that_is_shown_comes_first() -> None:
    assert spots("orders", ORDERS, ELSEWHERE) == [FoundResource(ORDERS)]
    assert spots("orders", ORDERS, ELSEWHERE, here="") == [FoundResource(ORDERS), FoundResource(ELSEWHERE)]
    assert spots("prod-eu/orders", ORDERS, ELSEWHERE) == [FoundResource(ELSEWHERE)]
    assert spots("kafka://prod-eu/topic/orders", ORDERS, ELSEWHERE) == [FoundResource(ELSEWHERE)]
    assert spots("kafka://memory/topic/orders", ORDERS) == [FoundResource(ORDERS)]
    assert spots("kafka://other/topic/orders", ORDERS) == []


def test_a_name_that_ends_like_a_partition() -> None:
    assert spots("orders-4@118203", ORDERS) == [FoundResource(ORDERS, at(4, 118203))]
    assert spots("orders-4@118203", ORDERS, FOURTH) == [FoundResource(FOURTH, at(-1, 118203))]
    assert spots("orders-4", ORDERS) == []
    assert spots("work-4@7", WORK) == []


def test_a_group_gives_way_to_what_it_reads() -> None:
    group = known("shop", "orders", BrokerKind.KAFKA, Kind.GROUP)
    assert spots("orders", group, ORDERS) == [FoundResource(ORDERS)]
    assert spots("g:orders", group, ORDERS) == [FoundResource(group)]


def test_kinds_and_brokers_part_equal_names() -> None:
    other = known("shop", "work", BrokerKind.REDIS, Kind.STREAM)
    assert spots("work", WORK, other) == [FoundResource(WORK), FoundResource(other)]
    assert spots("s:work", WORK, other) == [FoundResource(other)]
    assert spots("shop/rabbitmq/work", WORK, other) == [FoundResource(WORK)]


def test_what_is_completed_leads_back() -> None:
    """Whatever is offered as a completion names the thing it was offered for."""
    there = [ORDERS, FOURTH, ELSEWHERE, WORK, known("shop", "audit"), known("prod-eu", "5"), known("shop", "team/x")]
    for each in there:
        goal = parse(to_typed(each, "shop"), NOW, PROFILES)
        assert isinstance(goal, ResourceTarget), to_typed(each, "shop")
        assert resolve(goal, there, "shop") == [FoundResource(each)]


def test_the_best_fit_comes_first() -> None:
    names = ["reorders", "shop.orders", "orders.DLQ", "work", "other-red"]
    assert rank("orders", names, str) == ["orders.DLQ", "shop.orders", "reorders"]
    assert rank("dlq orders", names, str) == ["orders.DLQ"]
    assert sorted(rank("odr", names, str)) == ["orders.DLQ", "reorders", "shop.orders"]
    assert rank("xyz", names, str) == []
    assert rank("", names, str) == names


def test_a_long_name_is_no_trap() -> None:
    """Letters are looked for once, forwards: nothing tries every way to scatter them."""
    assert rank("a" * 20 + "b", ["a" * 20_000], str) == []
