"""Invoices, e-mails, refunds and quotes: the bodies that travel over RabbitMQ, and what their workers say of them."""

from __future__ import annotations

import json
import random
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken

FIRST_NUMBER: Final = 9_900
SEALED: Final = "fernet"
_PRICES: Final = {"lamp": 39.9, "desk": 249.0, "chair": 89.5, "kettle": 24.9, "rug": 119.0, "clock": 17.0}


def invoice(number: int, dice: random.Random) -> bytes:
    """Make a good invoice: ``inv`` and ``eur``, the amount as text with a decimal point."""
    return _body({"inv": number, "eur": f"{dice.randint(100, 9_999) / 100:.2f}"})


def invoice_without_amount(number: int) -> bytes:
    """Make an invoice that the worker rejects: ``eur`` is missing."""
    return _body({"inv": number, "net": "0.00"})


def email(number: int, dice: random.Random) -> bytes:
    """Make an e-mail to send."""
    return _body({"mail": number, "to": f"u{dice.randint(1, 99)}@shop.example", "template": "receipt"})


def receipt(order: int, dice: random.Random) -> bytes:
    """Make the e-mail with the receipt of an order."""
    return _body({"mail": 0, "to": f"u{dice.randint(1, 99)}@shop.example", "template": "receipt", "order": order})


def refund(number: int, dice: random.Random) -> bytes:
    """Make a refund of an order."""
    return _body({"refund": number, "order": 118_203 + dice.randint(0, 2_000), "eur": "12.50"})


def change(number: int) -> bytes:
    """Make a note that a product has changed, for whoever keeps a copy of the catalogue."""
    return _body({"change": number, "sku": sorted(_PRICES)[number % len(_PRICES)]})


def can_be_booked(body: bytes, encoding: str | None, key: str) -> bool:
    """Say whether the worker books an invoice: JSON with an amount in ``eur``, sealed or not."""
    try:
        plain = Fernet(key).decrypt(body) if encoding == SEALED else body
        float(json.loads(plain)["eur"])
    except (InvalidToken, ValueError, KeyError, TypeError):
        return False
    return True


def quote(request: bytes) -> bytes:
    """Answer a price request ``{"sku": ..., "count": ...}``; what can't be read or found is answered by ``error``."""
    try:
        asked = json.loads(request)
        price = _PRICES[asked["sku"]] * int(asked.get("count", 1))
    except (ValueError, KeyError, TypeError, AttributeError):
        return _body({"error": "no such product", "known": sorted(_PRICES)})
    return _body({"sku": asked["sku"], "price": round(price, 2), "currency": "EUR"})


def _body(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()
