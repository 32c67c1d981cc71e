"""The word for an open transaction: by what its coordinator says, and by how long it is silent."""

from __future__ import annotations

import pytest

from mqtui.domain.resource import Kind, Ref
from mqtui.domain.transactions import OpenPartition, OpenTransaction

NOW = 1_795_000_000.0
ORDERS = Ref(Kind.TOPIC, "orders")


def open_since(seconds: float, *, state: str = "Ongoing", timeout_ms: int | None = 60_000) -> OpenTransaction:
    part = OpenPartition(ORDERS, 4, 118203, int((NOW - seconds) * 1000))
    return OpenTransaction(7, 0, (part,), "billing-7", state, int((NOW - seconds) * 1000), timeout_ms)


@pytest.mark.parametrize(
    ("transaction", "word"),
    [
        (open_since(5), "open"),
        (open_since(90), "overdue"),
        (open_since(90, timeout_ms=None), "open"),
        (open_since(5, state="PrepareCommit"), "ending"),
        (open_since(5, state=""), "unlisted"),
        (open_since(901, state=""), "hanging"),
        (OpenTransaction(7, 0), "unlisted"),
    ],
)
def test_words(transaction: OpenTransaction, word: str) -> None:
    assert transaction.word(NOW) == word


def test_places() -> None:
    assert open_since(5).parts[0].place == "orders-4@118203"
    assert OpenPartition(ORDERS, 4).place == "orders-4"
    assert OpenTransaction(7, 0).silent_seconds(NOW) is None
