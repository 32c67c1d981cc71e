"""Lists and describes the topics of a cluster, and the cluster itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence

from confluent_kafka import KafkaError
from confluent_kafka.admin import DescribeClusterResult, OffsetSpec

from mqtui.brokers.kafka.connection.admin_fallback import fetch_release
from mqtui.brokers.kafka.connection.clients import REQUEST_TIMEOUT, KafkaClients
from mqtui.brokers.kafka.errors import describe_error
from mqtui.brokers.kafka.read.acl_filtering import explain_empty_listing
from mqtui.brokers.kafka.read.offsets import OffsetResults, list_offsets
from mqtui.brokers.kafka.read.topic_listing import list_partitions
from mqtui.brokers.kafka.read.topic_metadata import (
    INTERNAL_TOPICS,
    describe_configs,
    describe_topic,
    state_topic_name,
    topic_name,
)
from mqtui.brokers.kafka.read.topic_properties import list_topic_properties
from mqtui.domain.figure import Exactness, Figure, about, exact, total, unknown
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.topology import NOT_ASKED, Cluster, Destination, Page, Property

OFFSET_GAPS = "end minus first offset: transaction markers and compacted records leave gaps"
PAGE_SIZE = 500
NO_SIZE = unknown("librdkafka can't ask for log sizes")
SHOWN_CONFIGS = (
    "cleanup.policy",
    "retention.ms",
    "retention.bytes",
    "max.message.bytes",
    "min.insync.replicas",
    "message.timestamp.type",
)
"""Topic configurations that the detail view shows."""


class KafkaCatalog:
    """The port's Catalog: cluster and topics."""

    def __init__(self, clients: KafkaClients) -> None:
        self._clients = clients
        self._cluster_id: str | None = None

    async def cluster_id(self) -> str:
        """The cluster id, asked once; "" if it has none."""
        if self._cluster_id is None:
            response = await self._describe_cluster("asking for the cluster id")
            self._cluster_id = response.cluster_id or ""
        return self._cluster_id

    async def describe_cluster(self) -> Cluster:
        """The cluster; its version is the oldest release with the brokers' protocol versions, such as 4.3."""
        response = await self._describe_cluster("looking at the cluster")
        controller = response.controller
        facts = [("brokers", ", ".join(f"{node.id} {node.host}:{node.port}" for node in response.nodes))]
        if controller is not None:
            facts.append(("controller", str(controller.id)))
        version = await fetch_release(self._clients)
        return Cluster(
            BrokerKind.KAFKA, version or "not told", response.cluster_id or "", len(response.nodes), tuple(facts)
        )

    async def list_destinations(self) -> AsyncGenerator[Page[Destination]]:
        """All topics in pages: names and partitions from one Metadata response, then the same rows with counts."""
        partitions = await self.partitions()
        names = list(partitions)
        missing = () if names else await explain_empty_listing(self._clients, "topics")
        pages = [names[at : at + PAGE_SIZE] for at in range(0, len(names), PAGE_SIZE)] or [[]]
        for number, page in enumerate(pages):
            rows = tuple(self._row(name, len(partitions[name])) for name in page)
            yield Page(rows, f"names {number}".encode())
        yield Page((), b"counts")
        counts = await self._counts(partitions)
        for number, page in enumerate(pages):
            rows = tuple(self._row(name, len(partitions[name]), counts[name]) for name in page)
            last = number == len(pages) - 1
            yield Page(rows, None if last else f"counts {number}".encode(), missing)

    async def locate(self, ref: Ref) -> Destination:
        """One topic with its number of partitions, by one request."""
        topic = await describe_topic(self._clients, topic_name(ref))
        return self._row(topic.name, len(topic.partitions))

    async def partitions(self) -> dict[str, list[int]]:
        """The partitions of all topics by name, from one Metadata response."""
        return await list_partitions(self._clients)

    def rows_with_counts(
        self, partitions: Mapping[str, Sequence[int]], first: OffsetResults, end: OffsetResults
    ) -> list[Destination]:
        """A row per topic with its count, from offsets that were asked before."""
        counts = _figures_by_topic(partitions, first, end)
        return [self._row(name, len(numbers), counts[name]) for name, numbers in partitions.items()]

    async def describe(self, ref: Ref) -> Destination:
        """One topic with its count and its most important configurations."""
        topic = await describe_topic(self._clients, topic_name(ref))
        counts = await self._counts({topic.name: topic.partitions})
        config = (await describe_configs(self._clients, [topic.name])).get(topic.name, {})
        facts: dict[str, str | int | bool | None] = {name: config[name] for name in SHOWN_CONFIGS if name in config}
        facts |= {"topic.id": topic.identity, "replicas": topic.replicas, "in.sync": topic.in_sync}
        return self._row(topic.name, len(topic.partitions), counts[topic.name], facts)

    async def list_properties(self, ref: Ref) -> Sequence[Property]:
        """Replicas and offsets of each partition, and the whole configuration with who set it."""
        return await list_topic_properties(self._clients, topic_name(ref))

    async def _describe_cluster(self, action: str) -> DescribeClusterResult:
        admin = await self._clients.admin()
        return await self._clients.await_answer(admin.describe_cluster(request_timeout=REQUEST_TIMEOUT), action)

    async def _counts(self, topics: Mapping[str, Sequence[int]]) -> dict[str, tuple[Figure, Figure]]:
        """By topic: the number of records, and the sum of the end offsets."""
        keys = [(name, partition) for name, partitions in topics.items() for partition in partitions]
        first, end = await asyncio.gather(
            list_offsets(self._clients, keys, OffsetSpec.earliest()),
            list_offsets(self._clients, keys, OffsetSpec.latest()),
        )
        return _figures_by_topic(topics, first, end)

    def _row(
        self,
        name: str,
        partitions: int,
        counts: tuple[Figure, Figure] | None = None,
        facts: Mapping[str, str | int | bool | None] | None = None,
    ) -> Destination:
        own = name == state_topic_name(self._clients.prefix)
        messages, ends = counts or (NOT_ASKED, NOT_ASKED)
        return Destination(
            Ref(Kind.TOPIC, name),
            "topic",
            messages,
            size=NO_SIZE,
            partitions=partitions,
            internal=own or name in INTERNAL_TOPICS or name.startswith("__"),
            facts=facts or {},
            arrived=ends if ends.sort is not Exactness.AT_LEAST else unknown(ends.why),
        )


def _figures_by_topic(
    topics: Mapping[str, Sequence[int]], first: OffsetResults, end: OffsetResults
) -> dict[str, tuple[Figure, Figure]]:
    """By topic: the number of records, and the sum of the end offsets."""
    found: dict[str, tuple[Figure, Figure]] = {}
    for name, partitions in topics.items():
        total_held = ends = known = 0
        unanswered: list[tuple[int | KafkaError | None, int | KafkaError | None]] = []
        for partition in partitions:
            low, high = first.get((name, partition)), end.get((name, partition))
            if isinstance(low, int) and isinstance(high, int):
                total_held, ends, known = total_held + max(0, high - low), ends + high, known + 1
            else:
                unanswered.append((low, high))
        sums = (about(total_held, OFFSET_GAPS) if total_held else exact(0), about(ends, OFFSET_GAPS)) if known else ()
        if unanswered:
            messages = total([*sums[:1], *(_partition_count(low, high) for low, high in unanswered)])
            found[name] = messages, total([*sums[1:], *(_end_figure(high) for _, high in unanswered)])
        else:
            found[name] = sums or (exact(0), exact(0))
    return found


def _end_figure(end: int | KafkaError | None) -> Figure:
    return (
        about(end, OFFSET_GAPS)
        if isinstance(end, int)
        else unknown("not answered" if end is None else describe_error(end))
    )


def _partition_count(low: int | KafkaError | None, high: int | KafkaError | None) -> Figure:
    """Records of one partition: exact if it is empty, else an estimate, because offsets have gaps."""
    if isinstance(low, int) and isinstance(high, int):
        return about(high - low, OFFSET_GAPS) if high > low else exact(0)
    refused = next((answer for answer in (low, high) if isinstance(answer, KafkaError)), None)
    return unknown(describe_error(refused) if refused is not None else "not answered")
