"""First and last offsets, asked for many partitions at once.

One request for everything is superlinear in librdkafka [10,000 partitions: 0.53 s in one call, 0.13 s in chunks of
500 sent together], so chunks are sent together and their answers collected in a thread.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Mapping
from concurrent import futures
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

from confluent_kafka import OFFSET_INVALID, IsolationLevel, KafkaError, KafkaException
from confluent_kafka.admin import OffsetSpec

from mqtui.brokers.kafka.connection.bulk_admin import BulkAdminClient, OffsetAnswers
from mqtui.brokers.kafka.connection.clients import ANSWER, SOON, Connection, answer_of
from mqtui.brokers.kafka.errors import AWAY, SLOW, error_of, said_of
from mqtui.brokers.kafka.read.topic_metadata import describe, topic_name
from mqtui.brokers.request_log import log_retry
from mqtui.domain.errors import BrokerTrouble, NotFound
from mqtui.domain.resource import Ref

CHUNK = 500

LAGGARDS = 3.0
"""Seconds a partition has to answer by itself: a leader that is away costs only its own (K19)."""

NOBODY = -1
"""The offset ListOffsets gives for a time after the last record."""

SILENT = KafkaError(KafkaError._TIMED_OUT, "its leader did not answer")

Place: TypeAlias = tuple[str, int]
"""Topic and partition."""

Asked: TypeAlias = tuple[list[Place], Future[OffsetAnswers]]
"""The partitions of one request, and its answer."""

Answers: TypeAlias = Mapping[Place, int | KafkaError]
"""An offset, or why there is none."""


async def ask_offsets(
    connection: Connection, places: Iterable[Place], spec: OffsetSpec, *, committed: bool = False
) -> Answers:
    """Offsets by partition; with `committed` the end is the last stable offset (K8).

    Raises:
        CannotConnect, BrokerTrouble: no partition answered at all.
    """
    admin = await connection.opened()
    wanted = list(places)
    return await connection.call("asking for offsets", lambda: collect(admin, wanted, spec, committed=committed))


def collect(admin: BulkAdminClient, places: Iterable[Place], spec: OffsetSpec, *, committed: bool) -> Answers:
    """The same from a thread that may block.

    A topic that was asked for while it was missing stays without leaders in librdkafka's memory after it was created;
    listing all topics clears that, and the question is repeated once.
    """
    found = _collect(admin, places, spec, committed=committed)
    forgotten = [place for place, answer in found.items() if isinstance(answer, KafkaError) and _leaderless(answer)]
    if forgotten:
        log_retry("kafka", "a question for offsets", "librdkafka knows no leader of a topic that is there")
        admin.list_topics(timeout=ANSWER)
        found.update(_collect(admin, forgotten, spec, committed=committed))
    return found


def _leaderless(answer: KafkaError) -> bool:
    return bool(answer.code() == KafkaError._NOENT)


def _collect(
    admin: BulkAdminClient, places: Iterable[Place], spec: OffsetSpec, *, committed: bool
) -> dict[Place, int | KafkaError]:
    """One request ends when its slowest leader answered, or not at all: then each partition is asked by itself, after
    librdkafka was told who leads now.
    """
    level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
    asked: list[Asked] = []
    remaining = iter(dict.fromkeys(places))
    while chunk := list(itertools.islice(remaining, CHUNK)):
        asked.append((chunk, admin.list_offsets_together(chunk, spec, level, ANSWER)))
    futures.wait([answers for _, answers in asked], SOON)
    late = [place for chunk, answers in asked if not answers.done() for place in chunk]
    found: dict[Place, int | KafkaError] = {}
    if 1 < len(late) <= CHUNK:
        with suppress(KafkaException):
            admin.list_topics(timeout=LAGGARDS)
        alone = [([place], admin.list_offsets_together([place], spec, level, LAGGARDS)) for place in late]
        found = _answers(alone)
        if all(_is_silent(answer) for answer in found.values()):
            found = {}
    found = _answers([one for one in asked if not (found and one[0][0] in found)]) | found
    silent = [answer for answer in found.values() if isinstance(answer, KafkaError) and _is_silent(answer)]
    if silent and len(silent) == len(found):
        raise KafkaException(silent[0])
    return found


def _answers(asked: Iterable[Asked]) -> dict[Place, int | KafkaError]:
    """By partition an offset, or why there is none. A leader that did not answer is no error to librdkafka: it gives
    -1001.
    """
    found: dict[Place, int | KafkaError] = {}
    for chunk, promise in asked:
        try:
            answers = answer_of(promise)
        except KafkaException as error:
            found |= dict.fromkeys(chunk, error_of(error))
            continue
        for place, answer in answers.items():
            known = answer if isinstance(answer, KafkaError) else answer.offset
            found[place.topic, place.partition] = SILENT if known == OFFSET_INVALID else known
    return found


def _is_silent(answer: int | KafkaError) -> bool:
    return isinstance(answer, KafkaError) and (answer.code() in AWAY or answer.code() in SLOW)


def why_missing(error: KafkaError) -> str:
    """Why a partition gives no offsets, in plain words and the library's."""
    if error.code() in (KafkaError.LEADER_NOT_AVAILABLE, KafkaError._NOENT, KafkaError.NOT_LEADER_FOR_PARTITION):
        return f"has no leader ({said_of(error)})"
    if error.code() == KafkaError.LISTENER_NOT_FOUND:
        return f"has a leader without an address on this listener ({said_of(error)})"
    if _is_silent(error):
        return f"has a leader that does not answer ({said_of(error)})"
    return f"gives no offsets ({said_of(error)})"


def numbers(answers: Answers) -> dict[int, int]:
    """Offsets of one topic by partition, where known."""
    return {partition: offset for (_, partition), offset in answers.items() if isinstance(offset, int)}


@dataclass(frozen=True, slots=True)
class Ends:
    """First and end offsets by partition. `end` is the last stable offset, `high` the high watermark (K8)."""

    first: Mapping[int, int]
    end: Mapping[int, int]
    high: Mapping[int, int]
    missing: Mapping[int, str] = field(default_factory=dict)
    """Partitions that give no offsets, and why: "has no leader (LEADER_NOT_AVAILABLE: ...)" (K19)."""

    def notes(self) -> tuple[str, ...]:
        """What is not in a look at these offsets, a sentence a partition."""
        return tuple(f"partition {number} is missing: it {why}" for number, why in sorted(self.missing.items()))


async def ends_of(connection: Connection, ref: Ref, partition: int | None = None) -> Ends:
    """The offsets of a topic as of now.

    Raises:
        NotFound: no such topic or partition.
        BrokerTrouble: no partition of those asked for gives offsets.
    """
    topic = await describe(connection, topic_name(ref))
    if partition is not None and partition not in topic.partitions:
        raise NotFound(f"{topic.name} has no partition {partition}", f"It has {len(topic.partitions)}, from 0 on.")
    wanted = topic.partitions if partition is None else (partition,)
    places = [(topic.name, number) for number in wanted]
    answers = await asyncio.gather(
        ask_offsets(connection, places, OffsetSpec.earliest()),
        ask_offsets(connection, places, OffsetSpec.latest(), committed=True),
        ask_offsets(connection, places, OffsetSpec.latest()),
    )
    missing: dict[int, str] = {}
    for (_, number), answer in (pair for each in answers for pair in each.items()):
        if not isinstance(answer, int):
            missing.setdefault(number, why_missing(answer))
    if wanted and len(missing) == len(wanted):
        number, why = min(missing.items())
        raise BrokerTrouble(f"Partition {number} of {topic.name} gives no offsets", f"It {why}.")
    first, stable, high = (
        {number: offset for number, offset in numbers(each).items() if number not in missing} for each in answers
    )
    return Ends(first, stable, high, missing)
