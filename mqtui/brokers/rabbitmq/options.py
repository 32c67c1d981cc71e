"""How a RabbitMQ connection is set up, read from the address and its options."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

import pika

from mqtui.brokers.port import Address
from mqtui.domain.errors import BadInput, TlsRefused

HINT = "Add ?management=http://HOST:15672 to the URL, or -o management=URL to the profile."
"""What to do where the management API would have been asked."""

OPTIONS = ("management", "tls.ca", "tls.cert", "tls.key", "tls.server-name", "tls.verify", "heartbeat", "timeout-ms")
BLOCKED_TIMEOUT = 300.0
"""Seconds a broker in alarm may keep a connection from sending."""


@dataclass(frozen=True, slots=True)
class Options:
    """The adapter's settings. Times are in seconds; `timeout-ms` is given in milliseconds."""

    hosts: tuple[tuple[str, int], ...]
    vhost: str
    user: str
    secret: str = field(repr=False)
    tls: ssl.SSLContext | None
    server_name: str
    management: str
    """The base URL of the management API, without a login; "" where none was given."""

    management_login: tuple[str, str] = field(repr=False)
    management_tls: ssl.SSLContext | None
    heartbeat: int
    timeout: float
    prefix: str
    """All names mqtui makes start with it."""


def read(address: Address) -> Options:
    """The settings an address carries.

    Raises:
        BadInput: an option is not known, or its value can't be read.
        TlsRefused: a certificate file can't be read.
    """
    given = address.options
    for name in given:
        if name not in OPTIONS:
            raise BadInput(f"RabbitMQ has no option {name!r}", "", f"It has {', '.join(OPTIONS)}.")
    user, secret = address.user or "guest", address.secret or ("" if address.user else "guest")
    management, login = _management(given.get("management", ""), (user, secret))
    return Options(
        hosts=address.hosts,
        vhost=address.path or "/",
        user=user,
        secret=secret,
        tls=_context(address) if address.tls else None,
        server_name=given.get("tls.server-name", ""),
        management=management,
        management_login=login,
        management_tls=_context(address) if management.startswith("https:") else None,
        heartbeat=_number("heartbeat", given.get("heartbeat", "60")),
        timeout=_number("timeout-ms", given.get("timeout-ms", "5000")) / 1000,
        prefix=address.prefix,
    )


def parameters(options: Options) -> Sequence[pika.ConnectionParameters]:
    """What pika connects with, one for each host."""
    return [_to(options, host, port) for host, port in options.hosts]


def _to(options: Options, host: str, port: int) -> pika.ConnectionParameters:
    made = pika.ConnectionParameters(
        host=host,
        port=port,
        virtual_host=options.vhost,
        credentials=pika.PlainCredentials(options.user, options.secret),
        heartbeat=options.heartbeat,
        blocked_connection_timeout=BLOCKED_TIMEOUT,
        connection_attempts=1,
        socket_timeout=options.timeout,
        stack_timeout=options.timeout * 2,
        client_properties={"product": "mqtui", "connection_name": options.prefix},
    )
    if options.tls is not None:
        made.ssl_options = pika.SSLOptions(options.tls, options.server_name or host)
    return made


def _management(url: str, login: tuple[str, str]) -> tuple[str, tuple[str, str]]:
    if not url:
        return "", login
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput("The management URL can't be read", "", "It looks like http://host:15672.")
    if parts.username is not None:
        login = (unquote(parts.username), unquote(parts.password or ""))
    bare = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, bare, parts.path.rstrip("/").removesuffix("/api"), "", "")), login


def _context(address: Address) -> ssl.SSLContext:
    given = address.options
    try:
        context = ssl.create_default_context(cafile=given.get("tls.ca") or None)
        if "tls.cert" in given:
            context.load_cert_chain(given["tls.cert"], given.get("tls.key") or None)
    except (OSError, ValueError) as error:
        raise TlsRefused("A certificate file can't be read", str(error), "See tls.ca, tls.cert and tls.key.") from error
    if given.get("tls.verify", "yes") == "no":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _number(name: str, text: str) -> int:
    if not text.isdecimal():
        raise BadInput(f"The option {name} is a whole number, not {text!r}")
    return int(text)
