"""Payments on Redis: the fields of an entry, and what the ledger says of one."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Final

from cryptography.fernet import Fernet, InvalidToken

Fields = list[tuple[bytes, bytes]]
FIRST_ORDER: Final = 118_203
CURRENCIES: Final = ("EUR", "CHF", "PLN")
SEALED: Final = b"fernet"


def payment(order: int, dice: random.Random) -> Fields:
    """Make the fields of a good payment: ``order``, ``user``, ``currency``, ``body`` (JSON with cents and card)."""
    body = {"cents": dice.randint(100, 50_000), "card": f"**** {dice.randint(1000, 9999)}"}
    return [
        (b"order", str(order).encode()),
        (b"user", f"u{dice.randint(1, 99)}".encode()),
        (b"currency", dice.choice(CURRENCIES).encode()),
        (b"body", json.dumps(body, separators=(",", ":")).encode()),
    ]


def in_currency(fields: Fields, currency: str) -> Fields:
    """Give the payment in another currency."""
    return [(name, currency.encode() if name == b"currency" else value) for name, value in fields]


def sealed(fields: Fields, key: str) -> Fields:
    """Encrypt ``body`` with Fernet and add the field ``encoding``."""
    locked = [(name, Fernet(key).encrypt(value) if name == b"body" else value) for name, value in fields]
    return [*locked, (b"encoding", SEALED)]


@dataclass(frozen=True, slots=True)
class Death:
    """Why a payment could not be booked, and where it was: exception class, reason, stream, entry id, group."""

    exception: str
    reason: str
    stream: str
    entry: str
    group: str
    attempts: int

    def letter(self, fields: Fields) -> Fields:
        """Make the fields of the letter: the payment's own, then ours.

        Redis has no convention for dead letters; the shop's is a prefix: ``dlq_stream``, ``dlq_id``, ``dlq_group``,
        ``dlq_exception``, ``dlq_reason``, ``dlq_attempts`` (decimal).
        """
        ours = {
            "dlq_stream": self.stream,
            "dlq_id": self.entry,
            "dlq_group": self.group,
            "dlq_exception": self.exception,
            "dlq_reason": self.reason,
            "dlq_attempts": str(self.attempts),
        }
        return [*fields, *((name.encode(), value.encode()) for name, value in ours.items())]


def fault_in(fields: dict[bytes, bytes], key: str) -> tuple[str, str] | None:
    """Say why the ledger can't book a payment, as exception class and reason; None when it can."""
    currency = fields.get(b"currency", b"").decode(errors="replace")
    if currency not in CURRENCIES:
        return "shop.ledger.UnknownCurrency", f"no account in {currency or 'no currency'}"
    try:
        body = fields[b"body"]
        json.loads(Fernet(key).decrypt(body) if fields.get(b"encoding") == SEALED else body)["cents"]
    except (KeyError, TypeError, ValueError, InvalidToken) as error:
        return "shop.ledger.Unreadable", f"body of the payment: {type(error).__name__}"
    return None
