"""Planned letters that were not in the source any more: why, as far as the broker can tell (C8, C13)."""

from __future__ import annotations

from collections.abc import Mapping

from mqtui.brokers.port import Broker
from mqtui.brokers.registry import traits_of
from mqtui.domain.message import Offset
from mqtui.domain.offset_spans import NO_OFFSETS
from mqtui.domain.redrive import HANDLED_BY, OffsetBounds, Outcome, Source
from mqtui.services.redrive.run.outcome_counter import OutcomeCounter

BY_ANOTHER_RUN = f"{HANDLED_BY} another run"


async def count_missing(broker: Broker, source: Source, first: Mapping[int, int], counter: OutcomeCounter) -> None:
    """Count them as skipped, with the reason. Only Kafka records what other runs handled.

    `first` are the offsets at which the run's first plan began, by partition.
    """
    missing = counter.untried
    if not missing:
        return
    handled = 0
    if isinstance(source.bounds, OffsetBounds):
        handled = missing - min(missing, await _deleted(broker, source, first))
    counter.add(Outcome.SKIPPED, handled, BY_ANOTHER_RUN)
    counter.add(Outcome.SKIPPED, missing - handled, traits_of(broker.kind).redrive.taken_by_others)
    counter.gone += missing - handled


async def _deleted(broker: Broker, source: Source, planned: Mapping[int, int]) -> int:
    """How many unhandled letters at most lay below the topic's first offset of now."""
    extent = await broker.reader.extent(source.ref)
    number = 0
    for partition, first in planned.items():
        begins = extent.first.get(partition)
        if isinstance(begins, Offset) and begins.offset > first:
            handled = source.handled.above.get(partition, NO_OFFSETS)
            number += begins.offset - first - handled.count(first, begins.offset)
    return number
