"""The one write gate: policy, consent, and an audit line on disk before the first byte leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mqtui.domain.errors import MqtuiError
from mqtui.domain.policy import Consent, Policy, check, strictest

if TYPE_CHECKING:
    from mqtui.brokers.bound import BoundWriter
    from mqtui.brokers.port import Adapter
    from mqtui.domain.plan import Plan


@dataclass(frozen=True, slots=True)
class GrantedPermit:
    """Leave to write what one plan says."""

    plan: Plan


async def nobody_else() -> Sequence[Policy]:
    """No further profile names the broker."""
    return ()


class AuditLog(Protocol):
    """Where writes are noted before they are made."""

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

    async def recognise(self) -> Policy:
        """The policy as it is once the broker was asked which one it is; asked once.

        Raises:
            MqtuiError: the broker can't be asked, or what is known of it can't be read.
        """
        if not self._recognised:
            self.hold(await self._others())
            self._recognised = True
        return self.policy

    def hold(self, policies: Sequence[Policy]) -> None:
        """These hold too, from now on."""
        self.policy = strictest(self.policy, policies)

    @asynccontextmanager
    async def writing(self, plan: Plan, consent: Consent) -> AsyncIterator[BoundWriter]:
        """A writer for exactly this plan.

        Raises:
            Refused, NeedsConsent: as `domain.policy.check`.
            StorageFailed: the audit line could not be kept; nothing was written.
        """
        from mqtui.brokers.bound import BoundWriter  # a process that only looks needs nothing of what writes

        await self.recognise()
        check(self.policy, plan, consent)
        self._audit.begin(plan, self.policy)
        writer = BoundWriter(self._adapter.open_writer(GrantedPermit(plan)), plan)
        try:
            yield writer
        except MqtuiError as error:
            self._audit.end(plan, self.policy, writer.broken(f"failed: {error.title}"))
            raise
        except BaseException as error:
            self._audit.end(plan, self.policy, writer.broken(f"interrupted: {type(error).__name__}"))
            raise
        self._audit.end(plan, self.policy, writer.result)
