"""How letters are moved: within one broker, to another broker, or only out of the source (discard).

A transport stores letters and then removes them, so that the journal can say in between which are stored (C8). Where
the broker does both in one step, there is nothing left to remove.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Protocol

from mqtui.brokers.port import ClaimsLetters, Lease, Publisher, StoresFirst
from mqtui.brokers.restricted_writer import RestrictedWriter
from mqtui.domain.capability import Verb
from mqtui.domain.message import Message
from mqtui.domain.redrive import HANDLED_BY, LetterClaim, PublishStatus, Receipt, Transfer
from mqtui.domain.resource import BrokerKind
from mqtui.services.redrive.planning.convert import convert_message

STORED_BEFORE = "perhaps stored before too, by "
"""How the reason begins for a stored letter that another run had claimed and left; that run follows."""

CLAIMED_BY = "claimed by"

STILL_IN_SOURCE = (PublishStatus.REFUSED, PublishStatus.RETURNED, PublishStatus.UNKNOWN)


class Transport(Protocol):
    """Stores letters in their targets and removes them from the source; one receipt a letter, in order."""

    stores_first: bool
    """Whether `remove` does anything, so that the journal has to say before it what is stored."""

    async def store(self, transfers: Sequence[Transfer]) -> Sequence[Receipt]:
        """Store them. What is refused stays in the source."""

    async def remove(self, letters: Sequence[Message]) -> Sequence[Receipt]:
        """Remove letters that are stored."""


class AtomicTransport:
    """Within one broker, by its transaction (Kafka) or script (Redis)."""

    stores_first = False

    def __init__(self, lease: Lease) -> None:
        self._lease = lease

    async def store(self, transfers: Sequence[Transfer]) -> Sequence[Receipt]:
        """Move them."""
        return await self._lease.move(transfers)

    async def remove(self, letters: Sequence[Message]) -> Sequence[Receipt]:
        """Nothing to do: they are removed already."""
        return [Receipt(PublishStatus.STORED) for _ in letters]


class StoreThenRemoveTransport:
    """Within one broker that confirms what is stored and then removes it (RabbitMQ)."""

    stores_first = True

    def __init__(self, lease: Lease, storer: StoresFirst) -> None:
        self._lease = lease
        self._storing = storer

    async def store(self, transfers: Sequence[Transfer]) -> Sequence[Receipt]:
        """Store them."""
        return await self._storing.store(transfers)

    async def remove(self, letters: Sequence[Message]) -> Sequence[Receipt]:
        """Remove them."""
        return await self._lease.settle(letters)


class DiscardTransport:
    """Discard: removed from the source, kept in the bundle only."""

    stores_first = False

    def __init__(self, lease: Lease) -> None:
        self._lease = lease

    async def store(self, transfers: Sequence[Transfer]) -> Sequence[Receipt]:
        """Remove them."""
        return await self._lease.settle([transfer.letter for transfer in transfers])

    async def remove(self, letters: Sequence[Message]) -> Sequence[Receipt]:
        """Nothing to do: they are removed already."""
        return [Receipt(PublishStatus.STORED) for _ in letters]


class CrossBrokerTransport:
    """To another broker: stored and confirmed there, then removed here."""

    stores_first = True

    def __init__(self, lease: Lease, publisher: Publisher, source: BrokerKind, target: BrokerKind) -> None:
        self._lease = lease
        self._publisher = publisher
        self._source = source
        self._target = target

    async def store(self, transfers: Sequence[Transfer]) -> Sequence[Receipt]:
        """Claim those that other runs could send too, then publish them there."""
        claims = await self._claims(transfers)
        free = [transfer for transfer, claim in zip(transfers, claims, strict=True) if claim.refused is None]
        messages = [convert_message(transfer.outgoing(), self._source, self._target) for transfer in free]
        sent = iter(await self._publisher.send(messages) if messages else ())
        receipts = [claim.refused or _with_doubt(next(sent), claim.doubt) for claim in claims]
        pairs = zip(transfers, receipts, strict=True)
        kept = [transfer.letter for transfer, receipt in pairs if receipt.state in STILL_IN_SOURCE]
        if kept:
            await self._lease.release(kept)
        return receipts

    async def _claims(self, transfers: Sequence[Transfer]) -> Sequence[LetterClaim]:
        if not isinstance(self._lease, ClaimsLetters):
            return [LetterClaim()] * len(transfers)
        return await self._lease.claim([transfer.letter for transfer in transfers])

    async def remove(self, letters: Sequence[Message]) -> Sequence[Receipt]:
        """Remove here what is stored there."""
        return await self._lease.settle(letters)


def _with_doubt(receipt: Receipt, doubt: str) -> Receipt:
    if receipt.state is not PublishStatus.STORED or not doubt:
        return receipt
    return Receipt(PublishStatus.STORED, receipt.position, f"{STORED_BEFORE}{doubt}")


async def open_transport(
    stack: AsyncExitStack,
    verb: Verb,
    lease: Lease,
    remote: RestrictedWriter | None,
    kinds: tuple[BrokerKind, BrokerKind],
) -> Transport:
    """The transport of a run. `kinds`: of source and target; `remote` writes to the target where it is another broker.

    Its publisher is closed with `stack`.
    """
    if verb is Verb.DISCARD:
        return DiscardTransport(lease)
    if remote is None:
        return StoreThenRemoveTransport(lease, lease) if isinstance(lease, StoresFirst) else AtomicTransport(lease)
    return CrossBrokerTransport(lease, await stack.enter_async_context(remote.publisher()), *kinds)


def is_handled_by_another_run(receipt: Receipt) -> bool:
    """Whether a letter is gone because another run of mqtui handled it, or is about to."""
    return receipt.state is PublishStatus.GONE and receipt.reason.startswith((HANDLED_BY, CLAIMED_BY))
