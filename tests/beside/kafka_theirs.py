"""What Kafka itself tells: its own tools, or in the suite the calls these make; and records counted by reading."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from confluent_kafka import OFFSET_END, Consumer, KafkaError, TopicPartition
from kafka import KafkaAdminClient

from mqtui.demo.servers import java, kafka

TOOLS = f"org.apache.kafka:kafka-tools:{kafka.KAFKA_VERSION}"
PATIENCE = 120.0

Part: TypeAlias = tuple[str, int]


@dataclass(slots=True)
class Told:
    """First and end offsets of partitions, lag by group and partition (None: no committed offset), and refusals."""

    first: dict[Part, int] = field(default_factory=dict)
    end: dict[Part, int] = field(default_factory=dict)
    lag: dict[tuple[str, Part], int | None] = field(default_factory=dict)
    committed: dict[tuple[str, Part], int] = field(default_factory=dict)
    said: str = ""

    def depth(self, topic: str) -> int | None:
        """Offsets between the first and the end, in all partitions."""
        parts = [part for part in self.end if part[0] == topic]
        return sum(self.end[part] - self.first[part] for part in parts) if parts else None

    def lag_of(self, group: str) -> int | None:
        """The sum over the partitions of a group; None where one is not told."""
        parts = [lag for (name, _), lag in self.lag.items() if name == group]
        return sum(lag for lag in parts if lag is not None) if parts and None not in parts else None


def by_tools(bootstrap: str, *, share: bool = False) -> Told:
    """What kafka-consumer-groups, kafka-share-groups and kafka-get-offsets print."""
    asked = {
        "groups": ("consumer.group.ConsumerGroupCommand", "--describe", "--all-groups", "--offsets"),
        "first": ("GetOffsetShell", "--time", "-2"),
        "end": ("GetOffsetShell", "--time", "-1"),
    }
    if share:
        asked["share"] = ("consumer.group.ShareGroupCommand", "--describe", "--all-groups", "--offsets")
    with ThreadPoolExecutor() as pool:
        printed = dict(zip(asked, pool.map(lambda words: run_tool(bootstrap, *words), asked.values()), strict=True))
    told = Told(said=printed["groups"][1])
    told.first, told.end = (dict(_offsets(printed[name][0])) for name in ("first", "end"))
    for row in _rows(printed["groups"][0]):
        key = row["GROUP"], (row["TOPIC"], int(row["PARTITION"]))
        told.lag[key] = int(row["LAG"]) if row["LAG"] != "-" else None
        if row["CURRENT-OFFSET"] != "-":
            told.committed[key] = int(row["CURRENT-OFFSET"])
    for row in _rows(printed["share"][0]) if share else ():
        key = row["GROUP"], (row["TOPIC"], int(row["PARTITION"]))
        told.lag[key] = int(row["LAG"]) if row["LAG"] != "-" else None
        told.committed[key] = int(row["START-OFFSET"])
    return told


def run_tool(bootstrap: str, main: str, *words: str) -> tuple[str, str]:
    """What a tool of Kafka prints, and what it complains of."""
    home, runtime = (java.cache_folder() / kafka.HOME).resolve(), java.find_java()
    jars = [*sorted((home / "jars").glob("*.jar")), tools_jar()]
    whole = kafka.command(
        runtime, jars, kafka.start_flags(home, runtime), f"org.apache.kafka.tools.{main}", "--bootstrap-server"
    )
    done = subprocess.run([*whole, bootstrap, *words], capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.stdout, done.stderr


def tools_jar() -> Path:
    """The jar of the tools, which the demo's servers need not; fetched once beside theirs."""
    from jgo.maven import MavenContext

    home = java.cache_folder() / f"kafka-tools-{kafka.KAFKA_VERSION}"
    with java.only_one(home.with_name(f"{home.name}.lock"), lambda: None):
        group, name, version = TOOLS.split(":")
        context = MavenContext(repo_cache=home, local_repos=[])
        found: Path = context.project(group, name).at_version(version).artifact().resolve()
    return found


def _offsets(printed: str) -> Iterable[tuple[Part, int]]:
    for row in printed.splitlines():
        topic, partition, offset = row.rsplit(":", 2)
        if offset:
            yield (topic, int(partition)), int(offset)


def _rows(printed: str) -> Iterable[Mapping[str, str]]:
    """Rows under the heads of each group."""
    heads: list[str] = []
    for row in printed.splitlines():
        cells = row.split()
        if cells[:1] == ["GROUP"]:
            heads = cells
        elif cells and heads and len(cells) >= len(heads):
            yield dict(zip(heads, cells, strict=False))


def by_calls(bootstrap: str, groups: Iterable[str]) -> Told:
    """The calls these tools make, by another client library than ours: OffsetFetch and ListOffsets."""
    admin: Any = KafkaAdminClient(bootstrap_servers=bootstrap)
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "beside", "isolation.level": "read_uncommitted"})
    told = Told()
    try:
        for name, topic in consumer.list_topics(timeout=PATIENCE).topics.items():
            for number in topic.partitions:
                ends = consumer.get_watermark_offsets(TopicPartition(name, number), PATIENCE)
                told.first[name, number], told.end[name, number] = ends
        for group, places in admin.list_group_offsets(list(groups)).items():
            for place, offset in places.items():
                part = place.topic, place.partition
                told.committed[group, part] = offset.offset
                told.lag[group, part] = told.end[part] - offset.offset
    finally:
        consumer.close()
        admin.close()
    return told


def count_records(bootstrap: str, starts: Mapping[Part, int]) -> dict[Part, int]:
    """How many records a read_committed consumer reads from these offsets to the end of each partition."""
    settings = {"group.id": "beside", "isolation.level": "read_committed", "enable.partition.eof": True}
    consumer = Consumer({"bootstrap.servers": bootstrap, "enable.auto.commit": False, **settings})
    found = dict.fromkeys(starts, 0)
    reading = set(starts)
    try:
        consumer.assign([TopicPartition(*part, offset) for part, offset in starts.items()])
        while reading:
            for record in consumer.consume(1000, 0.1):
                error, part = record.error(), (record.topic() or "", record.partition() or 0)
                if error is None:
                    found[part] += 1
                elif error.code() == KafkaError._PARTITION_EOF:
                    reading.discard(part)
    finally:
        consumer.close()
    return found


def last_stable(bootstrap: str, part: Part) -> int:
    """The last stable offset of a partition: up to there a read_committed consumer gets."""
    settings = {"group.id": "beside", "isolation.level": "read_committed", "enable.partition.eof": True}
    consumer = Consumer({"bootstrap.servers": bootstrap, "enable.auto.commit": False, **settings})
    try:
        consumer.assign([TopicPartition(*part, OFFSET_END)])
        event = consumer.poll(PATIENCE)
        assert event is not None
        return int(event.offset() or 0)
    finally:
        consumer.close()
