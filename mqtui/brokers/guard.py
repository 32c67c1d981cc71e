"""The one write gate: policy, consent, and an audit line on disk before the first byte leaves."""

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
    from mqtui.brokers.port import Adapter
    from mqtui.brokers.restricted_writer import RestrictedWriter
    from mqtui.domain.plan import Plan


@dataclass(frozen=True, slots=True)
class WriteGrant:
    """Leave to write what one plan says."""

    plan: Plan


async def nobody_else() -> Sequence[Policy]:
    """No further profile names the broker."""
    return ()


class AuditLog(Protocol):
    """Where writes are noted before they are made. Both may block, so the guard calls them in a thread."""

    def begin(self, plan: Plan, policy: Policy) -> None:
        """On disk when it returns.

        Raises:
            StorageFailed: it could not be kept, so nothing may be written to the broker.
        """

    def end(self, plan: Plan, policy: Policy, result: str) -> None:
        """How it ended."""


class Guard:
    """Stands before one adapter's writer.

    `others` gives the policies of further profiles that name the same broker, as the broker itself is asked for it.
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
        """The policy as it is once the broker was asked which one it is; asked once.

        Raises:
            MqtuiError: the broker can't be asked, or what is known of it can't be read.
        """
        if not self._recognised:
            self.add_policies(await self._others())
            self._recognised = True
        return self.policy

    def add_policies(self, policies: Sequence[Policy]) -> None:
        """These hold too, from now on."""
        self.policy = strictest(self.policy, policies)

    @asynccontextmanager
    async def writing(self, plan: Plan, consent: Consent) -> AsyncIterator[RestrictedWriter]:
        """A writer for exactly this plan.

        Raises:
            Refused, NeedsConsent: as `domain.policy.check`.
            StorageFailed: the audit line could not be kept; nothing was written.
        """
        # imported late: a process that only reads needs nothing of it
        from mqtui.brokers.restricted_writer import RestrictedWriter

        await self.identify_broker()
        check(self.policy, plan, consent)
        await self._note_begin(plan)
        writer = RestrictedWriter(self._adapter.open_writer(WriteGrant(plan)), plan)
        try:
            yield writer
        except MqtuiError as error:
            await self._note_end(plan, writer.result_after_error(f"failed: {error.title}"))
            raise
        except BaseException as error:
            await self._note_end(plan, writer.result_after_error(_interrupted(error)))
            raise
        await self._note_end(plan, writer.result)

    async def _note_begin(self, plan: Plan) -> None:
        """Note in the audit that a write begins. Who is cancelled meanwhile notes its end too."""
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
