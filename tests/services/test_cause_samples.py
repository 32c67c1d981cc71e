"""What is said of all letters of a cause: values as people know them, whatever type they have on the wire (C12)."""

from __future__ import annotations

import pytest

from mqtui.domain.field_table import int64, string
from mqtui.domain.message import Delivery, Header, Message
from mqtui.domain.resource import Kind, Ref
from mqtui.services.cause_samples import CauseReport
from mqtui.services.conventions import load_conventions

TYPED: tuple[Header, ...] = (("tenant", string("eu"), "string"), ("version", int64(3), "int64"), ("x", b"\0", "int64"))
UNTYPED: tuple[Header, ...] = (("tenant", b"eu", ""), ("version", b"3", ""), ("odd", b"\xff", ""))


@pytest.mark.parametrize("headers", [TYPED, UNTYPED], ids=["typed", "untyped"])
def test_header_values_are_told_without_their_encoding(headers: tuple[Header, ...]) -> None:
    report = CauseReport(load_conventions().conventions)
    for number in (1, 2):
        report.add(Message(Ref(Kind.QUEUE, "dlq"), Delivery(number), b"{}", headers=headers))
    (cause,) = report.causes()
    told = report.describe_common(cause.id)
    assert "tenant eu" in told and "version 3" in told
    assert "odd" not in told and "\0\0" not in told
