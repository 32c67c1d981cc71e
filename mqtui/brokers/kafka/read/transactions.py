"""Open transactions (KIP-664): which producer, since when, in which partitions; those no coordinator knows too.

A partition whose last stable offset lies before its end has one. Its leader tells the producer, coordinators tell the
transactional id. kafka-python asks, which librdkafka can't.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from confluent_kafka.admin import OffsetSpec

from mqtui.brokers.kafka.connection.admin_fallback import ask_kafka_python
from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.read.offsets import TopicPartitionKey, list_offsets
from mqtui.domain.errors import BrokerTrouble
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import Inventory
from mqtui.domain.transactions import OpenPartition, OpenTransaction

if TYPE_CHECKING:
    from mqtui.brokers.kafka.read.catalog import KafkaCatalog

OPEN_STATES = ("Ongoing", "PrepareCommit", "PrepareAbort", "PrepareEpochFence")
MOST_PARTITIONS = 200
"""Partitions with open transactions whose producers are asked for, each by a request of its own."""

NOT_LISTED = "no coordinator lists it, or this user may not Describe its transactional id"
NO_START = -1


class Producer(NamedTuple):
    """A producer as partition leaders name it."""

    id: int
    epoch: int


async def list_open_transactions(
    clients: KafkaClients, catalog: KafkaCatalog, ref: Ref | None = None, partition: int | None = None
) -> Inventory[OpenTransaction]:
    """Open transactions of the cluster, of one topic, or of one partition, those that are open longest first.

    Raises:
        BrokerTrouble: this connection can't ask for transactions.
        CannotConnect: nobody answers.
    """
    held, missing = await _held_partitions(clients, await _partitions(catalog, ref, partition))
    question = partial(_collect, held=held[:MOST_PARTITIONS], everywhere=ref is None)
    answer = await clients.run_in_thread("asking for transactions", lambda: ask_kafka_python(clients.address, question))
    if answer is None:
        raise BrokerTrouble(
            "Transactions can't be asked for here",
            "kafka-python, which asks for them, could not connect, or does not know an option of this connection.",
        )
    found, reasons = answer
    if len(held) > MOST_PARTITIONS:
        reasons = (
            *reasons,
            f"only {MOST_PARTITIONS} of {len(held):,} partitions with open transactions were looked at",
        )
    return Inventory(tuple(sorted(found, key=_age)), (*missing, *reasons))


async def _partitions(catalog: KafkaCatalog, ref: Ref | None, partition: int | None) -> list[TopicPartitionKey]:
    known = await catalog.partitions()
    return [
        (name, number)
        for name, numbers in known.items()
        if ref is None or name == ref.name
        for number in numbers
        if partition is None or number == partition
    ]


async def _held_partitions(
    clients: KafkaClients, keys: Sequence[TopicPartitionKey]
) -> tuple[list[TopicPartitionKey], tuple[str, ...]]:
    """The partitions that an open transaction holds back, and why some could not be asked.

    Ends are asked first: where nothing is held back, the last stable offset has reached them by then.
    """
    if not keys:
        return [], ()
    ends = {
        key: at for key, at in (await list_offsets(clients, keys, OffsetSpec.latest())).items() if isinstance(at, int)
    }
    stable = await list_offsets(clients, list(ends), OffsetSpec.latest(), committed=True) if ends else {}
    unanswered = len(keys) - len(ends)
    missing = (f"{unanswered} partitions do not answer: their transactions are not known",) if unanswered else ()
    return [key for key in ends if isinstance(at := stable.get(key), int) and at < ends[key]], missing


def _collect(
    admin: Any, *, held: Sequence[TopicPartitionKey], everywhere: bool
) -> tuple[list[OpenTransaction], tuple[str, ...]]:
    """The open transactions, and why some parts are not known. Blocks."""
    missing: list[str] = []
    by_producer = _ask_leaders(admin, held, missing)
    listed = _ask_coordinators(admin, missing)
    found = [
        _merge(producer, parts, listed.pop(producer.id, None), admin, missing)
        for producer, parts in by_producer.items()
    ]
    if everywhere:
        known = {each.transactional_id for each in found}
        found += [
            described
            for name in listed.values()
            if name not in known and (described := _describe(admin, name, missing)) is not None
        ]
    return found, tuple(dict.fromkeys(missing))


def _ask_leaders(
    admin: Any, held: Sequence[TopicPartitionKey], missing: list[str]
) -> Mapping[Producer, list[OpenPartition]]:
    """By producer the partitions in which it has a transaction open."""
    from kafka import TopicPartition
    from kafka.errors import KafkaError

    found: defaultdict[Producer, list[OpenPartition]] = defaultdict(list)
    for topic, number in held:
        place = TopicPartition(topic, number)
        try:
            states = admin.describe_producers([place])[place].active_producers
        except (KafkaError, OSError, KeyError) as error:
            missing.append(f"the producers of {topic}, partition {number}, are not known: {type(error).__name__}")
            continue
        for each in states:
            if each.current_transaction_start_offset != NO_START:
                found[Producer(each.producer_id, each.producer_epoch)].append(
                    OpenPartition(
                        Ref(Kind.TOPIC, topic),
                        number,
                        each.current_transaction_start_offset,
                        each.last_timestamp if each.last_timestamp >= 0 else None,
                        each.coordinator_epoch,
                    )
                )
    return found


def _ask_coordinators(admin: Any, missing: list[str]) -> dict[int, str]:
    """By producer id the transactional id of each transaction that a coordinator has open."""
    from kafka.errors import KafkaError

    found: dict[int, str] = {}
    for broker in admin._manager.cluster.brokers():
        try:
            answers = admin.list_transactions(broker_ids=[broker.node_id], state_filters=OPEN_STATES)
        except (KafkaError, OSError) as error:
            missing.append(f"broker {broker.node_id} does not list its transactions: {type(error).__name__}")
            continue
        found |= {each.producer_id: each.transactional_id for listed in answers.values() for each in listed}
    return found


def _merge(
    producer: Producer, parts: Iterable[OpenPartition], name: str | None, admin: Any, missing: list[str]
) -> OpenTransaction:
    """What leaders know of a transaction with what its coordinator knows."""
    plain = OpenTransaction(producer.id, producer.epoch, tuple(parts))
    if name is None:
        return replace(plain, why=NOT_LISTED)
    described = _describe(admin, name, missing)
    if described is None or not described.state:
        return replace(plain, transactional_id=name, why=described.why if described is not None else NOT_LISTED)
    begun = {(part.resource, part.partition) for part in plain.parts}
    rest = tuple(part for part in described.parts if (part.resource, part.partition) not in begun)
    return replace(described, epoch=producer.epoch, parts=plain.parts + rest)


def _describe(admin: Any, name: str, missing: list[str]) -> OpenTransaction | None:
    """A transaction as its coordinator describes it; None where it has ended meanwhile."""
    from kafka.errors import KafkaError

    try:
        one = admin.describe_transactions([name])[name]
    except (KafkaError, OSError, KeyError) as error:
        missing.append(f"the transaction of {name} can't be described: {type(error).__name__}")
        return OpenTransaction(-1, -1, transactional_id=name, why=type(error).__name__)
    if one.state.value not in OPEN_STATES:
        return None
    places = sorted((place.topic, place.partition) for place in one.topic_partitions)
    return OpenTransaction(
        one.producer_id,
        one.producer_epoch,
        tuple(OpenPartition(Ref(Kind.TOPIC, topic), number) for topic, number in places),
        name,
        one.state.value,
        one.transaction_start_time_ms if one.transaction_start_time_ms >= 0 else None,
        one.transaction_timeout_ms,
    )


def _age(one: OpenTransaction) -> tuple[int, int]:
    return one.since or one.last_record or 0, one.producer_id
