"""Sending records to Kafka and learning where each went."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Message, Producer

Header = tuple[str, bytes]
FLUSH_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ShopRecord:
    """A record to send; ``partition`` -1 lets the producer choose by key, ``timestamp`` is epoch milliseconds."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]
    timestamp: int
    partition: int = -1


@dataclass(frozen=True, slots=True)
class Sent:
    """A parcel and where the broker put it."""

    parcel: ShopRecord
    partition: int
    offset: int


class NotDelivered(RuntimeError):
    """The broker did not take every parcel in time."""


class _Slip:
    """Waits for the delivery report of one parcel."""

    def __init__(self, parcel: ShopRecord) -> None:
        self._parcel = parcel
        self.sent: Sent | None = None

    def sign(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            raise KafkaException(error)
        self.sent = Sent(self._parcel, message.partition() or 0, message.offset() or 0)


def hand_over(producer: Producer, parcel: ShopRecord, slip: _Slip | None = None) -> None:
    """Put a parcel into the producer's queue; it is on the broker after the next successful flush."""
    producer.produce(
        parcel.topic,
        key=parcel.key,
        value=parcel.value,
        headers=[(name, value) for name, value in parcel.headers],
        timestamp=parcel.timestamp,
        partition=parcel.partition,
        on_delivery=None if slip is None else slip.sign,
    )


def send_all(producer: Producer, parcels: Iterable[ShopRecord]) -> list[Sent]:
    """Send parcels and wait for all delivery reports; the answer has their order.

    Raises:
        NotDelivered: a report is missing after 30 s.
        KafkaException: the broker refused one.
    """
    todo = list(parcels)
    slips = [_Slip(parcel) for parcel in todo]
    for parcel, slip in zip(todo, slips, strict=True):
        hand_over(producer, parcel, slip)
    producer.flush(FLUSH_SECONDS)
    sent = [slip.sent for slip in slips if slip.sent is not None]
    if len(sent) != len(todo):
        raise NotDelivered(f"{len(todo) - len(sent)} of {len(todo)} records are not acknowledged")
    return sent


def received(message: Message) -> Sent:
    """Take a consumed message apart; a header without value counts as empty."""
    headers = tuple((name, _as_bytes(value)) for name, value in _pairs(message))
    parcel = ShopRecord(message.topic() or "", message.key(), message.value(), headers, message.timestamp()[1])
    return Sent(parcel, message.partition() or 0, message.offset() or 0)


def _pairs(message: Message) -> list[tuple[str, str | bytes | None]]:
    headers = message.headers() or []
    return list(headers.items()) if isinstance(headers, dict) else headers


def _as_bytes(value: str | bytes | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""
