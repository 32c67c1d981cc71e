"""Consumers of a group and their pending entries as rows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from mqtui.domain.topology import Member, PendingEntry
from mqtui.ui.render import figures
from mqtui.ui.render.table_model import Cell, Column, Measure

FATAL = 2**63 - 1
POISON_DELIVERIES = 5
"""Deliveries from which an entry is called poisonous."""


class ConsumerRenderer:
    """How the consumers of a Redis group are shown in a list, stuck ones first."""

    columns = (
        Column("name", "CONSUMER", 14, grows=True, is_name=True),
        Column("pending", "PENDING", 8, right=True, meaning="entries delivered to it and not acknowledged (XPENDING)"),
        Column(
            "idle",
            "IDLE",
            8,
            right=True,
            measure=Measure.DURATION,
            meaning="since it last tried to read, by XINFO CONSUMERS",
        ),
        Column(
            "inactive",
            "INACTIVE",
            8,
            right=True,
            priority=2,
            measure=Measure.DURATION,
            meaning="since it last got an entry; servers before 7.2 do not say it",
        ),
    )

    def id(self, item: Member) -> Hashable:
        return item.name

    def cells(self, item: Member) -> Sequence[Cell]:
        return (
            (item.name, ""),
            ("?" if item.pending is None else f"{item.pending:,}", "warn" if is_stuck(item) else "muted"),
            (figures.age(None if item.idle is None else item.idle / 1000), "muted"),
            (figures.age(None if item.inactive is None else item.inactive / 1000), "muted"),
        )

    def sign(self, item: Member) -> Cell:
        """▲ stuck: has entries and is inactive."""
        return ("▲", "warn") if is_stuck(item) else (" ", "")

    def severity(self, item: Member) -> int:
        """By pending entries, stuck consumers first."""
        return (item.pending or 0) * (STUCK_WEIGHS if is_stuck(item) else 1)

    def text(self, item: Member) -> str:
        return item.name

    def value(self, item: Member, key: str) -> Any:
        idle, inactive = (None if ms is None else ms / 1000 for ms in (item.idle, item.inactive))
        return {"name": item.name, "pending": item.pending, "idle": idle, "inactive": inactive}[key]


def describe_consumer(item: Member) -> str:
    """What matters about a consumer of a Redis group, in one sentence."""
    pending = "pending entries unknown" if item.pending is None else f"{item.pending:,} pending"
    quiet = [
        f"{word} for {figures.age(ms / 1000, units=2)}"
        for word, ms in (("idle", item.idle), ("inactive", item.inactive))
        if ms is not None
    ]
    return ", ".join([f"{item.name}: {pending}", *quiet]) + (" · stuck" if is_stuck(item) else "")


STUCK_WEIGHS = 1_000_000
STUCK_AFTER_MS = 60_000
"""Milliseconds of inactivity after which a consumer with pending entries is called stuck."""


def is_stuck(member: Member) -> bool:
    """Whether it has pending entries and was inactive for a minute."""
    quiet = member.inactive if member.inactive is not None else member.idle
    return bool(member.pending) and quiet is not None and quiet > STUCK_AFTER_MS


@dataclass(frozen=True, slots=True)
class PendingRow:
    """A pending entry and the beginning of its fields; None where it was trimmed or deleted."""

    entry: PendingEntry
    fields: str | None


class PendingRenderer:
    """How pending entries are shown in a list."""

    columns = (
        Column("id", "ID", 17, measure=Measure.POSITION),
        Column(
            "idle",
            "IDLE",
            8,
            right=True,
            measure=Measure.DURATION,
            meaning="since the entry was delivered last (XPENDING)",
        ),
        Column(
            "deliveries", "DELIV.", 6, right=True, meaning="how often it was delivered; claims with a count raise it"
        ),
        Column(
            "fields",
            "PAYLOAD",
            20,
            grows=True,
            priority=2,
            least=6,
            meaning="the fields of the entry; gone: trimmed or deleted",
        ),
    )

    def id(self, item: PendingRow) -> Hashable:
        return item.entry.id

    def cells(self, item: PendingRow) -> Sequence[Cell]:
        entry = item.entry
        deliveries = "FATAL" if entry.deliveries == FATAL else str(entry.deliveries)
        gone = item.fields is None
        return (
            (str(entry.id), ""),
            (figures.age(entry.idle / 1000, units=2), "muted"),
            (deliveries, "danger" if entry.deliveries >= POISON_DELIVERIES else "muted"),
            ("gone (trimmed): A clears it", "danger") if gone else (item.fields or "", ""),
        )

    def sign(self, item: PendingRow) -> Cell:
        """✗ gone, ▲ delivered many times."""
        if item.fields is None:
            return "✗", "danger"
        return ("▲", "warn") if item.entry.deliveries >= POISON_DELIVERIES else (" ", "")

    def severity(self, item: PendingRow) -> int:
        """Those delivered often, then those that are gone."""
        if item.fields is None:
            return 1
        return 2 if item.entry.deliveries >= POISON_DELIVERIES else 0

    def text(self, item: PendingRow) -> str:
        return f"{item.entry.id} {item.entry.consumer} {item.fields or 'gone'}"

    def value(self, item: PendingRow, key: str) -> Any:
        entry = item.entry
        known: dict[str, Any] = {
            "id": entry.id,
            "idle": entry.idle / 1000,
            "deliveries": entry.deliveries,
            "fields": item.fields,
        }
        return known[key]
