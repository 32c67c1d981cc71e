"""Rows of `mqtui ls` for people."""

from __future__ import annotations

from mqtui.brokers.registry import traits_of
from mqtui.cli.ls import RowText
from mqtui.domain.figure import exact
from mqtui.domain.name_quoting import UnambiguousNames
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.topology import HOLDS_NOTHING, Destination

USUAL: dict[str, str | int | bool | None] = {"durable": True, "auto_delete": False, "state": "running"}


def text_of(row: Destination) -> RowText:
    traits = traits_of(BrokerKind.RABBITMQ)
    return RowText(UnambiguousNames([row.ref], traits.destinations), traits.usual_facts)


def facts_of(facts: dict[str, str | int | bool | None]) -> object:
    row = Destination(Ref(Kind.QUEUE, "work"), "classic", exact(3), exact(2), facts=facts)
    return text_of(row).cells(row)[-1]


def test_only_facts_that_differ_from_the_usual_are_shown() -> None:
    assert facts_of(USUAL) == ""
    assert facts_of({**USUAL, "policy": "limits", "consumers": 0}) == "policy=limits consumers=0"
    assert facts_of({"durable": False, "auto_delete": True, "state": "down"}) == "durable=no auto_delete=yes state=down"


def test_what_an_exchange_does_not_have_is_blank() -> None:
    exchange = Ref(Kind.EXCHANGE, "events")
    row = Destination(exchange, "topic", HOLDS_NOTHING, HOLDS_NOTHING, facts=USUAL)
    assert text_of(row).cells(row)[2:] == ("", "", "")
