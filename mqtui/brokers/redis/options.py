"""What can be set for a Redis connection, read from the address's options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mqtui.brokers import tls
from mqtui.brokers.address import Address
from mqtui.brokers.redis.declared import DECLARED
from mqtui.brokers.tls import TlsSettings
from mqtui.domain.errors import BadInput

YES = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}


@dataclass(frozen=True, slots=True)
class Options:
    """The adapter's settings. Times are in seconds; options are given in milliseconds (`wait-ms=1000`)."""

    service: str = "mymaster"
    """Sentinel: the name of the primary (`service`)."""

    sentinel_login: bool = False
    """Whether the sentinels take the same user and secret (`sentinel-login=yes`)."""

    wait_replicas: int | None = None
    """Replicas a write must reach before it counts (`wait-replicas`); None: 1 when the primary has any (D3)."""

    wait: float = 1.0
    """How long a write may take to reach them (`wait-ms`)."""

    timeout: float = 5.0
    """How long connecting and logging in may take (`timeout-ms`)."""

    reply: float = 15.0
    """How long a reply may take (`reply-ms`)."""

    reconnect: float = 5.0
    """How long a broken conversation is tried again before its outcome stays unknown (`reconnect-ms`)."""

    scan_keys: int = 5_000_000
    """Keys looked at in search of streams (`scan-keys`)."""

    tls: TlsSettings | None = None
    """What to trust and to show; None: no TLS."""


def read(address: Address) -> Options:
    """The settings an address carries.

    Raises:
        BadInput: an option is not known, or its value can't be read.
    """
    given = address.settings
    for name in given:
        if name not in DECLARED.options:
            raise BadInput(f"Redis has no option {name!r}", "", f"It has {', '.join(DECLARED.options)}.")
    plain = Options()
    replicas = given.get("wait-replicas", "auto")
    return Options(
        service=given.get("service", plain.service),
        sentinel_login=_flag(given, "sentinel-login", unless=plain.sentinel_login),
        wait_replicas=None if replicas == "auto" else _number("wait-replicas", replicas),
        wait=_seconds(given, "wait-ms", plain.wait),
        timeout=_seconds(given, "timeout-ms", plain.timeout),
        reply=_seconds(given, "reply-ms", plain.reply),
        reconnect=_seconds(given, "reconnect-ms", plain.reconnect),
        scan_keys=_number("scan-keys", given.get("scan-keys", str(plain.scan_keys))),
        tls=tls.from_address(address, f"rediss+{address.variant}" if address.variant else "rediss"),
    )


def _number(name: str, text: str) -> int:
    if not text.isdecimal():
        raise BadInput(f"The option {name} is a whole number, not {text!r}")
    return int(text)


def _seconds(given: Mapping[str, str], name: str, unless: float) -> float:
    return _number(name, given[name]) / 1000 if name in given else unless


def _flag(given: Mapping[str, str], name: str, *, unless: bool) -> bool:
    if name not in given:
        return unless
    if given[name] not in YES:
        raise BadInput(f"The option {name} is yes or no, not {given[name]!r}")
    return YES[given[name]]
