"""Finds out what listens on a port after a connection to it has failed or hangs, so that the error can name the cause.

A probe takes at most three short connections; none of them logs in or changes anything.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from mqtui.brokers.options import hint_to_set
from mqtui.brokers.tls import TlsSettings
from mqtui.domain.errors import MqtuiError, TlsRefused, Unreachable

Result = TypeVar("Result")
PROBE_AFTER = 1.5
"""Seconds after which a connection counts as hanging: its port is probed while the connection is still waited for."""

CONNECT_SECONDS = 2.0
"""Timeout of connecting, and of one TLS handshake."""

REPLY_SECONDS = 0.7
"""Timeout for the first byte of a reply, enough for each of these protocols."""

SCHEMES = {
    "Kafka": ("kafka", "kafka+ssl"),
    "AMQP": ("amqp", "amqps"),
    "Redis": ("redis", "rediss"),
    "HTTP": ("http", "https"),
}
"""URL schemes of each protocol, without and with TLS."""

FIRST_BYTES = {
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
"""First bytes of the replies to `GREETING`, and the protocol each proves."""

GREETING = b"PING\r\n\r\n"
"""Eight bytes: Redis answers them, and RabbitMQ takes them for a protocol header of a wrong version."""

API_VERSIONS = struct.pack(">ihhih", 15, 18, 0, 7, 5) + b"mqtui"
"""Kafka's ApiVersions request: size, key 18, version 0, correlation id 7, client id."""


def format_host_port(host: str, port: int) -> str:
    """`host:port`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """A server that was connected to: its address, the protocol expected there and the TLS settings (None: no TLS)."""

    host: str
    port: int
    protocol: str
    tls: TlsSettings | None

    @property
    def host_port(self) -> str:
        """`host:port`."""
        return format_host_port(self.host, self.port)

    def scheme(self, *, tls: bool) -> str:
        """The URL scheme of the expected protocol, with or without TLS, such as `amqps://`."""
        return f"{SCHEMES[self.protocol][tls]}://"


async def open_or_diagnose(opening: Awaitable[Result], targets: Sequence[ProbeTarget]) -> Result:
    """The result of `opening`, a connection to one of the targets. One that hangs is diagnosed before its timeout.

    Raises:
        CannotConnect: it hangs, and the targets speak other protocols [an AMQP header, or Kafka's first request, makes
            Redis wait for more].
    """
    opened = asyncio.ensure_future(opening)
    try:
        await asyncio.wait({opened}, timeout=PROBE_AFTER)
        if not opened.done():
            detecting = asyncio.ensure_future(asyncio.to_thread(detect_other_protocol, targets))
            await asyncio.wait({opened, detecting}, return_when=asyncio.FIRST_COMPLETED)
            if not opened.done() and (error := detecting.result()) is not None:
                raise error
        return await opened
    finally:
        if not opened.done():
            opened.cancel()
            await asyncio.wait({opened})
        if not opened.cancelled():
            opened.exception()  # retrieved, or asyncio prints it where the caller was cancelled meanwhile


def explain_failure(targets: Sequence[ProbeTarget]) -> MqtuiError | None:
    """Why none of these could be used; None where the probes find nothing wrong.

    A cause at a port that answers takes precedence over ports that do not answer. Blocks for up to 5 s a target.
    """
    silent: list[MqtuiError] = []
    answering = 0
    for target in targets:
        if (unreachable := _no_answer(target)) is not None:
            silent.append(unreachable)
            continue
        answering += 1
        cause = _without_tls(target, _detect_protocol(target)) if target.tls is None else _with_tls(target, target.tls)
        if cause is not None:
            return cause
    if answering or not silent:
        return None
    if len(silent) == 1:
        return silent[0]
    titles = "; ".join(error.title for error in silent)
    return Unreachable(f"None of {len(silent)} addresses can be reached", titles, silent[0].hint)


def detect_other_protocol(targets: Sequence[ProbeTarget]) -> MqtuiError | None:
    """The error if these servers speak another protocol than the expected one, asked while a connection hangs.

    Silence proves nothing, since a server may be slow; neither does a server whose protocol is the expected one or
    can't be detected. Blocks as `explain_failure` does.
    """
    wrong: list[MqtuiError] = []
    for target in targets:
        if _no_answer(target) is not None:
            continue
        spoken = _detect_protocol(target)
        if spoken in ("", "TLS" if target.tls is not None else target.protocol):
            return None
        cause = _without_tls(target, spoken) if target.tls is None else _no_tls(target, spoken)
        if cause is not None:
            wrong.append(cause)
    return wrong[0] if wrong else None


def explain_certificate_failure(target: ProbeTarget, tls: TlsSettings) -> TlsRefused | None:
    """Why the server's certificate fails verification; None where it does not, or where the handshake fails."""
    try:
        with _tls_connection(target, tls.context()):
            return None
    except ssl.SSLCertVerificationError as error:
        from mqtui.brokers.certificate_errors import certificate_error

        return certificate_error(target.host_port, target.host, tls, error, _peer_certificate(target))
    except OSError:
        return None


def _no_answer(target: ProbeTarget) -> Unreachable | None:
    """Why a TCP connection fails; None where it succeeds."""
    try:
        with _tcp_connection(target):
            return None
    except socket.gaierror as error:
        hint = "Check the host in the URL, and whether this machine can look it up."
        return Unreachable(f"No such host: {target.host}", error.strerror or str(error), hint)
    except ConnectionRefusedError:
        hint = "Is the broker running, and is the port right?"
        return Unreachable(f"Nobody listens on {target.host_port}", "Connection refused.", hint)
    except TimeoutError:
        said = f"No connection within {CONNECT_SECONDS:.0f} s."
        return Unreachable(
            f"{target.host_port} does not answer", said, "Is the address right? A firewall may be in between."
        )
    except OSError as error:
        reason = error.strerror or str(error)
        return Unreachable(f"{target.host_port} can't be reached", reason, "Check host, port and network.")


def _without_tls(target: ProbeTarget, spoken: str) -> MqtuiError | None:
    if spoken == target.protocol or not spoken:
        return None
    if spoken != "TLS":
        return _other_protocol(target, spoken, tls=False)
    return TlsRefused(
        f"{target.host_port} speaks TLS",
        "The URL asks for a connection without it.",
        f"Write {target.scheme(tls=True)} instead of {target.scheme(tls=False)}, or give the port without TLS.",
    )


def _with_tls(target: ProbeTarget, tls: TlsSettings) -> MqtuiError | None:
    context = tls.context()
    try:
        with _tls_connection(target, context) as secured:
            spoken = _read_greeting(secured)
    except ssl.SSLCertVerificationError as error:
        from mqtui.brokers.certificate_errors import certificate_error

        return certificate_error(target.host_port, target.host, tls, error, _peer_certificate(target))
    except ssl.SSLError as error:
        return _tls_alert(target, tls, error) or _no_tls(target, _detect_protocol(target))
    except OSError:
        return _no_tls(target, _detect_protocol(target))
    if spoken in SCHEMES and spoken != target.protocol:
        return _other_protocol(target, spoken, tls=True)
    return None


def _no_tls(target: ProbeTarget, spoken: str) -> MqtuiError | None:
    """The error of a port where a TLS handshake fails; `spoken` is the protocol it speaks instead."""
    if spoken == "TLS":
        return None
    said = f"It speaks {spoken} without TLS." if spoken else "It answers a TLS greeting with nothing."
    plain = f"{SCHEMES[spoken][0]}://" if spoken in SCHEMES else target.scheme(tls=False)
    return TlsRefused(
        f"{target.host_port} does not speak TLS",
        said,
        f"Write {plain} instead of {target.scheme(tls=True)}, or give the port that has TLS.",
    )


def _tls_alert(target: ProbeTarget, tls: TlsSettings, error: ssl.SSLError) -> MqtuiError | None:
    """The error of a TLS alert, such as a missing client certificate, which TLS 1.2 and 1.3 report differently."""
    reason = error.reason or ""
    missing = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "HANDSHAKE_FAILURE")
    if not tls.cert and any(word in reason for word in missing) and "ALERT" in reason:
        hint = hint_to_set({"tls.cert": "FILE", "tls.key": "FILE"})
        return TlsRefused(
            f"{target.host_port} wants a certificate of this client",
            str(error.reason).replace("_", " ").lower(),
            f"{hint}: PEM files with the certificate and its private key.",
        )
    if tls.cert and "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason):
        return TlsRefused(
            f"{target.host_port} does not take the certificate of this client",
            str(error.reason).replace("_", " ").lower(),
            f"Is {tls.cert} issued by an authority that the broker trusts, and still valid?",
        )
    if "ALERT" in reason or "UNSUPPORTED_PROTOCOL" in reason:
        return TlsRefused(
            f"{target.host_port} refused TLS",
            str(error.reason).replace("_", " ").lower(),
            "Its TLS versions, ciphers or names fit none of this client's.",
        )
    return None


def _other_protocol(target: ProbeTarget, spoken: str, *, tls: bool) -> MqtuiError:
    return Unreachable(
        f"{target.host_port} speaks {spoken}, not {target.protocol}", "", _hint_for(target, spoken, tls=tls)
    )


def _hint_for(target: ProbeTarget, spoken: str, *, tls: bool) -> str:
    """What to do about a port of another protocol."""
    if target.protocol == "HTTP":
        return "The option management is the URL of RabbitMQ's management API, whose port is 15672 where none was set."
    if spoken == "HTTP":
        return f"Give the broker's own port; a management API goes behind it: ?management=http{'s' * tls}://{target.host_port}."
    if spoken in SCHEMES:
        return f"Write {SCHEMES[spoken][tls]}:// for it, or give the port of the other broker."
    return "Give the broker's port."


def _detect_protocol(target: ProbeTarget) -> str:
    """The protocol that a port speaks without TLS, or `TLS`; "" where none is recognised."""
    with suppress(OSError), _tcp_connection(target) as plain:
        found = _read_greeting(plain)
        if found:
            return found
    with suppress(OSError, struct.error), _tcp_connection(target) as plain:
        plain.settimeout(REPLY_SECONDS)
        plain.sendall(API_VERSIONS)
        size, correlation = struct.unpack(">ii", _receive_exactly(plain, 8))
        if correlation == 7 and size > 4:
            return "Kafka"
    with suppress(OSError), _tls_connection(target, _unverified_context()):
        return "TLS"
    return ""


def _read_greeting(plain: socket.socket) -> str:
    """The protocol by the first bytes that a server sends, by itself (as a TLS alert) or in reply to `GREETING`."""
    plain.settimeout(REPLY_SECONDS / 2)
    with suppress(TimeoutError):
        return _protocol_of(plain.recv(8))
    plain.settimeout(REPLY_SECONDS)
    plain.sendall(GREETING)
    with suppress(TimeoutError):
        return _protocol_of(plain.recv(8))
    return ""


def _protocol_of(first: bytes) -> str:
    if first[:2] == b"\x15\x03":
        return "TLS"
    return next((name for opening, name in FIRST_BYTES.items() if first.startswith(opening)), "")


def _receive_exactly(plain: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count and (more := plain.recv(count - len(found))):
        found += more
    return found


def _peer_certificate(target: ProbeTarget) -> bytes | None:
    """The server's certificate in DER, without verification."""
    with suppress(OSError), _tls_connection(target, _unverified_context()) as secured:
        return secured.getpeercert(binary_form=True)
    return None


def _unverified_context() -> ssl.SSLContext:
    """A context without verification; nothing secret may be sent over it."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


@contextmanager
def open_socket(target: ProbeTarget) -> Iterator[socket.socket]:
    """A socket to a server, with TLS where the target has it, for a request of the protocol itself.

    Raises:
        OSError: the connection failed.
        TlsRefused: a file of the TLS options can't be used.
    """
    with _tcp_connection(target) if target.tls is None else _tls_connection(target, target.tls.context()) as opened:
        opened.settimeout(REPLY_SECONDS)
        yield opened


@contextmanager
def _tcp_connection(target: ProbeTarget) -> Iterator[socket.socket]:
    with socket.create_connection((target.host, target.port), CONNECT_SECONDS) as plain:
        yield plain


@contextmanager
def _tls_connection(target: ProbeTarget, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    with _tcp_connection(target) as plain, context.wrap_socket(plain, server_hostname=target.host) as secured:
        yield secured
