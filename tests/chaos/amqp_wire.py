"""Filling a queue at the speed of the wire: pika encodes one letter, and every other one is a copy with another id."""

from __future__ import annotations

import datetime
import socket
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import pika
from pika import frame, spec

CHANNEL = 1
ID = "00000000"
FRAME_MAX = 131_072
WAIT = 60.0
START = b"AMQP\x00\x00\x09\x01"


class Filler:
    """A connection that publishes to one queue through the default exchange, unconfirmed."""

    def __init__(self, url: str, queue: str, origin: str) -> None:
        """Letters say that they were rejected from the queue `origin`, as RabbitMQ writes it."""
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname or "localhost", parts.port or 5672), WAIT)
        self._decoded = b""
        self._shake_hands(unquote(parts.username or ""), unquote(parts.password or ""), unquote(parts.path[1:]) or "/")
        self._publish = frame.Method(CHANNEL, spec.Basic.Publish(routing_key=queue)).marshal()
        self._properties = pika.BasicProperties(message_id=ID, delivery_mode=2, headers=_death(origin))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def send(self, letters: Sequence[tuple[bytes, bytes]]) -> int:
        """Send ids (8 digits) and bodies of one length; how many there were."""
        if not letters:
            return 0
        size = len(letters[0][1])
        header = frame.Header(CHANNEL, size, self._properties).marshal()
        body = frame.Body(CHANNEL, b"\0" * size).marshal()
        before, after = header.split(ID.encode())
        opening, closing = body[: -size - 1], body[-1:]
        parts: list[bytes] = []
        for name, content in letters:
            assert len(content) == size
            parts += (self._publish, before, name, after, opening, content, closing)
        self._socket.sendall(b"".join(parts))
        return len(letters)

    def _shake_hands(self, user: str, secret: str, vhost: str) -> None:
        self._socket.sendall(START)
        self._await(spec.Connection.Start)
        self._say(0, spec.Connection.StartOk(response=f"\0{user}\0{secret}", client_properties={}))
        self._await(spec.Connection.Tune)
        self._say(0, spec.Connection.TuneOk(channel_max=8, frame_max=FRAME_MAX, heartbeat=0))
        self._say(0, spec.Connection.Open(virtual_host=vhost))
        self._await(spec.Connection.OpenOk)
        self._say(CHANNEL, spec.Channel.Open())
        self._await(spec.Channel.OpenOk)

    def _say(self, channel: int, method: Any) -> None:
        self._socket.sendall(frame.Method(channel, method).marshal())

    def _await(self, wanted: type) -> None:
        while True:
            used, found = frame.decode_frame(self._decoded)
            if found is None:
                more = self._socket.recv(65_536)
                assert more, f"closed before {wanted.__name__}"
                self._decoded += more
                continue
            self._decoded = self._decoded[used:]
            assert isinstance(getattr(found, "method", None), wanted), found
            return


def _death(queue: str) -> dict[str, Any]:
    now = datetime.datetime.now(datetime.UTC)
    death = {
        "count": 1,
        "reason": "rejected",
        "queue": queue,
        "time": now,
        "exchange": "",
        "routing-keys": [queue],
    }
    first = {"x-first-death-queue": queue, "x-first-death-reason": "rejected", "x-first-death-exchange": ""}
    return {"x-death": [death], **first}
