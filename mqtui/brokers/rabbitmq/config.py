"""Settings of a RabbitMQ connection, read from the address and its options, and what pika needs of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

import pika
from pika.credentials import ExternalCredentials

from mqtui.brokers import tls
from mqtui.brokers.options import hint_to_set
from mqtui.brokers.port import Address
from mqtui.brokers.protocol_probe import format_host_port
from mqtui.brokers.rabbitmq.declared_options import DECLARED
from mqtui.brokers.rabbitmq.errors import GUEST, MECHANISMS, Endpoint
from mqtui.brokers.tls import TlsSettings
from mqtui.domain.errors import BadInput

HINT = f"{hint_to_set({'management': 'http://HOST:15672'})}."
"""The hint of errors where the management API is needed and no URL was given."""

BLOCKED_TIMEOUT = 300.0
"""Seconds for which an alarm may block a publishing connection before pika closes it."""


@dataclass(frozen=True, slots=True)
class RabbitConfig:
    """The adapter's settings. Times are in seconds; `timeout-ms` is given in milliseconds."""

    hosts: tuple[tuple[str, int], ...]
    vhost: str
    user: str
    secret: str = field(repr=False)
    mechanism: str
    """PLAIN: user and password; EXTERNAL: the certificate of this client says who it is."""

    tls: TlsSettings | None
    management: str
    """The base URL of the management API, without a login; "" where none was given."""

    management_login: tuple[str, str] = field(repr=False)
    management_tls: TlsSettings | None
    heartbeat: int
    timeout: float
    prefix: str
    """Names of queues that mqtui declares start with it."""

    @property
    def endpoint(self) -> Endpoint:
        """What errors name when AMQP fails."""
        return Endpoint(", ".join(format_host_port(host, port) for host, port in self.hosts), self.vhost, self.user)

    @property
    def management_endpoint(self) -> Endpoint:
        """What errors name when the management API fails."""
        return Endpoint(self.management, self.vhost, self.management_login[0])


def from_address(address: Address) -> RabbitConfig:
    """The settings in an address.

    Raises:
        BadInput: an option is unknown, or its value can't be read.
    """
    given = address.settings
    for name in given:
        if name not in DECLARED.options:
            raise BadInput(f"RabbitMQ has no option {name!r}", "", f"It has {', '.join(DECLARED.options)}.")
    user, secret = address.user or GUEST, address.secret or ("" if address.user else GUEST)
    management, login = _management(given.get("management", ""), (user, secret))
    secured = management.startswith("https:")
    return RabbitConfig(
        hosts=address.hosts,
        vhost=address.path or "/",
        user=user,
        secret=secret,
        mechanism=_mechanism(given.get("sasl.mechanism", "PLAIN")),
        tls=None if secured and not address.tls else tls.from_address(address, "amqps"),
        management=management,
        management_login=login,
        management_tls=tls.from_options(given) if secured else None,
        heartbeat=_number("heartbeat", given.get("heartbeat", "60")),
        timeout=_number("timeout-ms", given.get("timeout-ms", "5000")) / 1000,
        prefix=address.prefix,
    )


def connection_parameters(config: RabbitConfig) -> Sequence[pika.ConnectionParameters]:
    """Pika's parameters, one for each host.

    Raises:
        TlsRefused: a certificate file can't be read.
    """
    return [_parameters_for(config, host, port) for host, port in config.hosts]


def _parameters_for(config: RabbitConfig, host: str, port: int) -> pika.ConnectionParameters:
    parameters = pika.ConnectionParameters(
        host=host,
        port=port,
        virtual_host=config.vhost,
        credentials=_credentials(config),
        heartbeat=config.heartbeat,
        blocked_connection_timeout=BLOCKED_TIMEOUT,
        connection_attempts=1,
        socket_timeout=config.timeout,
        stack_timeout=config.timeout * 2,
        client_properties={"product": "mqtui", "connection_name": config.prefix},
    )
    if config.tls is not None:
        parameters.ssl_options = pika.SSLOptions(config.tls.context(), config.tls.server_name or host)
    return parameters


def _credentials(config: RabbitConfig) -> pika.PlainCredentials | ExternalCredentials:
    return (
        ExternalCredentials() if config.mechanism == "EXTERNAL" else pika.PlainCredentials(config.user, config.secret)
    )


def _mechanism(text: str) -> str:
    if text.upper() not in MECHANISMS:
        raise BadInput(f"RabbitMQ has no sasl.mechanism {text!r} here", "", f"It is {' or '.join(MECHANISMS)}.")
    return text.upper()


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


def _number(name: str, text: str) -> int:
    if not text.isdecimal():
        raise BadInput(f"The option {name} is a whole number, not {text!r}")
    return int(text)
