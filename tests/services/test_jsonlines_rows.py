"""Rows of plans, outcomes, causes, lag and errors, as published."""

import json
from pathlib import Path

import orjson
import pytest

from mqtui.domain.capability import Verb
from mqtui.domain.cause import Cause
from mqtui.domain.errors import Refused
from mqtui.domain.figure import about, at_least, exact, unknown
from mqtui.domain.lag_assessment import assess
from mqtui.domain.message import EntryId, Offset
from mqtui.domain.plan import (
    Acknowledge,
    Claim,
    CreateStateTopic,
    Deliver,
    PeekUnacked,
    Plan,
    Remove,
    Result,
    Risk,
    Send,
    Severity,
    Take,
    Unmark,
)
from mqtui.domain.redrive import Guarantee, OffsetBounds, Selection, Source, Strength
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.topology import Destination, Group, GroupLag, Member, PartitionLag, PendingEntry
from mqtui.services import json_rows
from mqtui.services.jsonlines import Json, add_figures, dump, figure_json
from mqtui.services.lag_rows import lag_row

GOLDEN = Path(__file__).parent / "golden"
DLQ, ORDERS, STREAM = Ref(Kind.TOPIC, "orders.DLQ"), Ref(Kind.TOPIC, "orders"), Ref(Kind.STREAM, "payments")
SOURCE = Source(DLQ, "Jx1", OffsetBounds({0: 0}, {0: 31}), exact(31))
RUN = "41c2" * 8
PLAN = Plan(
    RUN,
    Verb.REDRIVE,
    "prod-eu",
    BrokerKind.KAFKA,
    (
        CreateStateTopic("mqtui.state"),
        Take(SOURCE, Selection(cause="284edf3f", limit=19)),
        Deliver(ORDERS, exact(19), "by the name orders.DLQ"),
    ),
    exact(19),
    (("rate", "as fast as it goes"),),
    (Risk("retention", "7 days old", Severity.REFUSE, final=True),),
    Guarantee(Strength.EXACTLY_ONCE, "for read_committed readers of this cluster"),
    "9d2e",
    (("keep", ("app-version", "w\udcff")), ("strip", ("kafka_dlt-original-topic",)), ("add", ("x-mqtui-run",))),
)
RESULT = Result(RUN, 19, moved=11, refused=2, unknown=1, skipped=1, left=4, suspects=("0/44",), seconds=1.23456)
CAUSE = Cause(
    "284edf3f",
    "shop.billing.SchemaMismatch",
    'field "amount" missing',
    'field "amount" missing',
    "topic:orders",
    19,
    1_795_475_111_678,
    1_795_475_191_000,
)
LAG = GroupLag(
    Ref(Kind.GROUP, "shipping"),
    "Empty",
    (
        PartitionLag(ORDERS, 0, "118203", "118210", exact(7)),
        PartitionLag(ORDERS, 1, "", "40", unknown("no committed offset")),
    ),
    at_least(7, "no committed offset"),
)
ERROR = Refused("redrive is refused", "the profile prod-eu is read-only", "Use another profile.")


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("plan", json_rows.plan_row(PLAN)),
        ("outcome", json_rows.result_row(RESULT)),
        ("cause", json_rows.cause_row(CAUSE)),
        ("lag", lag_row(LAG, assess(LAG))),
        ("error", json_rows.error_row(ERROR, 4)),
    ],
)
def test_rows_are_as_published(name: str, row: Json) -> None:
    assert orjson.dumps(row) + b"\n" == (GOLDEN / f"{name}.json").read_bytes()


def test_suspects_are_lines_of_their_own() -> None:
    assert json_rows.suspect_rows(RESULT) == [{"suspect": "0/44"}]


def test_figures() -> None:
    assert figure_json(exact(7)) == 7
    assert figure_json(about(7)) == {"about": 7}
    assert figure_json(at_least(7, "stopped there")) == {"at_least": 7, "why": "stopped there"}
    assert add_figures({}, lag=unknown("no right")) == {"lag": None, "why": "no right"}
    several = add_figures({}, messages=unknown("no right"), size=exact(3), backlog=unknown("no group"))
    assert several["why"] == "messages: no right; backlog: no group"


@pytest.mark.parametrize(
    ("step", "row"),
    [
        (Send(ORDERS, unknown("from a pipe")), {"step": "send", "count": None, "why": "from a pipe"}),
        (
            PeekUnacked(Ref(Kind.QUEUE, "work"), 10, True),
            {"step": "peek", "kind": "queue", "count": 10, "spends": True},
        ),
        (
            Claim(STREAM, "ledger", "worker-2", 60_000, ((EntryId(1, 0), 70_000, 9),)),
            {"step": "claim", "group": "ledger", "consumer": "worker-2", "min_idle_ms": 60_000, "ids": ["1-0"]},
        ),
        (Acknowledge(STREAM, "ledger", (EntryId(1, 0),)), {"step": "ack", "resource": "payments", "ids": ["1-0"]}),
        (Unmark(DLQ, RUN, (Offset(0, 7),)), {"step": "unmark", "run": RUN, "offsets": ["0/7"]}),
        (Remove(exact(3)), {"step": "remove", "count": 3}),
    ],
)
def test_each_step(step: Send | PeekUnacked | Claim | Acknowledge | Unmark | Remove, row: Json) -> None:
    plan = Plan(RUN, Verb.PUBLISH, "p", BrokerKind.KAFKA, (step,), exact(1))
    told = json_rows.plan_row(plan)["steps"][0]
    assert row.items() <= told.items()


def test_destination_group_and_pending_rows_survive_odd_names() -> None:
    odd = Ref(Kind.STREAM, "s\udcff")
    destination = Destination(
        odd, "stream", exact(4), facts={"last": "1-0", "odd": "\udcff"}, dead_letters_to=(STREAM,)
    )
    told = orjson.loads(orjson.dumps(json_rows.destination_row(destination)))
    assert told["resource"] == {"base64": "c/8="}
    assert (told["messages"], told["backlog"], told["why"]) == (4, None, "backlog: not asked; bytes: not asked")
    assert told["dead_letters_to"] == [{"resource": "payments", "kind": "stream"}]
    member = Member("worker-7", "", "", (("payments", 0),), 3, 70_000, None)
    group = Group(Ref(Kind.GROUP, "ledger"), "redis", "", (member,), (odd,), exact(3), "no right to XINFO")
    told = orjson.loads(orjson.dumps(json_rows.group_row(group)))
    assert (told["group"], told["pending"], told["why"]) == ("ledger", 3, "no right to XINFO")
    assert told["members"][0]["assigned"] == [["payments", 0]]
    row = json_rows.pending_row(odd, "ledger", PendingEntry(EntryId(5, 1), "w\udcff", 70_000, 3, 9))
    assert orjson.loads(orjson.dumps(row))["consumer"] == {"base64": "d/8="}


def test_a_cause_without_words() -> None:
    row = json_rows.cause_row(Cause("0" * 8, "", "", "", "", 3, None, None))
    assert (row["cause"], row["exception"], row["message"], row["origin"]) == ("no reason recorded", None, None, None)


def test_what_json_has_no_form_for_is_written_whole() -> None:
    """A time of another calendar keeps its digits, a name that is not UTF-8 its bytes, wherever it stands in a row."""
    row = {"n": 2**62 * 1000, "on": ["stream:\udcff", {"\udcfe": -(2**70)}], "plain": "x", "small": -1}
    told = json.loads(dump(row))
    assert told == {
        "n": 2**62 * 1000,
        "on": [{"base64": "c3RyZWFtOv8="}, {"\ufffd": -(2**70)}],
        "plain": "x",
        "small": -1,
    }
