"""What is behind a port, asked only after a connection to it has failed or hangs, so that the error can name the cause.

Three short conversations at most, each on a connection of its own; none of them logs in or changes anything.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from mqtui.brokers.options import setting
from mqtui.brokers.tls import Tls
from mqtui.domain.errors import MqtuiError, TlsRefused, Unreachable

SOON = 1.5
"""Seconds without an answer after which the ports are asked what they speak, while it is still waited for."""

SECONDS = 2.0
"""What connecting, and one TLS handshake, may take."""

REPLY_SECONDS = 0.7
"""What a server of any of these protocols needs at most for its first byte."""

SCHEMES = {
    "Kafka": ("kafka", "kafka+ssl"),
    "AMQP": ("amqp", "amqps"),
    "Redis": ("redis", "rediss"),
    "HTTP": ("http", "https"),
}
"""Protocols, and their schemes without and with TLS."""

OPENINGS = {
    b"AMQP": "AMQP",
    b"+PONG": "Redis",
    b"-NOAUTH": "Redis",
    b"-DENIED": "Redis",
    b"-LOADING": "Redis",
    b"-ERR": "Redis",
    b"-NOPERM": "Redis",
    b"HTTP/": "HTTP",
    b"SSH-": "SSH",
}
"""How the answers to `PING` and two line ends begin: eight bytes, which RabbitMQ takes for a wrong header."""

HELLO = b"PING\r\n\r\n"
API_VERSIONS = struct.pack(">ihhih", 15, 18, 0, 7, 5) + b"mqtui"
"""Kafka's first request: size, key 18, version 0, correlation id 7, client id."""


def shown(host: str, port: int) -> str:
    """Host and port."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class Door:
    """One place that was tried: which protocol, and the TLS that was asked for (None: none)."""

    host: str
    port: int
    protocol: str
    tls: Tls | None

    @property
    def shown(self) -> str:
        """Host and port."""
        return shown(self.host, self.port)

    def scheme(self, *, tls: bool) -> str:
        """The scheme of its URL."""
        return f"{SCHEMES[self.protocol][tls]}://"


def explain(places: Sequence[Door]) -> MqtuiError | None:
    """Why no conversation came about at any of these; None where the ports themselves tell nothing.

    What is wrong with a port that answers goes before one that does not. It blocks for up to 5 s a place.
    """
    silent: list[MqtuiError] = []
    answering = 0
    for door in places:
        if (nothing := _no_answer(door)) is not None:
            silent.append(nothing)
            continue
        answering += 1
        cause = _without_tls(door, _spoken(door)) if door.tls is None else _with_tls(door, door.tls)
        if cause is not None:
            return cause
    if answering or not silent:
        return None
    if len(silent) == 1:
        return silent[0]
    told = "; ".join(error.title for error in silent)
    return Unreachable(f"None of {len(silent)} addresses can be reached", told, silent[0].hint)


def recognise(places: Sequence[Door]) -> MqtuiError | None:
    """What these places speak instead of what is asked of them, while their answer is waited for.

    Only what they say counts: none that is silent, which may be slow, and none while another one fits or can't be
    told. It blocks as `explain` does.
    """
    wrong: list[MqtuiError] = []
    for door in places:
        if _no_answer(door) is not None:
            continue
        spoken = _spoken(door)
        if spoken in ("", "TLS" if door.tls is not None else door.protocol):
            return None
        cause = _without_tls(door, spoken) if door.tls is None else _no_tls(door, spoken)
        if cause is not None:
            wrong.append(cause)
    return wrong[0] if wrong else None


def certificate_refusal(door: Door, tls: Tls) -> TlsRefused | None:
    """Why the server's certificate is refused; None where it is not, or where no handshake comes about."""
    try:
        with _secured(door, tls.context()):
            return None
    except ssl.SSLCertVerificationError as error:
        from mqtui.brokers.certificates import refused_certificate

        return refused_certificate(door.shown, door.host, tls, error, _certificate(door))
    except OSError:
        return None


def _no_answer(door: Door) -> Unreachable | None:
    """Why not even a connection comes about; None where one does."""
    try:
        with _connected(door):
            return None
    except socket.gaierror as error:
        hint = "Check the host in the URL, and whether this machine can look it up."
        return Unreachable(f"No such host: {door.host}", error.strerror or str(error), hint)
    except ConnectionRefusedError:
        hint = "Is the broker running, and is the port right?"
        return Unreachable(f"Nobody listens on {door.shown}", "Connection refused.", hint)
    except TimeoutError:
        said = f"No connection within {SECONDS:.0f} s."
        return Unreachable(f"{door.shown} does not answer", said, "Is the address right? A firewall may be in between.")
    except OSError as error:
        reason = error.strerror or str(error)
        return Unreachable(f"{door.shown} can't be reached", reason, "Check host, port and network.")


def _without_tls(door: Door, spoken: str) -> MqtuiError | None:
    if spoken == door.protocol or not spoken:
        return None
    if spoken != "TLS":
        return _another(door, spoken, tls=False)
    return TlsRefused(
        f"{door.shown} speaks TLS",
        "The URL asks for a connection without it.",
        f"Write {door.scheme(tls=True)} instead of {door.scheme(tls=False)}, or give the port without TLS.",
    )


def _with_tls(door: Door, tls: Tls) -> MqtuiError | None:
    context = tls.context()
    try:
        with _secured(door, context) as secured:
            spoken = _opening(secured)
    except ssl.SSLCertVerificationError as error:
        from mqtui.brokers.certificates import refused_certificate

        return refused_certificate(door.shown, door.host, tls, error, _certificate(door))
    except ssl.SSLError as error:
        return _alert(door, tls, error) or _no_tls(door, _spoken(door))
    except OSError:
        return _no_tls(door, _spoken(door))
    if spoken in SCHEMES and spoken != door.protocol:
        return _another(door, spoken, tls=True)
    return None


def _no_tls(door: Door, spoken: str) -> MqtuiError | None:
    """A port that does not answer TLS, and what it speaks instead."""
    if spoken == "TLS":
        return None
    said = f"It speaks {spoken} without TLS." if spoken else "It answers a TLS greeting with nothing."
    plain = f"{SCHEMES[spoken][0]}://" if spoken in SCHEMES else door.scheme(tls=False)
    return TlsRefused(
        f"{door.shown} does not speak TLS",
        said,
        f"Write {plain} instead of {door.scheme(tls=True)}, or give the port that has TLS.",
    )


def _alert(door: Door, tls: Tls, error: ssl.SSLError) -> MqtuiError | None:
    """What the server says of this client's certificate; TLS 1.2 says a missing one in other words than 1.3."""
    reason = error.reason or ""
    missing = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "HANDSHAKE_FAILURE")
    if not tls.cert and any(word in reason for word in missing) and "ALERT" in reason:
        return TlsRefused(
            f"{door.shown} wants a certificate of this client",
            str(error.reason).replace("_", " ").lower(),
            f"{setting({'tls.cert': 'FILE', 'tls.key': 'FILE'})}: PEM files with the certificate and its private key.",
        )
    if tls.cert and "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason):
        return TlsRefused(
            f"{door.shown} does not take the certificate of this client",
            str(error.reason).replace("_", " ").lower(),
            f"Is {tls.cert} issued by an authority that the broker trusts, and still valid?",
        )
    if "ALERT" in reason or "UNSUPPORTED_PROTOCOL" in reason:
        return TlsRefused(
            f"{door.shown} refused TLS",
            str(error.reason).replace("_", " ").lower(),
            "Its TLS versions, ciphers or names fit none of this client's.",
        )
    return None


def _another(door: Door, spoken: str, *, tls: bool) -> MqtuiError:
    return Unreachable(f"{door.shown} speaks {spoken}, not {door.protocol}", "", _way_to(door, spoken, tls=tls))


def _way_to(door: Door, spoken: str, *, tls: bool) -> str:
    """What to write for a port of another protocol."""
    if door.protocol == "HTTP":
        return "The option management is the URL of RabbitMQ's management API, whose port is 15672 where none was set."
    if spoken == "HTTP":
        return (
            f"Give the broker's own port; a management API goes behind it: ?management=http{'s' * tls}://{door.shown}."
        )
    if spoken in SCHEMES:
        return f"Write {SCHEMES[spoken][tls]}:// for it, or give the port of the other broker."
    return "Give the broker's port."


def _spoken(door: Door) -> str:
    """What a port speaks without TLS, or `TLS`; "" where that can't be told."""
    with suppress(OSError), _connected(door) as plain:
        found = _opening(plain)
        if found:
            return found
    with suppress(OSError, struct.error), _connected(door) as plain:
        plain.settimeout(REPLY_SECONDS)
        plain.sendall(API_VERSIONS)
        size, correlation = struct.unpack(">ii", _exactly(plain, 8))
        if correlation == 7 and size > 4:
            return "Kafka"
    with suppress(OSError), _secured(door, _anybody()):
        return "TLS"
    return ""


def _opening(plain: socket.socket) -> str:
    """How the answer to our greeting begins. A server that is about to send an alert gets the time for it first."""
    plain.settimeout(REPLY_SECONDS / 2)
    with suppress(TimeoutError):
        return _named(plain.recv(8))
    plain.settimeout(REPLY_SECONDS)
    plain.sendall(HELLO)
    with suppress(TimeoutError):
        return _named(plain.recv(8))
    return ""


def _named(first: bytes) -> str:
    if first[:2] == b"\x15\x03":
        return "TLS"
    return next((name for opening, name in OPENINGS.items() if first.startswith(opening)), "")


def _exactly(plain: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count and (more := plain.recv(count - len(found))):
        found += more
    return found


def _certificate(door: Door) -> bytes | None:
    """The server's certificate in DER, whoever issued it."""
    with suppress(OSError), _secured(door, _anybody()) as secured:
        return secured.getpeercert(binary_form=True)
    return None


def _anybody() -> ssl.SSLContext:
    """A context that proves nothing: nothing is sent over it."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


@contextmanager
def conversation(door: Door) -> Iterator[socket.socket]:
    """A connection with the TLS that was asked for, to say something in the protocol's own words.

    Raises:
        OSError: there is none.
        TlsRefused: a file of the TLS options can't be used.
    """
    with _connected(door) if door.tls is None else _secured(door, door.tls.context()) as opened:
        opened.settimeout(REPLY_SECONDS)
        yield opened


@contextmanager
def _connected(door: Door) -> Iterator[socket.socket]:
    with socket.create_connection((door.host, door.port), SECONDS) as plain:
        yield plain


@contextmanager
def _secured(door: Door, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    with _connected(door) as plain, context.wrap_socket(plain, server_hostname=door.host) as secured:
        yield secured
