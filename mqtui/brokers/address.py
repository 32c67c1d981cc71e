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
    """Redis: "", "sentinel" or "cluster"."""

    options: Mapping[str, str] = field(default_factory=dict)
    prefix: str = "mqtui"
    """All names mqtui makes start with it (C9)."""

    @property
    def shown(self) -> str:
        """The URL without the secret."""
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
