"""Orders: their bodies, and what billing says about one."""

from __future__ import annotations

import json
import random
from typing import Any, Final

from mqtui.demo.shop.failures import Failure, not_json, number_format, schema_mismatch

Header = tuple[str, bytes]
FIRST_NUMBER: Final = 118_203
WELL_TRAVELLED: Final = FIRST_NUMBER + 640
"""The order whose way leads over all three brokers."""

_ITEMS: Final = ("lamp", "desk", "chair", "kettle", "rug", "clock")


def draw(number: int, dice: random.Random) -> dict[str, Any]:
    """Make a good order: ``id``, ``user`` (u1 to u99), ``amount`` in euros and cents, ``currency``, ``items``."""
    return {
        "id": number,
        "user": f"u{dice.randint(1, 99)}",
        "amount": dice.randint(100, 50_000) / 100,
        "currency": "EUR",
        "items": dice.sample(_ITEMS, dice.randint(1, 3)),
    }


def without_amount(order: dict[str, Any]) -> dict[str, Any]:
    """Give the order as checkout 1.4.2 writes it: ``total`` in place of ``amount``."""
    return {("total" if name == "amount" else name): value for name, value in order.items()}


def with_comma(order: dict[str, Any]) -> dict[str, Any]:
    """Give the order as the German form writes it: the amount as text with a decimal comma."""
    return order | {"amount": f"{order['amount']:.2f}".replace(".", ",")}


def body(order: dict[str, Any]) -> bytes:
    """Encode as compact JSON, UTF-8."""
    return json.dumps(order, separators=(",", ":"), ensure_ascii=False).encode()


def headers(version: str, dice: random.Random) -> tuple[Header, ...]:
    """Give what checkout sends along: a W3C ``traceparent``, ``content-type`` and its own version."""
    trace = f"00-{dice.getrandbits(128):032x}-{dice.getrandbits(64):016x}-01"
    return (
        ("traceparent", trace.encode()),
        ("content-type", b"application/json"),
        ("app-version", version.encode()),
    )


def judge(order: bytes) -> Failure | None:
    """Bill an order, or say why it can't be billed; None is success. An amount may be a number or its text."""
    try:
        fields = json.loads(order)
    except ValueError:
        return not_json(order[:20].decode(errors="replace"))
    if not isinstance(fields, dict) or "amount" not in fields:
        return schema_mismatch("amount")
    try:
        float(fields["amount"])
    except (TypeError, ValueError):
        return number_format(str(fields["amount"]))
    return None
