"""What an address may say beside hosts, name and secret, and librdkafka's settings made from it.

Options beside `tls.*` go to librdkafka as they are, by the names of its CONFIGURATION.md (`sasl.mechanism`,
`socket.keepalive.enable`). What mqtui's promises stand on can't be changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

from mqtui.brokers import tls
from mqtui.brokers.kafka.declared_options import DECLARED
from mqtui.brokers.port import Address
from mqtui.brokers.tls import TlsSettings
from mqtui.domain.errors import BadInput

Settings: TypeAlias = dict[str, str | int | float | bool]
"""librdkafka properties by name."""

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

OWN_KEY = ("ssl.key.location", "ssl.key.password")
ELSEWHERE = ("ssl.ca.pem", "ssl.certificate.pem", "ssl.key.pem", "ssl.keystore.location", "ssl.engine.location")


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
    made |= _tls_settings(tls.from_address(address, "kafka+ssl"))
    for name, value in address.settings.items():
        if name in tls.OPTION_NAMES:
            continue
        if name in FIXED:
            raise BadInput(f"The option {name} can't be set", "mqtui's guarantees depend on it.")
        if name not in DECLARED.options:
            raise BadInput(f"Kafka has no option {name}", hint="Its options are librdkafka's properties and tls.*.")
        made["sasl.mechanism" if name == "sasl.mechanisms" else name] = value
    return made


def mechanism_of(address: Address) -> str:
    """The SASL mechanism an address logs in by; "" where it does not."""
    given = address.settings.get("sasl.mechanism") or address.settings.get("sasl.mechanisms") or ""
    return given or ("PLAIN" if address.user else "")


def require_login(address: Address) -> None:
    """Refuse a mechanism of user and password without a user.

    Raises:
        BadInput: there is none.
    """
    mechanism = mechanism_of(address)
    if mechanism.startswith(("PLAIN", "SCRAM")) and not address.user:
        hint = "Write user:password@ before the host, or save a profile."
        raise BadInput(f"sasl.mechanism={mechanism} wants a user, and the URL names none", "", hint)


def tls_of(address: Address) -> TlsSettings | None:
    """The TLS of an address by `tls.*` and by librdkafka's own names for the same; None where it has none.

    Raises:
        BadInput: as `tls.from_address`.
    """
    found, given = tls.from_address(address, "kafka+ssl"), address.settings
    if found is None:
        return None
    if own_certificate_elsewhere(given):
        given = {name: value for name, value in given.items() if name not in ("ssl.certificate.location", *OWN_KEY)}
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


def own_certificate_elsewhere(options: Mapping[str, str]) -> bool:
    """Whether certificates are given in forms that only librdkafka reads: in the option itself, or a keystore."""
    return any(name in options for name in ELSEWHERE)


def _tls_settings(given: TlsSettings | None) -> Settings:
    """Librdkafka's properties for `tls.*`. It has none for the server's name: that is checked apart, by `Connection`,
    and librdkafka then checks the issuer alone.
    """
    if given is None:
        return {}
    places = {
        "ssl.ca.location": given.ca,
        "ssl.certificate.location": given.cert,
        "ssl.key.location": given.key or given.cert,
        "ssl.key.password": given.key_password,
    }
    made: Settings = {name: value for name, value in places.items() if value}
    if not given.verify:
        made["enable.ssl.certificate.verification"] = False
    if given.server_name or not given.verify:
        made["ssl.endpoint.identification.algorithm"] = "none"
    return made


def _protocol(address: Address) -> str:
    if mechanism_of(address):
        return "SASL_SSL" if address.tls else "SASL_PLAINTEXT"
    return "SSL" if address.tls else "PLAINTEXT"


def _place(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
