"""Finds the records of a produce batch because of which the broker refused the whole batch.

librdkafka names the bad records only if there are two or more; the error of a single one is reported for every record
of its batch [2.16.1]. So neighbouring delivery reports with the same error mean that all of these records are bad, or
that one of them is: such a batch is sent again in halves until the bad record is alone (K17).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from confluent_kafka import KafkaError

from mqtui.brokers.kafka.errors import TIMED_OUT, UNREACHABLE

PURGED = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT, KafkaError._INVALID_DIFFERENT_RECORD})
"""Errors of records that were not at fault: they were purged with their transaction or their batch."""

NOT_RECORD_ERRORS = PURGED | TIMED_OUT | UNREACHABLE
"""Delivery errors that say nothing about the record itself; those of an unreachable broker too."""

PREDICTABLE = frozenset({KafkaError.INVALID_RECORD, KafkaError.INVALID_TIMESTAMP})
"""Refusals that can be predicted for each record from the topic's configuration."""


@dataclass(frozen=True, slots=True)
class FailedDelivery:
    """The delivery report of a record that was not stored."""

    error: KafkaError
    topic: str | None
    partition: int | None


@dataclass(frozen=True, slots=True)
class RefusedRecords:
    """`refused`: bad records by index, with the error. `suspects`: the first batch that failed as a whole."""

    refused: Mapping[int, KafkaError] = field(default_factory=dict)
    suspects: Sequence[int] = ()

    def __bool__(self) -> bool:
        return bool(self.refused or self.suspects)


NONE_REFUSED = RefusedRecords()


def find_refused_records(
    failures: Iterable[tuple[int, FailedDelivery]], predicted: Container[int] = ()
) -> RefusedRecords:
    """The records to blame for `failures`, which are given by index in the order of their delivery reports.

    `predicted` holds the records that their topics' configuration will refuse: a batch of only such records that was
    refused for such a reason needs no halving.
    """
    refused: dict[int, KafkaError] = {}
    suspects: list[int] = []
    for (code, _, _), run in groupby(failures, key=lambda one: _batch_key(one[1])):
        if code in NOT_RECORD_ERRORS:
            continue
        batch = dict(run)
        if len(batch) == 1 or (code in PREDICTABLE and all(index in predicted for index in batch)):
            refused |= {index: failure.error for index, failure in batch.items()}
        elif not suspects:
            suspects = sorted(batch)
    return RefusedRecords(refused, suspects)


def _batch_key(failure: FailedDelivery) -> tuple[int, str | None, int | None]:
    return failure.error.code(), failure.topic, failure.partition


def split_suspects(group: Sequence[int], suspects: Sequence[int]) -> list[Sequence[int]]:
    """The groups to send instead of a group that failed: in the same order, with the suspects in two halves."""
    if not suspects:
        return [group] if group else []
    within = frozenset(suspects)
    others = [index for index in group if index not in within]
    before = [index for index in others if index < suspects[0]]
    middle = len(suspects) // 2
    tries = (before, suspects[:middle], suspects[middle:], others[len(before) :])
    return [part for part in tries if part]
