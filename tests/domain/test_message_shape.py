"""What sets a message apart from those before it: said where it is true of all of them, and else nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from mqtui.domain.message_shape import MessageShape, describe_differences, field_types

ORDER = {"id": 1, "user": "u3", "amount": Decimal("4.10"), "to": {"city": "Bern"}}
PLAIN = MessageShape("json", 200, True, "", field_types(ORDER), frozenset({"trace"}))
OTHERS = [PLAIN] * 200


def of(**fields: object) -> MessageShape:
    """The usual message with other fields; None takes one away."""
    kept = {name: value for name, value in {**ORDER, **fields}.items() if value != "gone"}
    return replace(PLAIN, fields=field_types(kept))


@pytest.mark.parametrize(
    ("one", "told"),
    [
        (PLAIN, ""),
        (of(amount="gone", total=3), 'unlike the 200 before it: without "amount", with "total"'),
        (of(amount="7,00"), 'unlike the 200 before it: "amount" is text, not a number'),
        (of(to=None), 'unlike the 200 before it: without "to.city", "to" is null, not an object'),
        (of(to="gone"), 'unlike the 200 before it: without "to"'),
        (replace(PLAIN, codec="text", fields={}), "unlike the 200 before it: text, not json"),
        (replace(PLAIN, has_key=False), "unlike the 200 before it: without a key"),
        (replace(PLAIN, headers=frozenset()), 'unlike the 200 before it: without the header "trace"'),
        (replace(PLAIN, size=9_000), "unlike the 200 before it: 9,000 bytes, the largest of the others 200"),
        (replace(PLAIN, size=900), ""),
    ],
)
def test_differences(one: MessageShape, told: str) -> None:
    assert describe_differences(one, OTHERS) == told


def test_what_differs_among_the_others_too_is_nothing() -> None:
    mixed = [*OTHERS, of(amount="gone"), of(amount="7,00"), replace(PLAIN, has_key=False), of(total=3)]
    assert describe_differences(of(amount="gone", total=3), mixed) == ""
    assert describe_differences(of(amount=True), mixed) == ""
    assert describe_differences(PLAIN, []) == ""


def test_another_schema() -> None:
    old = [replace(PLAIN, schema="id 11")] * 3
    assert (
        describe_differences(replace(PLAIN, schema="id 12"), old) == "unlike the 3 before it: schema id 12, not id 11"
    )


def test_many_fields_are_counted() -> None:
    one = of(**{f"f{number}": number for number in range(9)})
    assert describe_differences(one, OTHERS).endswith('with "f0", "f1", "f2", "f3" and 5 more')
