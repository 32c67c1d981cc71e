"""A letter without an id is known again by what it holds, whatever a delivery did to it."""

from __future__ import annotations

from msgspec import structs

from mqtui.domain.field_table import int64, string
from mqtui.domain.figure import unknown
from mqtui.domain.message import Delivery, Envelope, Message
from mqtui.domain.resource import Kind, Ref
from mqtui.services.redrive.run.outcome_counter import fingerprint

ENVELOPE = Envelope("", "dlq", False, (("message_id", "7"),), 0, unknown("no limit"))
LETTER = Message(
    Ref(Kind.QUEUE, "dlq"),
    Delivery(1),
    b"body",
    headers=(("z", string("1"), "string"), ("a", string("2"), "string"), ("z", string("3"), "string")),
    envelope=ENVELOPE,
)


def test_a_second_delivery_that_sorted_the_headers_and_counted_itself() -> None:
    by_name = sorted(LETTER.headers, key=lambda header: header[0])
    again = structs.replace(
        LETTER,
        position=Delivery(9),
        headers=(*by_name[:1], ("x-delivery-count", int64(1), "int64"), *by_name[1:]),
        envelope=structs.replace(ENVELOPE, redelivered=True, deliveries=1),
    )
    assert fingerprint(again) == fingerprint(LETTER)


def test_everything_else_tells_letters_apart() -> None:
    twice_the_other_way = tuple(LETTER.headers[place] for place in (2, 1, 0))
    others = [
        structs.replace(LETTER, value=b"other"),
        structs.replace(LETTER, headers=LETTER.headers[:2]),
        structs.replace(LETTER, headers=twice_the_other_way),
        structs.replace(LETTER, headers=(("z", string("1"), "binary"), *LETTER.headers[1:])),
        structs.replace(LETTER, envelope=structs.replace(ENVELOPE, properties=(("message_id", "8"),))),
    ]
    assert len({fingerprint(letter) for letter in (LETTER, *others)}) == len(others) + 1
