"""Messages that tell the same become one; the cause id is stable."""

import pytest

from mqtui.domain.cause import cause_id, cause_text, normalize_message


@pytest.mark.parametrize(
    ("message", "normal"),
    [
        ('field "amount" missing', 'field "amount" missing'),
        ("payments did not answer within 5033 ms", "payments did not answer within # ms"),
        ("took 35ms of 2.5s", "took #ms of #s"),
        ('For input string: "12,50"', 'For input string: "…"'),
        ("can't read 'a1' of 'body'", "can't read '…' of 'body'"),
        ("order-4711 of u7 and DE123456789", "order-# of <id> and <id>"),
        ("utf8 and int32 and address_2 stay", "utf8 and int32 and address_2 stay"),
        ("id 123e4567-e89b-12d3-a456-426614174000", "id <id>"),
        ("0x1F deadbeef00 java.lang.Object@1a2b3c4d", "<id> <id> java.lang.Object@#"),
        ("at 2026-11-24T02:50:58.123Z, 2026-11-24 02:50:58 and 2026-11-24", "at <time>, <time> and <time>"),
        ("GET http://shop:8080/o/17?x=1 failed for anna@shop.de", "GET <url> failed for <mail>"),
        ("10.0.0.1:9092 -5 +7.5e-10", "# # #"),
        ("  two\n lines\t1 ", "two lines #"),
        ("größe5 überschritten", "größe5 überschritten"),
        ("", ""),
    ],
)
def test_normalize_message(message: str, normal: str) -> None:
    assert normalize_message(message) == normal


def test_a_normalised_message_stays_as_it_is() -> None:
    for text in ("payments did not answer within # ms", 'For input string: "…"', "<id> of <time> at <url>"):
        assert normalize_message(text) == text


def test_a_long_payload_in_a_message_does_not_count() -> None:
    assert normalize_message("bad body " + "x" * 5_000) == normalize_message("bad body " + "x" * 6_000)


def test_the_cause_id_is_what_it_was() -> None:
    """These ids stand in people's notes and scripts: a change needs a new normaliser version."""
    assert cause_id("shop.billing.SchemaMismatch", 'field "amount" missing', "topic:orders") == "284edf3f"
    assert cause_id("", "", "") != cause_id("", "", "topic:orders")


def test_cause_text() -> None:
    assert cause_text("shop.billing.Parser$Bad", "no stock") == "Bad: no stock"
    assert cause_text("rejected by work.invoices", "") == "rejected by work.invoices"
    assert cause_text("", "only words") == "only words"
    assert cause_text("", "") == "no reason recorded"
