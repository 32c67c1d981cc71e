"""The steps of connecting to a broker, and which of them an error belongs to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from enum import StrEnum

from mqtui.brokers.address import Address
from mqtui.domain.errors import MqtuiError, NoSuchSpace, NotAuthenticated, NotAuthorised, TlsRefused, Unreachable


class ConnectionStep(StrEnum):
    """What has to succeed in turn."""

    NAME = "name"
    """The host name is resolved."""

    PORT = "port"
    """Something listens there and answers."""

    TLS = "TLS"
    LOGIN = "login"
    SPACE = "space"
    """The vhost or database exists."""

    RIGHTS = "rights"


STEPS_OF_ERRORS = {
    TlsRefused: ConnectionStep.TLS,
    NotAuthenticated: ConnectionStep.LOGIN,
    NoSuchSpace: ConnectionStep.SPACE,
    NotAuthorised: ConnectionStep.RIGHTS,
}


def steps_to(address: Address) -> Sequence[ConnectionStep]:
    """The steps of connecting to an address, in order."""
    absent = set() if address.tls else {ConnectionStep.TLS}
    absent |= set() if address.user or address.secret else {ConnectionStep.LOGIN}
    absent |= {ConnectionStep.NAME} if address.variant == "unix" else set()
    absent |= set() if address.path else {ConnectionStep.SPACE}
    return [step for step in ConnectionStep if step not in absent]


async def failed_step(error: MqtuiError, address: Address) -> ConnectionStep | None:
    """The step that an error belongs to; None where it is none of connecting."""
    if isinstance(error, Unreachable):
        is_known = address.variant == "unix" or await _any_resolves(address.hosts)
        return ConnectionStep.PORT if is_known else ConnectionStep.NAME
    return next((step for kind, step in STEPS_OF_ERRORS.items() if isinstance(error, kind)), None)


async def _any_resolves(hosts: Sequence[tuple[str, int]]) -> bool:
    loop = asyncio.get_running_loop()
    for host, port in hosts:
        try:
            await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            continue
        return True
    return False


def describe_steps(address: Address, failed: ConnectionStep | None) -> str:
    """The steps up to the one that failed, such as `name ✓  port ✓  TLS ✗`; "" where none of them did."""
    steps = list(steps_to(address))
    if failed is None:
        return ""
    passed = steps[: steps.index(failed)] if failed in steps else []
    return "  ".join([*(f"{step} ✓" for step in passed), f"{failed} ✗"])
