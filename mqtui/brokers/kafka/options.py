"""What an address may say beside hosts, name and secret, and librdkafka's settings made from it.

Options whose name holds a dot go to librdkafka as they are, by the names of its CONFIGURATION.md
(`ssl.ca.location`, `sasl.mechanism`, `socket.keepalive.enable`). What mqtui's promises stand on can't be changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from mqtui.brokers.port import Address
from mqtui.domain.errors import BadInput

Settings: TypeAlias = dict[str, str | int | float | bool]
"""librdkafka properties by name."""

DECLARED: Mapping[str, str] = {
    "sasl.mechanism": "PLAIN (default), SCRAM-SHA-256 or SCRAM-SHA-512",
    "ssl.ca.location": "certificates of the authorities to trust, a PEM file",
    "ssl.certificate.location": "this client's certificate, a PEM file",
    "ssl.key.location": "this client's private key, a PEM file",
    "ssl.endpoint.identification.algorithm": "https (default), or none where the name is not in the certificate",
    "client.rack": "the rack of this machine, so that the nearest replica is read",
}
"""Options worth offering in a form, with what they mean."""

FIXED = frozenset(
    {
        "acks",
        "allow.auto.create.topics",
        "auto.offset.reset",
        "bootstrap.servers",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.idempotence",
        "enable.partition.eof",
        "group.id",
        "group.instance.id",
        "isolation.level",
        "partitioner",
        "sasl.password",
        "sasl.username",
        "security.protocol",
        "transaction.timeout.ms",
        "transactional.id",
    }
)
"""Properties mqtui sets itself: its guarantees depend on them."""


def settings(address: Address, role: str) -> Settings:
    """What every client of an address begins with; `role` goes into its client id.

    Raises:
        BadInput: an option is not a librdkafka property, or one that mqtui sets itself.
    """
    made: Settings = {
        "bootstrap.servers": ",".join(_place(host, port) for host, port in address.hosts),
        "security.protocol": _protocol(address),
        "client.id": f"{address.prefix}-{role}",
        "reconnect.backoff.max.ms": 2_000,
    }
    if address.user:
        made["sasl.mechanism"] = "PLAIN"
        made["sasl.username"] = address.user
        made["sasl.password"] = address.secret
    for name, value in address.options.items():
        if name in FIXED:
            raise BadInput(f"The option {name} can't be set", "mqtui's guarantees depend on it.")
        if "." not in name:
            raise BadInput(f"Kafka has no option {name}", hint=f"Known are {', '.join(DECLARED)} and librdkafka's own.")
        made["sasl.mechanism" if name == "sasl.mechanisms" else name] = value
    return made


def _protocol(address: Address) -> str:
    if address.user:
        return "SASL_SSL" if address.tls else "SASL_PLAINTEXT"
    return "SSL" if address.tls else "PLAINTEXT"


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
