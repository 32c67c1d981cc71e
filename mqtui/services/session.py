"""One open broker: what can be seen of it, and the gate through which it is changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from mqtui.brokers.adapters import connect
from mqtui.brokers.guard import Guard
from mqtui.brokers.port import Address, Broker, Connect, RemembersCounts
from mqtui.domain.errors import BadInput
from mqtui.domain.policy import Policy
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.model import Profile
from mqtui.profiles.resolve import Resolved, resolve
from mqtui.state.audit import Audit
from mqtui.state.counts import CountsSeen


@dataclass(frozen=True, slots=True)
class Session:
    """An open broker. `target` is what opens it again; it never holds a secret."""

    target: str
    profile: Profile | None
    policy: Policy
    address: Address
    broker: Broker
    guard: Guard
    warnings: tuple[str, ...] = ()


def one_address(resolved: Resolved) -> Address:
    """The only broker of a target.

    Raises:
        BadInput: the profile holds several, so the kind must be named.
    """
    if len(resolved.addresses) == 1:
        return resolved.addresses[0]
    kinds = ", ".join(f"{resolved.shown}/{address.kind}" for address in resolved.addresses)
    raise BadInput(f"{resolved.shown} holds several brokers", "", f"Name one: {kinds}.")


def _reopens(resolved: Resolved, address: Address) -> str:
    several = resolved.profile is not None and len(resolved.profile.brokers) > 1
    return f"{resolved.shown}/{address.kind}" if several else resolved.shown


@asynccontextmanager
async def opened(target: str, kind: BrokerKind | None = None, *, adapters: Connect = connect) -> AsyncIterator[Session]:
    """Open a target for a while. Nothing connects before the first question.

    Raises:
        BadInput: the target is no profile and no URL, or holds several brokers.
        NotFound: there is no such profile.
    """
    resolved = await asyncio.to_thread(resolve, target, kind)
    address = one_address(resolved)
    adapter = adapters(address)
    if isinstance(adapter, RemembersCounts):
        adapter.counts = CountsSeen()
    try:
        yield Session(
            target=_reopens(resolved, address),
            profile=resolved.profile,
            policy=resolved.policy,
            address=address,
            broker=adapter.broker,
            guard=Guard(adapter, resolved.policy, Audit()),
            warnings=resolved.warnings,
        )
    finally:
        await adapter.close()
