"""The write gate: nothing is written to a broker without policy check, consent and an audit entry on disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from mqtui.brokers.blocking import run_to_end_in_thread, submit_to_thread, wait_uncancelled
from mqtui.domain.errors import MqtuiError
from mqtui.domain.policy import Consent, Policy, check, strictest

if TYPE_CHECKING:
    from mqtui.brokers.port import Adapter, SchemaRegistrar
    from mqtui.brokers.restricted_writer import RestrictedRegistrar, RestrictedWriter
    from mqtui.domain.plan import Plan


@dataclass(frozen=True, slots=True)
class WriteGrant:
    """Permission to write what one plan says."""

    plan: Plan


async def nobody_else() -> Sequence[Policy]:
    """The policies of further profiles where there are none."""
    return ()


class AuditLog(Protocol):
    """Where each write is recorded before it is made. Both methods may block, so the guard calls them in a thread."""

    def begin(self, plan: Plan, policy: Policy) -> None:
        """Record that a write begins; on disk when it returns.

        Raises:
            StorageFailed: it could not be written, so nothing may be written to the broker.
        """

    def end(self, plan: Plan, policy: Policy, result: str) -> None:
        """Record how the write ended."""


class HasResult(Protocol):
    """What knows how a write ended, for the audit."""

    @property
    def result(self) -> str:
        """The outcome."""

    def result_after_error(self, why: str) -> str:
        """The outcome after an error."""


class Guard:
    """The only way to the writer of one adapter.

    `others` gives the policies of further profiles that point at the same broker, by the identity it reports (C17).
    """

    def __init__(
        self,
        adapter: Adapter,
        policy: Policy,
        audit: AuditLog,
        others: Callable[[], Awaitable[Sequence[Policy]]] = nobody_else,
    ) -> None:
        self.policy = policy
        self._adapter = adapter
        self._audit = audit
        self._others = others
        self._recognised = False

    async def identify_broker(self) -> Policy:
        """The policy, with those of other profiles for this broker added. The broker is asked for its identity once.

        Raises:
            MqtuiError: the broker can't be asked, or the stored identities can't be read.
        """
        if not self._recognised:
            self.add_policies(await self._others())
            self._recognised = True
        return self.policy

    def add_policies(self, policies: Sequence[Policy]) -> None:
        """Apply these policies too, from now on."""
        self.policy = strictest(self.policy, policies)

    @asynccontextmanager
    async def writing(self, plan: Plan, consent: Consent) -> AsyncIterator[RestrictedWriter]:
        """A writer that can do what this plan says, and nothing else.

        Raises:
            Refused, NeedsConsent: as `domain.policy.check`.
            StorageFailed: the audit entry could not be written, and nothing was sent to the broker.
        """
        # imported late: a process that only reads needs nothing of it
        from mqtui.brokers.restricted_writer import RestrictedWriter

        await self._permit(plan, consent)
        writer = RestrictedWriter(self._adapter.open_writer(WriteGrant(plan)), plan, self._adapter.broker.kind)
        async with self._recorded(plan, writer):
            yield writer

    @asynccontextmanager
    async def registering(
        self, plan: Plan, consent: Consent, registry: SchemaRegistrar
    ) -> AsyncIterator[RestrictedRegistrar]:
        """What registers the plan's schemas in the broker's schema registry, and nothing else.

        Raises:
            Refused, NeedsConsent, StorageFailed: as `writing`.
        """
        from mqtui.brokers.restricted_writer import RestrictedRegistrar

        await self._permit(plan, consent)
        registrar = RestrictedRegistrar(registry, plan)
        async with self._recorded(plan, registrar):
            yield registrar

    async def _permit(self, plan: Plan, consent: Consent) -> None:
        """Check a plan, and record that its write begins."""
        await self.identify_broker()
        check(self.policy, plan, consent)
        await self._note_begin(plan)

    @asynccontextmanager
    async def _recorded(self, plan: Plan, writer: HasResult) -> AsyncIterator[None]:
        """Record how the write ended."""
        try:
            yield
        except MqtuiError as error:
            await self._note_end(plan, writer.result_after_error(f"failed: {error.title}"))
            raise
        except BaseException as error:
            await self._note_end(plan, writer.result_after_error(_interrupted(error)))
            raise
        await self._note_end(plan, writer.result)

    async def _note_begin(self, plan: Plan) -> None:
        """Record that a write begins. A task that is cancelled meanwhile also records the end."""
        noting = submit_to_thread("audit", partial(self._audit.begin, plan, self.policy))
        try:
            await wait_uncancelled(noting)
        except asyncio.CancelledError as error:
            if noting.exception() is None:
                await self._note_end(plan, _interrupted(error))
            raise

    async def _note_end(self, plan: Plan, result: str) -> None:
        await run_to_end_in_thread("audit", partial(self._audit.end, plan, self.policy, result))


def _interrupted(error: BaseException) -> str:
    return f"interrupted: {type(error).__name__}"
