"""The settings of a Redis connection, parsed from the options of its address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mqtui.brokers import tls
from mqtui.brokers.address import Address
from mqtui.brokers.redis.declared_options import DECLARED
from mqtui.brokers.tls import TlsSettings
from mqtui.domain.errors import BadInput

BOOLEANS = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}


@dataclass(frozen=True, slots=True)
class RedisConfig:
    """Settings with the option of each in brackets. Times are in seconds; the options take milliseconds."""

    service: str = "mymaster"
    """Sentinel: the name of the primary (`service=mymaster`)."""

    sentinel_login: bool = False
    """Whether to log in to the sentinels with the same user and secret (`sentinel-login=yes`)."""

    wait_replicas: int | None = None
    """Replicas that must confirm a write (`wait-replicas=1`); None: 1 where the primary has any (D3)."""

    wait_timeout: float = 1.0
    """Timeout of WAIT for these replicas (`wait-ms=1000`)."""

    connect_timeout: float = 5.0
    """Timeout of connecting and logging in (`timeout-ms=5000`)."""

    reply_timeout: float = 15.0
    """Timeout of a reply (`reply-ms=15000`)."""

    reconnect_timeout: float = 5.0
    """How long to reconnect after a broken connection before the outcome stays unknown (`reconnect-ms=5000`)."""

    scan_keys: int = 5_000_000
    """How many keys SCAN visits to find streams (`scan-keys=5000000`)."""

    tls: TlsSettings | None = None
    """The options `tls.*`; None: no TLS."""


def read_config(address: Address) -> RedisConfig:
    """The settings of an address.

    Raises:
        BadInput: an option is unknown, or its value is invalid.
    """
    given = address.settings
    for name in given:
        if name not in DECLARED.options:
            raise BadInput(f"Redis has no option {name!r}", "", f"It has {', '.join(DECLARED.options)}.")
    default = RedisConfig()
    replicas = given.get("wait-replicas", "auto")
    return RedisConfig(
        service=given.get("service", default.service),
        sentinel_login=_parse_flag(given, "sentinel-login", default=default.sentinel_login),
        wait_replicas=None if replicas == "auto" else _parse_number("wait-replicas", replicas),
        wait_timeout=_parse_ms(given, "wait-ms", default.wait_timeout),
        connect_timeout=_parse_ms(given, "timeout-ms", default.connect_timeout),
        reply_timeout=_parse_ms(given, "reply-ms", default.reply_timeout),
        reconnect_timeout=_parse_ms(given, "reconnect-ms", default.reconnect_timeout),
        scan_keys=_parse_number("scan-keys", given.get("scan-keys", str(default.scan_keys))),
        tls=tls.from_address(address, f"rediss+{address.variant}" if address.variant else "rediss"),
    )


def _parse_number(name: str, text: str) -> int:
    if not text.isdecimal():
        raise BadInput(f"The option {name} is a whole number, not {text!r}")
    return int(text)


def _parse_ms(given: Mapping[str, str], name: str, default: float) -> float:
    return _parse_number(name, given[name]) / 1000 if name in given else default


def _parse_flag(given: Mapping[str, str], name: str, *, default: bool) -> bool:
    if name not in given:
        return default
    if given[name] not in BOOLEANS:
        raise BadInput(f"The option {name} is yes or no, not {given[name]!r}")
    return BOOLEANS[given[name]]
