"""What the shop is told on the first line of its standard input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

KINDS: Final = ("kafka", "rabbitmq", "redis")


@dataclass(frozen=True, slots=True)
class Spec:
    """The brokers to trade on, by URL as on mqtui's command line; a kind without URL is left alone.

    ``registry`` is the URL of the schema registry for what is encoded on Kafka.

    ``prefix`` goes in front of every name the shop makes. ``fernet_key`` is 32 bytes in URL-safe base64, as
    ``cryptography.fernet.Fernet.generate_key`` gives it; it seals some bodies on RabbitMQ and Redis.
    """

    fernet_key: str
    kafka: str | None = None
    rabbitmq: str | None = None
    redis: str | None = None
    prefix: str = ""
    registry: str | None = None

    @classmethod
    def from_line(cls, line: bytes) -> Spec:
        """Read one JSON line.

        Raises:
            msgspec.ValidationError: a field is missing or of another type.
            msgspec.DecodeError: the line is no JSON.
        """
        return msgspec.json.decode(line, type=cls)

    def to_line(self) -> bytes:
        """Write the one JSON line, with its line end."""
        return msgspec.json.encode(self) + b"\n"

    def kinds(self) -> tuple[str, ...]:
        """Say which brokers have a URL, in the order of ``KINDS``."""
        return tuple(kind for kind in KINDS if getattr(self, kind) is not None)
