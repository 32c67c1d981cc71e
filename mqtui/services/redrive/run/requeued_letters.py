"""Waits and reads on for letters that a dead process had in flight and that its broker requeues late (C13).

A resume may read its source before the broker noticed that the connection of the dead process is gone. Such letters are
not lost, and not unknown: whoever puts them back from the bundle meanwhile doubles them.
"""

from __future__ import annotations

from asyncio import Event
from collections.abc import Awaitable, Callable
from dataclasses import replace

from mqtui.brokers.optional_port import RequeuesLate
from mqtui.brokers.port import Broker
from mqtui.domain.figure import Figure, unknown
from mqtui.domain.redrive import CountBound, Source
from mqtui.services.redrive.run.outcome_counter import OutcomeCounter

MAX_PASSES = 3
"""How often the source is read again at most, where new messages keep coming."""


async def read_requeued(
    broker: Broker,
    source: Source,
    counter: OutcomeCounter,
    stop: Event,
    read_again: Callable[[Source], Awaitable[None]],
) -> str:
    """Read the source again for letters in flight that were requeued since.

    Returns why those that were not met stay open: other connections may still hold them; "" where none does, or where
    it can't be told.

    Raises:
        CannotConnect, NotFound, BrokerTrouble: as the broker's.
    """
    if not isinstance(broker, RequeuesLate) or not isinstance(source.bounds, CountBound):
        return ""
    held = unknown("not asked")
    ready = counter.known_in_source
    for _ in range(MAX_PASSES):
        open_before = len(counter.unmatched())
        if not open_before or stop.is_set():
            return ""
        held = await broker.wait_for_requeue(source.ref, ready)
        now = (await broker.snapshot(source.ref)).bounds
        assert isinstance(now, CountBound)
        if now.ready <= ready:
            break
        await read_again(replace(source, bounds=replace(source.bounds, ready=now.ready)))
        ready = now.ready - (open_before - len(counter.unmatched()))
    return _why_open(len(counter.unmatched()), held)


def _why_open(unmatched: int, held: Figure) -> str:
    if not unmatched or not held.number:
        return ""
    return (
        f"{unmatched:,} letters that were in flight at a crash are not ready in the source, and other connections hold "
        f"{held.number:,} of its messages: resume it again when those are requeued or consumed"
    )
