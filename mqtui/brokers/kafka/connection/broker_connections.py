"""Connections for requests that librdkafka sends one by one where Kafka's protocol has one for many.

They stay open, so that a poll opens none. Whoever uses them asks librdkafka instead after a `BulkUnavailable`.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeAlias, TypeVar

from mqtui.brokers.kafka.config import sasl_mechanism, tls_settings
from mqtui.brokers.kafka.connection.wire_format import ResponseDecoder
from mqtui.brokers.port import Address
from mqtui.domain.errors import MqtuiError

Answer = TypeVar("Answer")
HostPort: TypeAlias = tuple[str, int]

TIMEOUT = 3.0
"""Seconds for connecting, and for each response."""

UNSUPPORTED_SECONDS = 60.0
"""Seconds during which a broker that can't be asked this way is not tried again."""

UNREACHABLE_SECONDS = 0.5
"""The same for one that did not answer."""

MOST_BYTES = 1 << 28
"""A longer response is no response of Kafka's."""

SASL_HANDSHAKE, API_VERSIONS, SASL_AUTHENTICATE = 17, 18, 36
KNOWN_TLS_OPTIONS = frozenset(
    {
        "ssl.ca.location",
        "ssl.certificate.location",
        "ssl.endpoint.identification.algorithm",
        "ssl.key.location",
        "ssl.key.password",
    }
)
"""Any other option of librdkafka's about TLS could ask for more than `tls_settings` checks."""

SUPPORTED_MECHANISMS = ("", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class BulkUnavailable(Exception):
    """A broker does not answer this way: it is out of reach, or cannot be asked so at all."""


class BulkUnsupported(BulkUnavailable):
    """A broker can't be asked this way: it is too old, refuses this login, or its options are for librdkafka alone."""


class BrokerConnections:
    """The open connections of one cluster, by host and port. Blocks; safe for several threads."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._open: dict[HostPort, BrokerConnection] = {}
        self._opening: dict[HostPort, threading.Lock] = {}
        self._failed: dict[HostPort, tuple[float, BulkUnavailable]] = {}
        """Until when a broker is not tried again, and why."""

        self._supported = sasl_mechanism(address) in SUPPORTED_MECHANISMS and not any(
            name.startswith("ssl.") and name not in KNOWN_TLS_OPTIONS for name in address.settings
        )

    def request(
        self, broker: HostPort | None, key: int, version: int, body: bytes, decode: Callable[[ResponseDecoder], Answer]
    ) -> Answer:
        """The decoded response to a request of a flexible version; None asks any broker of the address.

        Raises:
            BulkUnavailable: it can't be had.
        """
        if not self._supported:
            raise BulkUnsupported("options for librdkafka alone")
        if broker is not None:
            return self._request(broker, key, version, body, decode)
        reason: BulkUnavailable | None = None
        for each in self._address.hosts:
            try:
                return self._request(each, key, version, body, decode)
            except BulkUnavailable as error:
                reason = error
        raise reason or BulkUnavailable("no broker")

    def close(self) -> None:
        """Close all of them."""
        with self._lock:
            there, self._open = list(self._open.values()), {}
            self._supported = False
        for each in there:
            each.close()

    def _request(
        self, broker: HostPort, key: int, version: int, body: bytes, decode: Callable[[ResponseDecoder], Answer]
    ) -> Answer:
        until, before = self._failed.get(broker, (0.0, None))
        if before is not None and time.monotonic() < until:
            raise type(before)(str(before))
        try:
            with suppress(ConnectionError):
                return decode(ResponseDecoder(self._connection(broker).request(key, version, body)))
            self._forget(broker)
            return decode(ResponseDecoder(self._connection(broker).request(key, version, body)))
        except BulkUnsupported as error:
            self._note_failure(broker, error, UNSUPPORTED_SECONDS)
            raise
        except (BulkUnavailable, OSError, ValueError, LookupError, struct.error, MqtuiError) as error:
            unavailable = BulkUnavailable(str(error))
            self._note_failure(broker, unavailable, UNREACHABLE_SECONDS)
            raise unavailable from error

    def _note_failure(self, broker: HostPort, reason: BulkUnavailable, seconds: float) -> None:
        self._forget(broker)
        with self._lock:
            self._failed[broker] = time.monotonic() + seconds, reason

    def _connection(self, broker: HostPort) -> BrokerConnection:
        with self._lock:
            opening = self._opening.setdefault(broker, threading.Lock())
        with opening:
            with self._lock:
                found = self._open.get(broker)
            if found is None:
                found = BrokerConnection(self._address, broker)
                with self._lock:
                    self._open[broker] = found
        return found

    def _forget(self, broker: HostPort) -> None:
        with self._lock:
            found = self._open.pop(broker, None)
        if found is not None:
            found.close()


class BrokerConnection:
    """One connection: TLS and login as the address has them, and one request at a time. Blocks.

    Raises:
        BulkUnsupported: the broker refuses the login.
        OSError, MqtuiError: it can't be reached, or not with these TLS settings.
    """

    def __init__(self, address: Address, broker: HostPort) -> None:
        self._client_id = f"{address.prefix}-admin".encode()
        self._lock = threading.Lock()
        self._sent = 0
        self._socket = _open_socket(address, broker)
        weakref.finalize(self, self._socket.close)
        try:
            self._versions = self._api_versions()
            if mechanism := sasl_mechanism(address):
                self._log_in(mechanism, address)
        except BaseException:
            self.close()
            raise

    def request(self, key: int, version: int, body: bytes) -> bytes:
        """The response body to a request with a flexible header.

        Raises:
            BulkUnsupported: the broker does not know this version.
            OSError: no response, or the connection was lost.
        """
        first, last = self._versions.get(key, (0, -1))
        if not first <= version <= last:
            raise BulkUnsupported(f"the broker has versions {first} to {last} of API {key}, not {version}")
        response = self._exchange(key, version, b"\0" + body)
        if response[:1] != b"\0":
            raise BulkUnavailable("tagged fields in a response header")
        return response[1:]

    def close(self) -> None:
        """Close the socket."""
        with suppress(OSError):
            self._socket.close()

    def _exchange(self, key: int, version: int, rest: bytes) -> bytes:
        """Send a request; its response without size and correlation id."""
        with self._lock:
            self._sent += 1
            header = struct.pack(">hhih", key, version, self._sent, len(self._client_id)) + self._client_id
            self._socket.sendall(struct.pack(">i", len(header) + len(rest)) + header + rest)
            size, answered = struct.unpack(">ii", self._receive(8))
            if answered != self._sent or not 4 <= size <= MOST_BYTES:
                raise BulkUnavailable("this is no response to the request")
            return self._receive(size - 4)

    def _receive(self, size: int) -> bytes:
        received = bytearray(size)
        view, at = memoryview(received), 0
        while at < size:
            count = self._socket.recv_into(view[at:])
            if not count:
                raise ConnectionResetError("the broker closed the connection")
            at += count
        return bytes(received)

    def _api_versions(self) -> Mapping[int, tuple[int, int]]:
        """The first and last version of each API that the broker knows."""
        response = self._exchange(API_VERSIONS, 0, b"")
        error, _ = struct.unpack_from(">hi", response)
        if error:
            raise BulkUnavailable(f"ApiVersions: error {error}")
        return {key: (first, last) for key, first, last in struct.iter_unpack(">hhh", response[6:])}

    def _log_in(self, mechanism: str, address: Address) -> None:
        name = mechanism.encode()
        response = self._exchange(SASL_HANDSHAKE, 1, struct.pack(">h", len(name)) + name)
        if error := struct.unpack_from(">h", response)[0]:
            raise BulkUnsupported(f"SaslHandshake: error {error}")
        if mechanism == "PLAIN":
            self._authenticate(b"\0".join((b"", address.user.encode(), address.secret.encode())))
            return
        from kafka.net.sasl.scram import ScramClient

        scram = ScramClient(address.user, address.secret, mechanism)
        scram.process_server_first_message(self._authenticate(scram.first_message()))
        scram.process_server_final_message(self._authenticate(scram.final_message()))

    def _authenticate(self, token: bytes) -> bytes:
        """The broker's token in answer to ours."""
        response = self._exchange(SASL_AUTHENTICATE, 1, struct.pack(">i", len(token)) + token)
        error, length = struct.unpack_from(">hh", response)
        if error:
            raise BulkUnsupported(f"SaslAuthenticate: error {error}")
        at = 4 + max(0, length)
        (size,) = struct.unpack_from(">i", response, at)
        return response[at + 4 : at + 4 + size]


def _open_socket(address: Address, broker: HostPort) -> socket.socket:
    tls = tls_settings(address)
    context: ssl.SSLContext | None = tls.context() if tls is not None else None
    plain = socket.create_connection(broker, TIMEOUT)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return plain if context is None else context.wrap_socket(plain, server_hostname=broker[0])
    except BaseException:
        plain.close()
        raise
