"""Fourteen mistakes, as a person makes them, on each broker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mqtui.domain.errors import (
    CannotConnect,
    MqtuiError,
    NotAuthenticated,
    NotAuthorised,
    TlsRefused,
    Unreachable,
)
from tests.connections.servers import HERE, PASSWORD, USER, Doors

SCHEME = {"kafka": "kafka", "rabbitmq": "amqp", "redis": "redis"}
SECURE = {"kafka": "kafka+ssl", "rabbitmq": "amqps", "redis": "rediss"}


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong; the URL on one broker (None where the broker has no such thing), and what must be said.

    `words` have to be in what is told, whatever the broker.
    """

    name: str
    error: type[MqtuiError]
    words: tuple[str, ...]
    urls: Mapping[str, Callable[[Doors], str]]


def plain(doors: Doors, port: str = "plain", *, login: str = "", rest: str = "", host: str = HERE) -> str:
    """A URL without TLS."""
    return f"{SCHEME[doors.kind]}://{login}{host}:{doors.ports[port]}{rest}"


def secure(
    doors: Doors, port: str = "tls", *, trust: str = "authority", host: str = HERE, login: str = "", more: str = ""
) -> str:
    """A URL with TLS; `trust` is whose certificates are believed, "" the system's."""
    pair = {"authority": doors.files.authority, "stranger": doors.files.stranger}.get(trust)
    options = [f"tls.ca={pair.certificate}"] if pair else []
    options += [more] if more else []
    query = f"?{'&'.join(options)}" if options else ""
    return f"{SECURE[doors.kind]}://{login}{host}:{doors.ports[port]}{query}"


def everywhere(made: Callable[[Doors], str]) -> dict[str, Callable[[Doors], str]]:
    """The same on the three brokers."""
    return dict.fromkeys(SCHEME, made)


LOGIN = f"{USER}:{PASSWORD}@"
WRONG = f"{USER}:wr0ng@"


def _of_another(doors: Doors) -> str:
    return f"{SCHEME[doors.kind]}://{HERE}:{doors.ports['other']}"


MISTAKES = (
    Mistake("nobody listens", Unreachable, ("refused",), everywhere(lambda doors: plain(doors, "nobody"))),
    Mistake(
        "no such host",
        Unreachable,
        ("no-such-host.invalid", "No such host"),
        everywhere(lambda doors: plain(doors, host="no-such-host.invalid")),
    ),
    Mistake(
        "the address it names cannot be reached",
        Unreachable,
        ("says that a", "and that can't be reached", "must"),
        {
            "kafka": lambda doors: plain(doors, "astray"),
            "redis": lambda doors: plain(doors, "astray").replace("redis://", "redis+cluster://"),
        },
    ),
    Mistake(
        "TLS asked of a plain port",
        TlsRefused,
        ("does not speak TLS", "://"),
        everywhere(lambda doors: secure(doors, "plain")),
    ),
    Mistake(
        "a TLS port without TLS",
        TlsRefused,
        ("speaks TLS", "://"),
        everywhere(lambda doors: plain(doors, "tls")),
    ),
    Mistake(
        "certificate of an unknown issuer",
        TlsRefused,
        ("issuer", "?tls.ca=", "mqtui test"),
        everywhere(lambda doors: secure(doors, trust="stranger")),
    ),
    Mistake(
        "certificate with another name",
        TlsRefused,
        ("name", "localhost", "broker.shop", "?tls.server-name="),
        everywhere(lambda doors: secure(doors, host="localhost")),
    ),
    Mistake(
        "certificate that has expired",
        TlsRefused,
        ("expired",),
        everywhere(lambda doors: secure(doors, "expired")),
    ),
    Mistake(
        "a client's certificate is wanted",
        TlsRefused,
        ("certificate of this client", "?tls.cert="),
        everywhere(lambda doors: secure(doors, "mutual")),
    ),
    Mistake(
        "a login is wanted",
        NotAuthenticated,
        ("login", "user:password@"),
        {"kafka": lambda doors: plain(doors, "sasl"), "redis": plain},
    ),
    Mistake(
        "a login where none is taken",
        NotAuthenticated,
        ("takes no login", "out"),
        {
            "kafka": lambda doors: plain(doors, login=LOGIN),
            "redis": lambda doors: plain(doors, "open", login=f":{PASSWORD}@"),
        },
    ),
    Mistake(
        "wrong mechanism",
        NotAuthenticated,
        ("does not offer the mechanism", "It offers", "?sasl.mechanism="),
        {
            "kafka": lambda doors: plain(doors, "sasl", login=LOGIN, rest="?sasl.mechanism=SCRAM-SHA-512"),
            "rabbitmq": lambda doors: plain(doors, "external", login=LOGIN),
        },
    ),
    Mistake(
        "wrong password",
        NotAuthenticated,
        ("password",),
        {
            "kafka": lambda doors: plain(doors, "sasl", login=WRONG),
            "rabbitmq": lambda doors: plain(doors, login=WRONG),
            "redis": lambda doors: plain(doors, login=WRONG),
        },
    ),
    Mistake(
        "wrong vhost or database",
        CannotConnect,
        ("99", "has no", "The path of the URL is"),
        {
            "rabbitmq": lambda doors: plain(doors, login=LOGIN, rest="/vhost99"),
            "redis": lambda doors: plain(doors, login=LOGIN, rest="/99"),
        },
    ),
    Mistake(
        "no right for the management API",
        NotAuthorised,
        ("management", "tag", f"set_user_tags {USER}"),
        {
            "rabbitmq": lambda doors: plain(
                doors, login=LOGIN, rest=f"/?management=http://{HERE}:{doors.ports['management']}"
            )
        },
    ),
    Mistake("another protocol's port", Unreachable, ("speaks",), everywhere(_of_another)),
)
