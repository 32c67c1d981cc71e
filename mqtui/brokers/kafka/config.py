"""Turns an address and its options into librdkafka properties.

Options other than `tls.*` and `schema.registry*` are passed to librdkafka unchanged, by the names of its
CONFIGURATION.md (`sasl.mechanism`, `socket.keepalive.enable`), except for those that mqtui's guarantees depend on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

from mqtui.brokers import tls
from mqtui.brokers.kafka.declared_options import DECLARED
from mqtui.brokers.options import REGISTRY
from mqtui.brokers.port import Address
from mqtui.brokers.tls import TlsSettings
from mqtui.domain.errors import BadInput

Properties: TypeAlias = dict[str, str | int | float | bool]
"""librdkafka properties by name."""

RESERVED = frozenset(
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

OURS = frozenset((*tls.OPTION_NAMES, *(option.name for option in REGISTRY)))
"""Options that librdkafka does not know by these names."""

KEY_PROPERTIES = ("ssl.key.location", "ssl.key.password")
LIBRDKAFKA_ONLY = ("ssl.ca.pem", "ssl.certificate.pem", "ssl.key.pem", "ssl.keystore.location", "ssl.engine.location")


def client_properties(address: Address, role: str) -> Properties:
    """The properties that every client of an address has; `role` becomes part of its client.id.

    Raises:
        BadInput: an option is not a librdkafka property, or one that mqtui sets itself.
    """
    properties: Properties = {
        "bootstrap.servers": ",".join(_host_port(host, port) for host, port in address.hosts),
        "security.protocol": _security_protocol(address),
        "client.id": f"{address.prefix}-{role}",
        "reconnect.backoff.max.ms": 2_000,
    }
    if address.user:
        properties["sasl.mechanism"] = "PLAIN"
        properties["sasl.username"] = address.user
        properties["sasl.password"] = address.secret
    properties |= _tls_properties(tls.from_address(address, "kafka+ssl"))
    for name, value in address.settings.items():
        if name in OURS:
            continue
        if name in RESERVED:
            raise BadInput(f"The option {name} can't be set", "mqtui's guarantees depend on it.")
        if name not in DECLARED.options:
            raise BadInput(f"Kafka has no option {name}", hint="Its options are librdkafka's properties and tls.*.")
        properties["sasl.mechanism" if name == "sasl.mechanisms" else name] = value
    return properties


def sasl_mechanism(address: Address) -> str:
    """The SASL mechanism of an address; "" if it does not log in."""
    given = address.settings.get("sasl.mechanism") or address.settings.get("sasl.mechanisms") or ""
    return given or ("PLAIN" if address.user else "")


def require_user(address: Address) -> None:
    """Check that a mechanism with user and password comes with a user.

    Raises:
        BadInput: the URL names none.
    """
    mechanism = sasl_mechanism(address)
    if mechanism.startswith(("PLAIN", "SCRAM")) and not address.user:
        hint = "Write user:password@ before the host, or save a profile."
        raise BadInput(f"sasl.mechanism={mechanism} wants a user, and the URL names none", "", hint)


def tls_settings(address: Address) -> TlsSettings | None:
    """The TLS settings of an address, from `tls.*` and from librdkafka's own `ssl.*` properties; None without TLS.

    Raises:
        BadInput: as `tls.from_address`.
    """
    found, given = tls.from_address(address, "kafka+ssl"), address.settings
    if found is None:
        return None
    if has_librdkafka_only_certificate(given):
        given = {
            name: value for name, value in given.items() if name not in ("ssl.certificate.location", *KEY_PROPERTIES)
        }
        found = replace(found, cert="", key="", key_password="")
    verifies = given.get("enable.ssl.certificate.verification", "true").lower() not in ("false", "0", "no")
    return replace(
        found,
        ca=given.get("ssl.ca.location", found.ca),
        cert=given.get("ssl.certificate.location", found.cert),
        key=given.get("ssl.key.location", found.key),
        key_password=given.get("ssl.key.password", found.key_password),
        verify=found.verify and verifies,
        check_name=given.get("ssl.endpoint.identification.algorithm", "https") != "none",
    )


def has_librdkafka_only_certificate(options: Mapping[str, str]) -> bool:
    """Whether the client certificate is in a form that only librdkafka reads: PEM inside an option, or a keystore."""
    return any(name in options for name in LIBRDKAFKA_ONLY)


def _tls_properties(given: TlsSettings | None) -> Properties:
    """The librdkafka properties for `tls.*`.

    librdkafka has none for an expected server name: `KafkaClients` checks the name itself before the first connection,
    and librdkafka then verifies the issuer only.
    """
    if given is None:
        return {}
    places = {
        "ssl.ca.location": given.ca,
        "ssl.certificate.location": given.cert,
        "ssl.key.location": given.key or given.cert,
        "ssl.key.password": given.key_password,
    }
    properties: Properties = {name: value for name, value in places.items() if value}
    if not given.verify:
        properties["enable.ssl.certificate.verification"] = False
    if given.server_name or not given.verify:
        properties["ssl.endpoint.identification.algorithm"] = "none"
    return properties


def _security_protocol(address: Address) -> str:
    if sasl_mechanism(address):
        return "SASL_SSL" if address.tls else "SASL_PLAINTEXT"
    return "SSL" if address.tls else "PLAINTEXT"


def _host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
