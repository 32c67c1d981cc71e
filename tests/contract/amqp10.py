"""A sender of AMQP 1.0, as small as can be: what RabbitMQ 4 takes from such senders, 0-9-1 can't say.

Layouts: OASIS AMQP 1.0, part 1 (types), part 2 (transport), part 3 (messaging).
"""

from __future__ import annotations

import socket
import struct
import uuid
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

FRAME = struct.Struct(">IBBH")
OPEN, BEGIN, ATTACH, TRANSFER, DISPOSITION, CLOSE = 0x10, 0x11, 0x12, 0x14, 0x15, 0x18
SASL_INIT = 0x41
PROPERTIES, APPLICATION_PROPERTIES, DATA, VALUE = 0x73, 0x74, 0x75, 0x77
PROPERTY_NAMES = (
    "message_id",
    "user_id",
    "to",
    "subject",
    "reply_to",
    "correlation_id",
    "content_type",
    "content_encoding",
    "absolute_expiry_time",
    "creation_time",
    "group_id",
    "group_sequence",
)


class Symbol(str):
    """A symbol, which is text of ASCII."""


class UInt(int):
    """An unsigned number of 32 bits."""


def encode(value: object) -> bytes:
    """The AMQP 1.0 form of a value."""
    match value:
        case None:
            return b"\x40"
        case bool():
            return b"\x41" if value else b"\x42"
        case UInt():
            return b"\x70" + struct.pack(">I", value)
        case int():
            return b"\x81" + struct.pack(">q", value)
        case float():
            return b"\x82" + struct.pack(">d", value)
        case uuid.UUID():
            return b"\x98" + value.bytes
        case Symbol():
            return b"\xb3" + struct.pack(">I", len(value)) + value.encode()
        case str():
            text = value.encode()
            return b"\xb1" + struct.pack(">I", len(text)) + text
        case bytes():
            return b"\xb0" + struct.pack(">I", len(value)) + value
        case dict():
            return _compound(0xD1, [part for pair in value.items() for part in pair])
        case list() | tuple():
            return _compound(0xD0, value)
        case _:
            raise TypeError(type(value))


def _compound(code: int, items: Iterable[object]) -> bytes:
    parts = [encode(item) for item in items]
    content = struct.pack(">I", len(parts)) + b"".join(parts)
    return bytes((code,)) + struct.pack(">I", len(content)) + content


def described(code: int, value: object) -> bytes:
    return b"\x00\x53" + bytes((code,)) + encode(value)


def message(body: object, application: Mapping[str, object] | None = None, **properties: object) -> bytes:
    """The sections of a message; a body of bytes is one data section, any other a value."""
    unknown = properties.keys() - set(PROPERTY_NAMES)
    assert not unknown, unknown
    sections = b""
    if properties:
        last = max(PROPERTY_NAMES.index(name) for name in properties)
        sections += described(PROPERTIES, [properties.get(name) for name in PROPERTY_NAMES[: last + 1]])
    if application:
        sections += described(APPLICATION_PROPERTIES, dict(application))
    return sections + described(DATA if isinstance(body, bytes) else VALUE, body)


class Sender:
    """One link to one queue; every message is accepted by the broker before `send` returns."""

    def __init__(self, host: str, port: int, queue: str) -> None:
        self._socket = socket.create_connection((host, port), timeout=20)
        self._number = 0
        self._greet(b"AMQP\x03\x01\x00\x00")
        self._frame()
        self._send(1, described(SASL_INIT, [Symbol("PLAIN"), b"\0guest\0guest"]))
        self._frame()
        self._greet(b"AMQP\x00\x01\x00\x00")
        self._send(0, described(OPEN, ["mqtui-test", "localhost"]))
        self._send(0, described(BEGIN, [None, UInt(0), UInt(1000), UInt(1000)]))
        target = _Described(0x29, [f"/queues/{queue}"])
        source = _Described(0x28, ["mqtui-test"])
        attach: list[Any] = ["link", UInt(0), False, None, None, source, target, None, None, UInt(0)]
        self._send(0, described_list(ATTACH, attach))

    def send(self, content: bytes) -> None:
        """Send one message and wait for its disposition."""
        number = UInt(self._number)
        self._number += 1
        transfer = described(TRANSFER, [UInt(0), number, struct.pack(">I", number), UInt(0), False])
        self._send(0, transfer + content)
        while (performative := self._frame()) != DISPOSITION:
            assert performative != CLOSE, "the broker closed the connection"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._send(0, described(CLOSE, []))
        self._socket.close()

    def _greet(self, header: bytes) -> None:
        self._socket.sendall(header)
        assert self._read(8) == header

    def _send(self, kind: int, payload: bytes) -> None:
        self._socket.sendall(FRAME.pack(len(payload) + 8, 2, kind, 0) + payload)

    def _frame(self) -> int:
        """The code of the next performative; frames without one are skipped."""
        while True:
            size, offset, _, _ = FRAME.unpack(self._read(8))
            payload = self._read(size - 8)[offset * 4 - 8 :]
            if payload:
                assert payload[:2] == b"\x00\x53", payload
                return payload[2]

    def _read(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            more = self._socket.recv(size - len(found))
            assert more, "the broker closed the connection"
            found += more
        return found


class _Described:
    def __init__(self, code: int, value: list[Any]) -> None:
        self.encoded = described(code, value)


def described_list(code: int, items: Iterable[Any]) -> bytes:
    """A performative some of whose fields are described themselves."""
    parts = [item.encoded if isinstance(item, _Described) else encode(item) for item in items]
    content = struct.pack(">I", len(parts)) + b"".join(parts)
    return b"\x00\x53" + bytes((code,)) + b"\xd0" + struct.pack(">I", len(content)) + content
