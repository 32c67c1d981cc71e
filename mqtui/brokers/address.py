"""Where a broker is and how to log in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mqtui.domain.resource import BrokerKind


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker is and how to log in. `secret` is never part of `repr`; `options` are the adapter's own."""

    kind: BrokerKind
    hosts: tuple[tuple[str, int], ...]
    user: str = ""
    secret: str = field(default="", repr=False)
    tls: bool = False
    path: str = ""
    """RabbitMQ: the vhost. Redis: the database number."""

    variant: str = ""
    """Redis: "", "sentinel", "cluster" or "unix": then the host is the path of the socket, and the port 0."""

    options: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Options that are secret, by name; they go before those of `options`, which may say where one is."""

    prefix: str = "mqtui"
    """All names mqtui makes start with it (C9)."""

    @property
    def settings(self) -> Mapping[str, str]:
        """All options, the secret ones too: for clients only."""
        return {**self.options, **self.secrets}

    @property
    def shown(self) -> str:
        """The URL without the secret."""
        if self.variant == "unix":
            return f"unix://{f'{self.user}@' if self.user else ''}{self.hosts[0][0]}"
        plus = f"+{self.variant}" if self.variant else ""
        scheme = {
            BrokerKind.RABBITMQ: "amqps" if self.tls else "amqp",
            BrokerKind.REDIS: "rediss" if self.tls else "redis",
        }
        head = scheme.get(self.kind, "kafka+ssl" if self.tls else "kafka") + plus
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        who = f"{self.user}@" if self.user else ""
        path = "" if self.path in ("", "/") else f"/{self.path}"
        return f"{head}://{who}{hosts}{path}"
