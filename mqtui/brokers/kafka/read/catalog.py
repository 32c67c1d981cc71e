"""The cluster and its topics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence

from confluent_kafka import KafkaError
from confluent_kafka.admin import DescribeClusterResult, OffsetSpec

from mqtui.brokers.kafka.connection.admin_fallback import release
from mqtui.brokers.kafka.connection.clients import ANSWER, Connection
from mqtui.brokers.kafka.errors import said_of
from mqtui.brokers.kafka.read.acl_filtering import untold_where_none
from mqtui.brokers.kafka.read.offsets import Answers, ask_offsets
from mqtui.brokers.kafka.read.topic_metadata import INTERNAL, configs, describe, state_topic, topic_name
from mqtui.domain.figure import Exactness, Figure, about, exact, total, unknown
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.topology import NOT_ASKED, Cluster, Destination, Page

GAPS = "end minus first offset: transaction markers and compacted records leave gaps"
PAGE = 500
NO_SIZE = unknown("librdkafka can't ask for log sizes")
TOLD = (
    "cleanup.policy",
    "retention.ms",
    "retention.bytes",
    "max.message.bytes",
    "min.insync.replicas",
    "message.timestamp.type",
)
"""Configuration worth a line in the detail of a topic."""


class KafkaCatalog:
    """What there is."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cluster_id: str | None = None

    async def cluster_id(self) -> str:
        """The id all brokers of the cluster share, asked once; "" where it has none."""
        if self._cluster_id is None:
            told = await self._described("asking for the cluster id")
            self._cluster_id = told.cluster_id or ""
        return self._cluster_id

    async def describe_cluster(self) -> Cluster:
        """The cluster. Its version is the release whose protocol the brokers speak, such as 4.3."""
        told = await self._described("looking at the cluster")
        controller = told.controller
        facts = [("brokers", ", ".join(f"{node.id} {node.host}:{node.port}" for node in told.nodes))]
        if controller is not None:
            facts.append(("controller", str(controller.id)))
        version = await release(self._connection)
        return Cluster(BrokerKind.KAFKA, version or "not told", told.cluster_id or "", len(told.nodes), tuple(facts))

    async def list_destinations(self) -> AsyncGenerator[Page[Destination]]:
        """All topics: names and partitions from one metadata answer, then the same rows with counts."""
        partitions = await self.partitions()
        names = list(partitions)
        missing = () if names else await untold_where_none(self._connection, "topics")
        pages = [names[at : at + PAGE] for at in range(0, len(names), PAGE)] or [[]]
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
        """One topic with its partitions, by one question."""
        topic = await describe(self._connection, topic_name(ref))
        return self._row(topic.name, len(topic.partitions))

    async def partitions(self) -> dict[str, list[int]]:
        """All topics by name, from one metadata answer."""
        admin = await self._connection.opened()
        told = await self._connection.call_bootstrap("listing topics", lambda: admin.list_topics(timeout=ANSWER))
        return {name: sorted(topic.partitions) for name, topic in sorted(told.topics.items())}

    def counted(self, partitions: Mapping[str, Sequence[int]], first: Answers, end: Answers) -> list[Destination]:
        """A row for each topic, by its offsets."""
        counts = _figures(partitions, first, end)
        return [self._row(name, len(numbers), counts[name]) for name, numbers in partitions.items()]

    async def describe(self, ref: Ref) -> Destination:
        """One topic with its count, first and end offsets and the settings that matter."""
        topic = await describe(self._connection, topic_name(ref))
        counts = await self._counts({topic.name: topic.partitions})
        config = (await configs(self._connection, [topic.name])).get(topic.name, {})
        facts: dict[str, str | int | bool | None] = {name: config[name] for name in TOLD if name in config}
        facts |= {"topic.id": topic.identity, "replicas": topic.replicas, "in.sync": topic.in_sync}
        return self._row(topic.name, len(topic.partitions), counts[topic.name], facts)

    async def _described(self, doing: str) -> DescribeClusterResult:
        admin = await self._connection.opened()
        return await self._connection.ask(admin.describe_cluster(request_timeout=ANSWER), doing)

    async def _counts(self, topics: Mapping[str, Sequence[int]]) -> dict[str, tuple[Figure, Figure]]:
        """What each topic holds, and how far its offsets have come."""
        places = [(name, partition) for name, partitions in topics.items() for partition in partitions]
        first, end = await asyncio.gather(
            ask_offsets(self._connection, places, OffsetSpec.earliest()),
            ask_offsets(self._connection, places, OffsetSpec.latest()),
        )
        return _figures(topics, first, end)

    def _row(
        self,
        name: str,
        partitions: int,
        counts: tuple[Figure, Figure] | None = None,
        facts: Mapping[str, str | int | bool | None] | None = None,
    ) -> Destination:
        own = name == state_topic(self._connection.prefix)
        messages, come = counts or (NOT_ASKED, NOT_ASKED)
        return Destination(
            Ref(Kind.TOPIC, name),
            "topic",
            messages,
            size=NO_SIZE,
            partitions=partitions,
            internal=own or name in INTERNAL or name.startswith("__"),
            facts=facts or {},
            arrived=come if come.sort is not Exactness.AT_LEAST else unknown(come.why),
        )


def _figures(topics: Mapping[str, Sequence[int]], first: Answers, end: Answers) -> dict[str, tuple[Figure, Figure]]:
    """What each topic holds, and how far its offsets have come."""
    found: dict[str, tuple[Figure, Figure]] = {}
    for name, partitions in topics.items():
        held = come = known = 0
        untold: list[tuple[int | KafkaError | None, int | KafkaError | None]] = []
        for partition in partitions:
            low, high = first.get((name, partition)), end.get((name, partition))
            if isinstance(low, int) and isinstance(high, int):
                held, come, known = held + max(0, high - low), come + high, known + 1
            else:
                untold.append((low, high))
        sums = (about(held, GAPS) if held else exact(0), about(come, GAPS)) if known else ()
        if untold:
            messages = total([*sums[:1], *(count_of(low, high) for low, high in untold)])
            found[name] = messages, total([*sums[1:], *(_come(high) for _, high in untold)])
        else:
            found[name] = sums or (exact(0), exact(0))
    return found


def _come(end: int | KafkaError | None) -> Figure:
    return about(end, GAPS) if isinstance(end, int) else unknown("not answered" if end is None else said_of(end))


def count_of(low: int | KafkaError | None, high: int | KafkaError | None) -> Figure:
    """Records of one partition: exact where it is empty, else an estimate, since offsets have gaps."""
    if isinstance(low, int) and isinstance(high, int):
        return about(high - low, GAPS) if high > low else exact(0)
    refused = next((answer for answer in (low, high) if isinstance(answer, KafkaError)), None)
    return unknown(said_of(refused) if refused is not None else "not answered")
