"""Where a broker keeps what it holds: the partitions of a destination, and the nodes of a cluster with their disks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mqtui.domain.figure import Figure, about, exact, total, unknown
from mqtui.domain.topology import NOT_ASKED

SKEW_SHARE = 0.8
"""The part of the records that a quarter of the partitions hold where a topic counts as skewed."""

MIN_SKEW_PARTITIONS = 4
MIN_SKEW_RECORDS = 100
"""Fewer records say nothing of how keys are spread."""

OFFSET_GAPS = "by offsets: transaction markers and compacted records leave gaps"
NO_LEADER = "no leader: it can't be read or written"


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """A partition: the nodes that keep it, its offsets, and the bytes its leader keeps of it.

    `low` is the first offset, `high` the high watermark, `stable` the last stable offset: behind it are records of
    transactions that are open. `why` says why an offset is None.
    """

    number: int
    leader: int | None
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]
    low: int | None = None
    high: int | None = None
    stable: int | None = None
    size: Figure = NOT_ASKED
    why: str = ""

    @property
    def out_of_sync(self) -> tuple[int, ...]:
        """The nodes whose replica is behind or away."""
        return tuple(node for node in self.replicas if node not in self.in_sync)

    @property
    def records(self) -> Figure:
        """About how many records it holds; exactly none where the first offset is the end."""
        if self.low is None or self.high is None:
            return unknown(self.why)
        return about(self.high - self.low, OFFSET_GAPS) if self.high > self.low else exact(0)

    @property
    def uncommitted(self) -> int | None:
        """The number of offsets behind the last stable one."""
        return None if self.high is None or self.stable is None else max(0, self.high - self.stable)

    @property
    def problem(self) -> str:
        """What is wrong with it, in a few words; "" where nothing is."""
        if self.leader is None:
            return NO_LEADER
        behind = self.out_of_sync
        if not behind:
            return ""
        return f"{len(behind)} of {len(self.replicas)} replicas out of sync: {' '.join(map(str, behind))}"

    @property
    def note(self) -> str:
        """What else is worth knowing of it."""
        open_records = f"{self.uncommitted:,} behind an open transaction" if self.uncommitted else ""
        elsewhere = bool(self.leader is not None and self.replicas and self.leader != self.replicas[0])
        preferred = f"its preferred leader is {self.replicas[0]}" if elsewhere else ""
        return " · ".join(filter(None, (open_records, preferred, self.why)))


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """One node of a broker: its disk and memory in bytes, and what of the partitions it has.

    `leads` and `replicas` are numbers of partitions, `out_of_sync` those of its replicas that are behind; None where
    the broker has no partitions, or does not say.
    """

    name: str
    address: str = ""
    role: str = ""
    note: str = ""
    """Version, rack, persistence: what is worth knowing of it."""

    data: Figure = NOT_ASKED
    disk_free: Figure = NOT_ASKED
    disk_total: Figure = NOT_ASKED
    memory: Figure = NOT_ASKED
    memory_limit: Figure = NOT_ASKED
    leads: int | None = None
    replicas: int | None = None
    out_of_sync: int | None = None
    problem: str = ""


def describe_partitions(partitions: Sequence[PartitionStatus]) -> str:
    """The partitions of a destination in a sentence: records, bytes, what is wrong with how many, skew."""
    leaderless = sum(each.leader is None for each in partitions)
    behind = sum(bool(each.out_of_sync) for each in partitions)
    size = total(each.size for each in partitions)
    parts = [
        f"{total(each.records for each in partitions)} records in {len(partitions)} partitions",
        f"{size} bytes on their leaders" if size.known else f"size ?: {size.why}",
        f"{leaderless} without a leader" if leaderless else "",
        f"{behind} under-replicated" if behind else "all replicas in sync" if not leaderless else "",
        describe_skew(partitions),
    ]
    return " · ".join(filter(None, parts))


def describe_skew(partitions: Sequence[PartitionStatus]) -> str:
    """That few partitions hold most of the records; "" where they do not, or where few records are known."""
    records = sorted(((int(each.records.number or 0), each.number) for each in partitions), reverse=True)
    held = sum(count for count, _ in records)
    if len(records) < MIN_SKEW_PARTITIONS or held < MIN_SKEW_RECORDS:
        return ""
    few = records[: len(records) // 4]
    share = sum(count for count, _ in few) / held
    if share < SKEW_SHARE:
        return ""
    named = ", ".join(str(number) for _, number in sorted(few, key=lambda pair: pair[1])[:8])
    holds = "holds" if len(few) == 1 else "hold"
    return f"skewed: {len(few)} of {len(records)} partitions {holds} {share:.0%} of the records ({named})"
