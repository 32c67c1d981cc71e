"""Which records the broker refused, told from the delivery reports of batches that failed.

A record the broker does not take fails its whole batch. librdkafka names the bad ones from two on and gives the error
of a single one to every record of the batch [2.16.1], so that neighbours in the reports with the same error are either
all bad or one of them is: that batch has to be halved until the record is alone (K17).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from confluent_kafka import KafkaError

from mqtui.brokers.kafka.errors import AWAY, SLOW

PURGED = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT, KafkaError._INVALID_DIFFERENT_RECORD})
"""Said of records that had nothing wrong with them."""

BLAMELESS = PURGED | SLOW | AWAY
"""Said of records that no broker was there for, too."""

FORETOLD = frozenset({KafkaError.INVALID_RECORD, KafkaError.INVALID_TIMESTAMP})
"""Refusals that a topic's settings foretell for each record by itself."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The delivery report of a record that was not stored."""

    error: KafkaError
    topic: str | None
    partition: int | None


@dataclass(frozen=True, slots=True)
class Blame:
    """`refused` are single records and why; `suspects` the first batch that was refused as a whole."""

    refused: Mapping[int, KafkaError] = field(default_factory=dict)
    suspects: Sequence[int] = ()

    def __bool__(self) -> bool:
        return bool(self.refused or self.suspects)


NOBODY = Blame()


def blame(failures: Iterable[tuple[int, Failure]], expected: Container[int] = ()) -> Blame:
    """Whom to blame, from failures by place in the order of their reports.

    `expected` are records that the settings of their topics say will be refused: a batch of nothing else that is
    refused for such a reason needs no halving.
    """
    refused: dict[int, KafkaError] = {}
    suspects: list[int] = []
    for (code, _, _), run in groupby(failures, key=lambda one: _batch(one[1])):
        if code in BLAMELESS:
            continue
        batch = dict(run)
        if len(batch) == 1 or (code in FORETOLD and all(place in expected for place in batch)):
            refused |= {place: failure.error for place, failure in batch.items()}
        elif not suspects:
            suspects = sorted(batch)
    return Blame(refused, suspects)


def _batch(failure: Failure) -> tuple[int, str | None, int | None]:
    return failure.error.code(), failure.topic, failure.partition


def parts(group: Sequence[int], suspects: Sequence[int]) -> list[Sequence[int]]:
    """What to try instead of a group with such suspects: in order, the suspects in two halves."""
    if not suspects:
        return [group] if group else []
    within = frozenset(suspects)
    others = [place for place in group if place not in within]
    before = [place for place in others if place < suspects[0]]
    middle = len(suspects) // 2
    tries = (before, suspects[:middle], suspects[middle:], others[len(before) :])
    return [part for part in tries if part]
