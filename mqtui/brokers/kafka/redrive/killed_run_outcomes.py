"""Finds out, from the state topic, what became of letters that were in flight when a process died (K2, C13)."""

from __future__ import annotations

from collections.abc import Sequence

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.read.offsets import read_topic_bounds
from mqtui.brokers.kafka.redrive.state_topic import read_handling_runs
from mqtui.domain.errors import NotAuthorised, NotFound
from mqtui.domain.message import Offset, Position
from mqtui.domain.redrive import HANDLED_BY, LeaseOptions, PublishStatus, Receipt, Source

DELETED = "deleted from the topic, by retention or on purpose, and no run has handled it"
NOT_HANDLED = "no run has handled it"


async def trace(
    clients: KafkaClients, source: Source, options: LeaseOptions, positions: Sequence[Position]
) -> Sequence[Receipt]:
    """One receipt per letter: stored by this run, gone because another run handled it, or unknown with the reason.

    Raises:
        TimedOut: another run's transaction in the state topic stayed open.
        CannotConnect, BrokerTrouble: the cluster does not answer.
    """
    wanted: dict[int, list[int]] = {}
    for position in positions:
        if isinstance(position, Offset):
            wanted.setdefault(position.partition, []).append(position.offset)
    begins = (await read_topic_bounds(clients, source.ref)).first
    try:
        handlers = await clients.run_in_thread(
            "reading the state", lambda: read_handling_runs(clients, source.identity, wanted)
        )
    except (NotFound, NotAuthorised):
        handlers = {}
    return [
        _receipt(
            position,
            handlers.get((position.partition, position.offset)),
            options.run,
            begins.get(position.partition, 0),
        )
        if isinstance(position, Offset)
        else Receipt(PublishStatus.UNKNOWN, None, NOT_HANDLED)
        for position in positions
    ]


def _receipt(position: Offset, handler: tuple[str, str] | None, run: str, begins: int) -> Receipt:
    if handler is None:
        return Receipt(PublishStatus.UNKNOWN, None, DELETED if position.offset < begins else NOT_HANDLED)
    if handler[0] == run:
        return Receipt(PublishStatus.STORED)
    return Receipt(PublishStatus.GONE, None, f"{HANDLED_BY} run {handler[0][:8]} of {handler[1]}")
