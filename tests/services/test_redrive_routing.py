"""Letters with the same header names and origin are routed once: each goes where it would go alone."""

from __future__ import annotations

from mqtui.domain.capability import Verb
from mqtui.domain.message import EntryId, Message, Offset
from mqtui.domain.redrive import Transfer
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.services.conventions import load_for_profile
from mqtui.services.redrive.planning.mqtui_headers import HeaderStamper
from mqtui.services.redrive.planning.routing import RedriveRouter, Unroutable
from mqtui.services.redrive.request import RedriveRequest

NOW = 1_700_000_000_000
TOPIC, STREAM = Ref(Kind.TOPIC, "parked"), Ref(Kind.STREAM, "parked")
ORIGIN, REASON = "kafka_dlt-original-topic", "kafka_dlt-exception-message"


def record(offset: int, *headers: tuple[str, bytes]) -> Message:
    return Message(TOPIC, Offset(0, offset), b"{}", b"k", tuple((name, value, "") for name, value in headers), NOW)


def entry(ms: int, *fields: tuple[bytes, bytes]) -> Message:
    return Message(STREAM, EntryId(ms, 0), None, timestamp=ms, fields=fields)


RECORDS = [
    record(0, (ORIGIN, b"orders"), (REASON, b"no")),
    record(1, (ORIGIN, b"invoices"), (REASON, b"no")),
    record(2, (REASON, b"no"), (ORIGIN, b"invoices")),
    record(3),
    record(4, (ORIGIN, b"parked"), (REASON, b"no")),
    record(5, (ORIGIN, b"orders"), (REASON, b"other")),
    record(6, (ORIGIN, b"orders"), (REASON, b"other"), ("x-mqtui-redrives", b"2")),
    record(7),
]
ENTRIES = [
    entry(1, (b"order", b"1"), (b"dlq_stream", b"orders")),
    entry(2, (b"dlq_stream", b"orders"), (b"order", b"1")),
    entry(3, (b"order", b"1")),
    entry(4, (b"order", b"2"), (b"dlq_stream", b"invoices")),
    entry(5, (b"order", b"3"), (b"dlq_stream", b"orders")),
]


def router(kind: BrokerKind, source: Ref) -> RedriveRouter:
    request, stamper = RedriveRequest(Verb.REDRIVE, source), HeaderStamper(kind, "0" * 32, "anna", "2026-11-30")
    return RedriveRouter(request, kind, load_for_profile().conventions, stamper, None, alive_at=NOW)


def where(route: Transfer | Unroutable) -> object:
    return route.reason if isinstance(route, Unroutable) else (route.target, route.stripped, route.content)


def test_letters_alike_go_where_each_goes_alone() -> None:
    for kind, source, letters in ((BrokerKind.KAFKA, TOPIC, RECORDS), (BrokerKind.REDIS, STREAM, ENTRIES)):
        shared = router(kind, source)
        for letter in letters * 2:
            alone = router(kind, source).route(letter)
            assert where(shared.route_alike(letter)) == where(alone)
            assert shared.route(letter) == alone
