"""What became of letters that were in hand when a process died: the state topic tells who handled them (K2, C13)."""

from __future__ import annotations

from collections.abc import Sequence

from mqtui.brokers.kafka.connection.clients import Connection
from mqtui.brokers.kafka.read.offsets import ends_of
from mqtui.brokers.kafka.redrive.state_topic import read_handlers
from mqtui.domain.errors import NotAuthorised, NotFound
from mqtui.domain.message import Offset, Position
from mqtui.domain.redrive import HANDLED_BY, LeaseOptions, PublishStatus, Receipt, Source

DELETED = "deleted from the topic, by retention or on purpose, and no run has handled it"
NOT_HANDLED = "no run has handled it"


async def trace(
    connection: Connection, source: Source, terms: LeaseOptions, positions: Sequence[Position]
) -> Sequence[Receipt]:
    """One receipt a letter: stored by this run, gone since another run handled it, or unknown with the reason.

    Raises:
        TimedOut: a foreign transaction in the state topic stayed open.
        CannotConnect, BrokerTrouble: no conversation.
    """
    wanted: dict[int, list[int]] = {}
    for place in positions:
        if isinstance(place, Offset):
            wanted.setdefault(place.partition, []).append(place.offset)
    begins = (await ends_of(connection, source.ref)).first
    try:
        handlers = await connection.call(
            "reading the state", lambda: read_handlers(connection, source.identity, wanted)
        )
    except (NotFound, NotAuthorised):
        handlers = {}
    return [
        _receipt(place, handlers.get((place.partition, place.offset)), terms.run, begins.get(place.partition, 0))
        if isinstance(place, Offset)
        else Receipt(PublishStatus.UNKNOWN, None, NOT_HANDLED)
        for place in positions
    ]


def _receipt(place: Offset, handler: tuple[str, str] | None, run: str, begins: int) -> Receipt:
    if handler is None:
        return Receipt(PublishStatus.UNKNOWN, None, DELETED if place.offset < begins else NOT_HANDLED)
    if handler[0] == run:
        return Receipt(PublishStatus.STORED)
    return Receipt(PublishStatus.GONE, None, f"{HANDLED_BY} run {handler[0][:8]} of {handler[1]}")
