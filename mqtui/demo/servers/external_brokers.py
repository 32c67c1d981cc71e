"""Brokers that somebody else runs: their URLs in the environment are used instead of starting any (rule C11)."""

import ipaddress
import os
from urllib.parse import parse_qs, urlsplit

from mqtui.demo.servers.errors import BorrowedServer

VARIABLES = {"kafka": "MQTUI_KAFKA", "rabbitmq": "MQTUI_RABBITMQ", "redis": "MQTUI_REDIS"}
"""The variable that holds a URL, by kind of broker."""
ALLOW_REMOTE = "MQTUI_ALLOW_REMOTE"
_SCHEMES = {"kafka": ("kafka",), "rabbitmq": ("amqp", "amqps"), "redis": ("redis", "rediss")}


def external_url(kind: str) -> str | None:
    """Return the URL set for a kind of broker, or None.

    Raises BorrowedServer where it is of another kind, or where a host is not this machine and MQTUI_ALLOW_REMOTE
    is not ``1``: the shop and the tests write into what they are given.
    """
    url = os.environ.get(VARIABLES[kind])
    if not url:
        return None
    if urlsplit(url).scheme.partition("+")[0] not in _SCHEMES[kind]:
        raise BorrowedServer(f"{VARIABLES[kind]} is no {kind} URL", remedy=f"begin it with {_SCHEMES[kind][0]}://")
    elsewhere = [host for host in hosts(url) if not is_loopback(host)]
    if elsewhere and os.environ.get(ALLOW_REMOTE) != "1":
        raise BorrowedServer(
            f"{VARIABLES[kind]} names {', '.join(elsewhere)}, which is not this machine",
            remedy=f"set {ALLOW_REMOTE}=1 if demo data may be written there",
        )
    return url


def hosts(url: str) -> list[str]:
    """Return every host a broker URL names, that of ``management=`` included."""
    parts = urlsplit(url)
    places = parts.netloc.rpartition("@")[2].split(",")
    found = [urlsplit(f"//{place}").hostname or "" for place in places]
    for management in parse_qs(parts.query).get("management", []):
        found.append(urlsplit(management).hostname or "")
    return found


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine by its very name: no name is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
