"""Kafka's rows: each topic's depth and each group's lag, and the cases of topics and groups."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

from confluent_kafka import ShareConsumer, TopicPartition

from mqtui.domain.resource import Ref
from mqtui.domain.topology import GroupLag
from tests.beside.kafka_theirs import Part, Told, count_records, last_stable
from tests.beside.ours import Ours
from tests.beside.rows import Place, Row
from tests.cli.command_line import Mqtui
from tests.contract.kafka_cluster import WAIT, KafkaCluster, wait_until
from tests.contract.test_kafka_groups import commit, transact

MARKERS, LATE, OPENED, PAST, SHARE = "C48", "C49", "C45", "C46", "C35"


class KafkaCases:
    """Topics and groups of the cases on one broker."""

    def __init__(self, url: str, *, share: bool) -> None:
        self.cluster = KafkaCluster(url)
        self.bootstrap = self.cluster.servers["bootstrap.servers"]
        self._share = share
        self.case_of: dict[str, str] = {}
        self._fill()

    def _topic(self, case: str, partitions: int = 1) -> Ref:
        ref = self.cluster.topic(case.lower(), partitions)
        self.case_of[ref.name] = case
        return ref

    def _group(self, case: str, ref: Ref, *offsets: int) -> str:
        name = f"{self.cluster.prefix}.{case.lower()}"
        self.case_of[name] = case
        commit(self.cluster, name, ref, *offsets)
        return name

    def _fill(self) -> None:
        kafka = self.cluster
        markers = self._topic(MARKERS)
        transact(kafka, markers, 3, "committed")
        transact(kafka, markers, 4, "aborted")
        self._group(MARKERS, markers, 3)
        late = self._topic(LATE, 2)
        kafka.fill(late, 20, partitions=2)
        cut = [TopicPartition(late.name, 0, 6), TopicPartition(late.name, 1, 10)]
        for promise in kafka.admin.delete_records(cut).values():
            promise.result(WAIT)
        self._group(LATE, late, 2, 2)
        self.opened = self._topic(OPENED)
        kafka.fill(self.opened, 1)
        self._group(OPENED, self.opened, 0)
        self._open = transact(kafka, self.opened, 6, "open")
        self.past = self._topic(PAST)
        kafka.fill(self.past, 100)
        self._group(PAST, self.past, 100)
        if self._share:
            self._read_by_a_share_group()

    def _read_by_a_share_group(self) -> None:
        """A share group that has read some, and not the last seven."""
        ref = self._topic(SHARE)
        name = f"{self.cluster.prefix}.share"
        self.case_of[name] = SHARE
        consumer = ShareConsumer(self.cluster.servers | {"group.id": name, "log_level": 0})
        consumer.subscribe([ref.name])
        seen, ended, producer = threading.Event(), threading.Event(), self.cluster.producer()

        def read() -> None:
            while not ended.is_set():
                if any(record.error() is None for record in consumer.poll(0.2) or ()):
                    seen.set()
            consumer.close()

        def is_read() -> bool:
            producer.produce(ref.name, b"letter")
            assert producer.flush(WAIT) == 0
            return seen.wait(1.0)

        thread = threading.Thread(target=read)
        thread.start()
        try:
            wait_until(is_read, 3 * WAIT, "the share group reads")
        finally:
            ended.set()
            thread.join()
        self.cluster.fill(ref, 7)

    def close(self) -> None:
        self._open.abort_transaction(WAIT)
        self.cluster.close()

    def said(self, mqtui: Mqtui) -> Iterator[Row]:
        """C45 and C46 in the words of `peek`."""
        end = self.cluster.ends(self.past)[0]
        held = len(self.cluster.records(self.opened, committed=False)) - last_stable(
            self.bootstrap, (self.opened.name, 0)
        )
        told = mqtui("peek", self.cluster.url, self.opened.name, "--json").ok()
        yield Place(OPENED, self.opened.name, "peek").expect(told.err.strip(), f"{held} not stable", [f"{held} in an"])
        told = mqtui("peek", self.cluster.url, self.past.name, "--from", "0/99999").ok()
        yield Place(PAST, self.past.name, "peek").expect(told.err.strip(), f"end {end}", [f"the end is 0/{end}"])


def compare_kafka(ours: Ours, told: Told, bootstrap: str, case_of: Mapping[str, str]) -> Iterator[Row]:
    """Depth of each topic, lag of each group; what is a bound is counted by reading."""
    depths = count_records(bootstrap, {part: told.first[part] for part in told.end if part[0] in ours.rows})
    for name, row in sorted(ours.rows.items()):
        counted = sum(count for part, count in depths.items() if part[0] == name)
        yield Place(case_of.get(name, "demo"), name, "messages").compare(row.messages, told.depth(name), counted)
    for name, lag in sorted(ours.lags.items()):
        yield from _lag(name, lag, told, bootstrap, case_of.get(name, "demo"))


def _lag(name: str, lag: GroupLag, told: Told, bootstrap: str, case: str) -> Iterator[Row]:
    starts: dict[Part, int] = {}
    for one in lag.parts:
        part = one.resource.name, one.partition
        committed = told.committed.get((name, part))
        if committed is not None:
            starts[part] = max(committed, told.first.get(part, 0))
    counted = count_records(bootstrap, starts) if starts else {}
    whole = sum(counted.values()) if len(counted) == len(lag.parts) and counted else None
    if case == SHARE:  # what is done with behind its place, out of turn, is told by its coordinator alone
        whole = None
    yield Place(case, name, "lag").compare(lag.total, told.lag_of(name), whole)
    for one in lag.parts if len(lag.parts) > 1 else ():
        part = one.resource.name, one.partition
        row = Place(case, f"{name} {part[0]}/{part[1]}", "lag of a partition").compare(
            one.lag, told.lag.get((name, part)), counted.get(part)
        )
        if row.differs:
            yield row
