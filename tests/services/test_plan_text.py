"""A plan in rows: what must be read before it is agreed to comes first on the screen, and nothing is left out."""

from __future__ import annotations

from dataclasses import replace

from mqtui.domain.capability import Verb
from mqtui.domain.figure import exact
from mqtui.domain.plan import Claim, CreateStateTopic, Deliver, Plan, Risk, Send, Severity, Take
from mqtui.domain.redrive import Guarantee, OffsetBounds, Selection, Source, Strength
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.services.plan_text import describe_details, detail_rows, plan_lines, plan_rows, rows_to_agree_to
from mqtui.ui.render.plan import plan_place, plan_title, render_plans

DLQ, HOME = Ref(Kind.TOPIC, "orders.DLQ"), Ref(Kind.TOPIC, "orders")
PLAN = Plan(
    "ab" * 16,
    Verb.REDRIVE,
    "shop",
    BrokerKind.KAFKA,
    (
        CreateStateTopic("mqtui.state"),
        Take(Source(DLQ, "id", OffsetBounds({}, {}), exact(21)), Selection(cause="a8307952")),
        Deliver(HOME, exact(14)),
    ),
    exact(14),
    facts=(("size", "largest 12 B"), ("first", "1, then 10"), ("to", "orders 14"), ("from", "orders.DLQ, 21 letters")),
    risks=(Risk("ttl", "orders has a TTL"), Risk("held", "somebody runs", Severity.REFUSE)),
    headers=(("keep", ("a", "b")), ("add", ("x-mqtui-run",))),
    guarantee=Guarantee(Strength.EXACTLY_ONCE, "for read_committed readers"),
)


def test_refusals_then_warnings_then_from_to_first() -> None:
    rows = [row.line for row in rows_to_agree_to(PLAN)]
    assert rows == [
        "  ✗ held: somebody runs",
        "  ▲ ttl: orders has a TTL",
        "  from       orders.DLQ, 21 letters",
        "  to         orders 14",
        "  first      1, then 10",
        "   1. create the topic mqtui.state, which keeps what was handled",
    ]


def test_the_rest_is_named_where_it_is_folded() -> None:
    assert describe_details(PLAN) == "size, keep 2, add 1, promise, 2 steps"


def test_screen_and_command_line_have_the_same_rows() -> None:
    printed = list(plan_lines(PLAN))[1:]
    drawn = render_plans([PLAN])
    lines = ["".join(text for text, _ in line) for line in (*drawn.required, *drawn.details)]
    assert sorted(lines) == sorted(printed)
    assert len(plan_rows(PLAN)) == len(rows_to_agree_to(PLAN)) + len(detail_rows(PLAN))


def test_a_step_that_no_fact_tells_is_read_before() -> None:
    plan = Plan("ab" * 16, Verb.PUBLISH, "shop", BrokerKind.KAFKA, (Send(HOME, exact(3)),), exact(3))
    assert [row.line for row in rows_to_agree_to(plan)] == ["   1. publish 3 to topic:orders"]
    stream = Ref(Kind.STREAM, "payments")
    claim = Plan("ab" * 16, Verb.CLAIM, "shop", BrokerKind.REDIS, (Claim(stream, "g", "w", 0, ()),), exact(0))
    assert len(rows_to_agree_to(claim)) == 1


def test_the_title_counts_what_was_read() -> None:
    assert plan_title(PLAN, "shop", "letter") == "shop: redrive 14 of 21 letters"


def test_a_place_is_a_name_and_never_a_url() -> None:
    assert plan_place(PLAN, with_broker=False) == "shop"
    assert plan_place(PLAN, with_broker=True) == "shop/kafka"
    assert plan_place(replace(PLAN, profile="kafka://127.0.0.1:9092"), with_broker=False) == "kafka"
