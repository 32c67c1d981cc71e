"""Opens brokers: a session is one open broker, with the guard through which it is changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from mqtui.brokers.blocking import run_in_thread
from mqtui.brokers.guard import Guard
from mqtui.brokers.port import Address, Broker, Connect, HasPeekBudget
from mqtui.brokers.registry import connect
from mqtui.domain.errors import BadInput, MqtuiError
from mqtui.domain.policy import Policy, strictest
from mqtui.domain.resource import BrokerKind
from mqtui.profiles import protection
from mqtui.profiles.keys import audit_key
from mqtui.profiles.model import Profile
from mqtui.profiles.resolve import ResolvedTarget, resolve_target
from mqtui.profiles.store import ProfileStore
from mqtui.state.audit import Audit
from mqtui.state.broker_identities import BrokerIdentities
from mqtui.state.log import mask_secrets

IDENTITY_TIMEOUT = 1.0
"""How long a session that ends waits for the broker's identity, so that it is remembered."""


@dataclass(frozen=True, slots=True)
class Session:
    """An open broker. `target` is the profile or URL that opens it again; it never holds a secret."""

    target: str
    profile: Profile | None
    address: Address
    broker: Broker
    guard: Guard
    warnings: tuple[str, ...] = ()
    is_shared: bool = True
    """Whether another process finds the broker by its address: not where the adapter keeps it in memory."""

    @property
    def policy(self) -> Policy:
        """What is allowed there: the strictest of the profile and of every other profile of the same broker."""
        return self.guard.policy


def require_one_address(resolved: ResolvedTarget) -> Address:
    """The only broker of a target.

    Raises:
        BadInput: the profile holds several, so the kind must be named.
    """
    if len(resolved.addresses) == 1:
        return resolved.addresses[0]
    kinds = ", ".join(f"{resolved.shown}/{address.kind}" for address in resolved.addresses)
    raise BadInput(f"{resolved.shown} holds several brokers", "", f"Name one: {kinds}.")


def list_brokers(target: str) -> tuple[str, ...]:
    """A target for each broker of a profile, without their secrets; the target itself where it is one broker.

    It may block: the profiles file is read.

    Raises:
        BadInput: the profiles file has a mistake.
        NotFound: there is no such profile.
    """
    if any(sign in target for sign in "/:"):
        return (target,)
    kinds = ProfileStore().find(target).brokers if target else ()
    return tuple(f"{target}/{kind}" for kind in kinds) if len(kinds) > 1 else (target,)


def _reopening_target(resolved: ResolvedTarget, address: Address) -> str:
    several = resolved.profile is not None and len(resolved.profile.brokers) > 1
    return f"{resolved.shown}/{address.kind}" if several else resolved.shown


@asynccontextmanager
async def open_session(
    target: str, kind: BrokerKind | None = None, *, adapters: Connect = connect
) -> AsyncIterator[Session]:
    """Open a target for the duration of the context. Nothing connects before the first request.

    Raises:
        BadInput: the target is no profile and no URL, or holds several brokers.
        NotFound: there is no such profile.
    """
    resolved = await run_in_thread("secret", partial(resolve_target, target, kind))
    async with open_resolved(resolved, adapters=adapters) as session:
        yield session


@asynccontextmanager
async def open_resolved(resolved: ResolvedTarget, *, adapters: Connect = connect) -> AsyncIterator[Session]:
    """Open a target that was resolved already, or a profile that is not saved yet.

    Raises:
        BadInput: it holds several brokers.
    """
    address = require_one_address(resolved)
    mask_secrets((address.secret, *address.secrets.values()))
    policy = strictest(resolved.policy, await asyncio.to_thread(protection.policies_at, address))
    adapter = adapters(address)
    if isinstance(adapter, HasPeekBudget):
        from mqtui.state.peek_budget import StoredPeekBudget

        adapter.peek_budget = StoredPeekBudget()
    broker = adapter.broker
    guard = Guard(adapter, policy, Audit(key=audit_key), lambda: _policies_of_same_broker(broker))
    meeting = asyncio.create_task(_remember_identity(resolved, broker, guard), name=f"who is {resolved.shown}")
    try:
        yield Session(
            target=_reopening_target(resolved, address),
            profile=resolved.profile,
            address=address,
            broker=broker,
            guard=guard,
            warnings=resolved.warnings,
            is_shared=adapters is connect,
        )
        await asyncio.wait({meeting}, timeout=IDENTITY_TIMEOUT)
    finally:
        meeting.cancel()
        await asyncio.gather(meeting, return_exceptions=True)
        await adapter.close()


async def _policies_of_same_broker(broker: Broker) -> Sequence[Policy]:
    """The policies of other profiles of the same broker; its identity is asked for only where there are any."""
    try:
        restricting = await asyncio.to_thread(protection.restricting_profiles, broker.kind)
    except BadInput as error:
        return (protection.refuse_all(error),)
    return (
        await asyncio.to_thread(protection.policies_of_identity, broker.kind, await broker.identity())
        if restricting
        else ()
    )


async def _remember_identity(resolved: ResolvedTarget, broker: Broker, guard: Guard) -> None:
    """Ask which broker it is: a restricting profile remembers it, and restrictions of other profiles apply here too.

    A failure shows up in the first request, or in the guard before a write.
    """
    try:
        if resolved.profile is not None and resolved.policy.restricts:
            identity = await broker.identity()
            if identity:
                await asyncio.to_thread(BrokerIdentities().remember, resolved.profile.name, broker.kind, identity)
        await guard.identify_broker()
    except MqtuiError:
        return
