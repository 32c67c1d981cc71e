"""The three ways a letter leaves its source: to a target beside it, to another broker, or into the bundle alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mqtui.brokers.port import Lease, Publisher
from mqtui.domain.redrive import Receipt, Stored, Transfer
from mqtui.domain.resource import BrokerKind
from mqtui.services.redrive.crossing import cross


class Mover(Protocol):
    """Stores letters and removes them from their source; one receipt a letter, in order."""

    async def __call__(self, transfers: Sequence[Transfer]) -> Sequence[Receipt]:
        """Move them."""


class Beside:
    """Within one broker: its own transaction, script, or confirm and acknowledgement."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease

    async def __call__(self, transfers: Sequence[Transfer]) -> Sequence[Receipt]:
        """Move them."""
        return await self._lease.move(transfers)


class Nowhere:
    """Discard: removed from the source, kept in the bundle."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease

    async def __call__(self, transfers: Sequence[Transfer]) -> Sequence[Receipt]:
        """Remove them."""
        return await self._lease.settle([transfer.letter for transfer in transfers])


class Across:
    """To another broker: stored there and confirmed, then removed here."""

    def __init__(self, lease: Lease, publisher: Publisher, source: BrokerKind, target: BrokerKind) -> None:
        self._lease = lease
        self._publisher = publisher
        self._source = source
        self._target = target

    async def __call__(self, transfers: Sequence[Transfer]) -> Sequence[Receipt]:
        """Send them there, then settle here what was stored."""
        messages = [cross(transfer.outgoing(), self._source, self._target) for transfer in transfers]
        receipts = list(await self._publisher.send(messages))
        stored = [place for place, receipt in enumerate(receipts) if receipt.state is Stored.STORED]
        kept = [transfers[place].letter for place, receipt in enumerate(receipts) if receipt.state is not Stored.STORED]
        if kept:
            await self._lease.keep(kept)
        settled = await self._lease.settle([transfers[place].letter for place in stored])
        for place, removed in zip(stored, settled, strict=True):
            if removed.state is Stored.UNKNOWN:
                receipts[place] = Receipt(Stored.UNKNOWN, receipts[place].position, "stored, and perhaps not removed")
        return receipts
