"""The address of a broker: hosts, login and options, as a URL or a profile gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mqtui.domain.resource import BrokerKind


@dataclass(frozen=True, slots=True)
class Address:
    """Where a broker is and how to log in. `secret` is never part of `repr`; `options` are those of the adapter."""

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
    """Values of secret options, by name. They override `options`, which may say where a secret is kept."""

    prefix: str = "mqtui"
    """All names that mqtui creates at the broker start with it (C9)."""

    @property
    def settings(self) -> Mapping[str, str]:
        """All options with the secret ones, for client libraries only."""
        return {**self.options, **self.secrets}
