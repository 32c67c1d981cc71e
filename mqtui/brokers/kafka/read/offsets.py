"""ListOffsets for many partitions at once: first, end and last stable offsets, and offsets by time.

One request for everything is superlinear in librdkafka [10,000 partitions: 0.53 s in one call, 0.13 s in chunks of
500 sent together], so several requests are sent at once and their results collected in a thread.
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
from mqtui.brokers.kafka.connection.clients import FALLBACK_AFTER, REQUEST_TIMEOUT, KafkaClients, answer_blocking
from mqtui.brokers.kafka.errors import TIMED_OUT, UNREACHABLE, describe_error, unwrap
from mqtui.brokers.kafka.read.bulk_offsets import BULK_FROM, list_offsets_in_bulk
from mqtui.brokers.kafka.read.topic_metadata import describe_topic, topic_name
from mqtui.brokers.request_log import log_retry
from mqtui.domain.errors import BrokerTrouble, NotFound
from mqtui.domain.resource import Ref

CHUNK = 500
"""Partitions in one request of librdkafka's."""

BULK_SPECS = (OffsetSpec.latest()._value, OffsetSpec.earliest()._value)

STRAGGLER_TIMEOUT = 3.0
"""Seconds for a request with one partition: a leader that is down costs only its own partitions (K19)."""

AFTER_LAST = -1
"""The offset that ListOffsets returns for a time after the last record."""

NO_ANSWER = KafkaError(KafkaError._TIMED_OUT, "its leader did not answer")

TopicPartitionKey: TypeAlias = tuple[str, int]
"""Topic and partition."""

PendingRequest: TypeAlias = tuple[list[TopicPartitionKey], Future[OffsetAnswers]]
"""The partitions of one request, and the future of its response."""

OffsetResults: TypeAlias = Mapping[TopicPartitionKey, int | KafkaError]
"""By partition: an offset, or the error."""


async def list_offsets(
    clients: KafkaClients, keys: Iterable[TopicPartitionKey], spec: OffsetSpec, *, committed: bool = False
) -> OffsetResults:
    """Offsets by partition; with `committed`, the latest is the last stable offset (K8).

    Raises:
        CannotConnect, BrokerTrouble: no partition answered at all.
    """
    admin = await clients.admin()
    wanted = list(keys)

    def ask() -> OffsetResults:
        if len(wanted) < BULK_FROM or spec._value not in BULK_SPECS:
            return list_offsets_blocking(admin, wanted, spec, committed=committed)
        leaders, timestamp = clients.topology.leaders, int(spec._value)
        found = list_offsets_in_bulk(clients.connections, leaders, wanted, timestamp, committed=committed)
        return _with_unanswered(admin, found, wanted, spec, committed=committed)

    return await clients.run_in_thread("asking for offsets", ask)


def _with_unanswered(
    admin: BulkAdminClient,
    found: Mapping[TopicPartitionKey, int],
    keys: Iterable[TopicPartitionKey],
    spec: OffsetSpec,
    *,
    committed: bool,
) -> OffsetResults:
    """`found` and, asked by librdkafka, the partitions that are not in it."""
    rest = [key for key in keys if key not in found]
    if not rest:
        return found
    try:
        return {**found, **list_offsets_blocking(admin, rest, spec, committed=committed)}
    except KafkaException as error:
        if not found:
            raise
        return {**found, **dict.fromkeys(rest, unwrap(error))}


def list_offsets_blocking(
    admin: BulkAdminClient, keys: Iterable[TopicPartitionKey], spec: OffsetSpec, *, committed: bool
) -> OffsetResults:
    """`list_offsets` for a thread that may block.

    A topic that was asked for before it existed keeps having no leaders in librdkafka's metadata cache, and a broker
    that was told of a new topic, or of a new leader, may not lead it yet. Listing all topics refreshes the cache, and
    the request is repeated once.
    """
    found = _list_offsets_once(admin, keys, spec, committed=committed)
    leaderless = [key for key, answer in found.items() if isinstance(answer, KafkaError) and _may_have_leader(answer)]
    if leaderless:
        log_retry("kafka", "a question for offsets", "the broker that was asked does not lead a partition")
        admin.list_topics(timeout=REQUEST_TIMEOUT)
        found.update(_list_offsets_once(admin, leaderless, spec, committed=committed))
    return found


def _may_have_leader(answer: KafkaError) -> bool:
    """Whether the next metadata may name a leader."""
    return answer.code() in (KafkaError._NOENT, KafkaError.NOT_LEADER_FOR_PARTITION)


def _list_offsets_once(
    admin: BulkAdminClient, keys: Iterable[TopicPartitionKey], spec: OffsetSpec, *, committed: bool
) -> dict[TopicPartitionKey, int | KafkaError]:
    """Send all chunks. A request waits for its slowest leader: if it is late, the metadata is refreshed and each of its
    partitions is asked for by a request of its own.
    """
    level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
    pending: list[PendingRequest] = []
    remaining = iter(dict.fromkeys(keys))
    while chunk := list(itertools.islice(remaining, CHUNK)):
        pending.append((chunk, admin.list_offsets_bulk(chunk, spec, level, REQUEST_TIMEOUT)))
    futures.wait([answers for _, answers in pending], FALLBACK_AFTER)
    late = [key for chunk, answers in pending if not answers.done() for key in chunk]
    found: dict[TopicPartitionKey, int | KafkaError] = {}
    if 1 < len(late) <= CHUNK:
        with suppress(KafkaException):
            admin.list_topics(timeout=STRAGGLER_TIMEOUT)
        alone = [([key], admin.list_offsets_bulk([key], spec, level, STRAGGLER_TIMEOUT)) for key in late]
        found = _collect_results(alone)
        if all(_is_unanswered(answer) for answer in found.values()):
            found = {}
    found = _collect_results([one for one in pending if not (found and one[0][0] in found)]) | found
    unanswered = [answer for answer in found.values() if isinstance(answer, KafkaError) and _is_unanswered(answer)]
    if unanswered and len(unanswered) == len(found):
        raise KafkaException(unanswered[0])
    return found


def _collect_results(pending: Iterable[PendingRequest]) -> dict[TopicPartitionKey, int | KafkaError]:
    """The results by partition. For a leader that did not answer, librdkafka returns -1001 instead of an error."""
    found: dict[TopicPartitionKey, int | KafkaError] = {}
    for chunk, future in pending:
        try:
            answers = answer_blocking(future)
        except KafkaException as error:
            found |= dict.fromkeys(chunk, unwrap(error))
            continue
        for key, answer in answers.items():
            known = answer if isinstance(answer, KafkaError) else answer.offset
            found[key.topic, key.partition] = NO_ANSWER if known == OFFSET_INVALID else known
    return found


def _is_unanswered(answer: int | KafkaError) -> bool:
    return isinstance(answer, KafkaError) and (answer.code() in UNREACHABLE or answer.code() in TIMED_OUT)


def explain_missing(error: KafkaError) -> str:
    """Why a partition has no offsets, as the rest of a sentence about it."""
    if error.code() in (KafkaError.LEADER_NOT_AVAILABLE, KafkaError._NOENT, KafkaError.NOT_LEADER_FOR_PARTITION):
        return f"has no leader ({describe_error(error)})"
    if error.code() == KafkaError.LISTENER_NOT_FOUND:
        return f"has a leader without an address on this listener ({describe_error(error)})"
    if _is_unanswered(error):
        return f"has a leader that does not answer ({describe_error(error)})"
    return f"gives no offsets ({describe_error(error)})"


def known_offsets(answers: OffsetResults) -> dict[int, int]:
    """The known offsets of one topic by partition."""
    return {partition: offset for (_, partition), offset in answers.items() if isinstance(offset, int)}


@dataclass(frozen=True, slots=True)
class TopicBounds:
    """Offsets of a topic by partition. `end` is the last stable offset, `high` the high watermark (K8)."""

    first: Mapping[int, int]
    end: Mapping[int, int]
    high: Mapping[int, int]
    missing: Mapping[int, str] = field(default_factory=dict)
    """Partitions without offsets, and why: "has no leader (LEADER_NOT_AVAILABLE: ...)" (K19)."""

    def missing_notes(self) -> tuple[str, ...]:
        """A sentence for each partition that is missing."""
        return tuple(f"partition {number} is missing: it {why}" for number, why in sorted(self.missing.items()))


async def read_topic_bounds(clients: KafkaClients, ref: Ref, partition: int | None = None) -> TopicBounds:
    """The bounds of a topic, or of one of its partitions, as of now.

    Raises:
        NotFound: no such topic or partition.
        BrokerTrouble: none of these partitions has offsets.
    """
    topic = await describe_topic(clients, topic_name(ref))
    if partition is not None and partition not in topic.partitions:
        raise NotFound(f"{topic.name} has no partition {partition}", f"It has {len(topic.partitions)}, from 0 on.")
    wanted = topic.partitions if partition is None else (partition,)
    keys = [(topic.name, number) for number in wanted]
    answers = await asyncio.gather(
        list_offsets(clients, keys, OffsetSpec.earliest()),
        list_offsets(clients, keys, OffsetSpec.latest(), committed=True),
        list_offsets(clients, keys, OffsetSpec.latest()),
    )
    missing: dict[int, str] = {}
    for (_, number), answer in (pair for each in answers for pair in each.items()):
        if not isinstance(answer, int):
            missing.setdefault(number, explain_missing(answer))
    if wanted and len(missing) == len(wanted):
        number, why = min(missing.items())
        raise BrokerTrouble(f"Partition {number} of {topic.name} gives no offsets", f"It {why}.")
    first, stable, high = (
        {number: offset for number, offset in known_offsets(each).items() if number not in missing} for each in answers
    )
    return TopicBounds(first, stable, high, missing)
