"""Rows of groups, consumers, entries and exchanges: which stands first, and what a cell says."""

from __future__ import annotations

import pytest

from mqtui.cli.pending import entry_cells
from mqtui.domain.figure import exact
from mqtui.domain.message import EntryId
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.times import format_age
from mqtui.domain.topology import Group, GroupLag, Member, PartitionLag, PendingEntry
from mqtui.services.poller import STALLED_POLLS, BrokerSnapshot
from mqtui.ui.render.destinations.groups import GroupRenderer, GroupRow, group_lines
from mqtui.ui.render.table_model import row_as_text
from mqtui.ui.widgets.row_model import RowModel
from tests.ui.driver import at_console
from tests.ui.memory_shop import MemoryShop


def test_the_group_with_most_pending_entries_stands_first() -> None:
    """An entry in flight of a group that works is no reason to stand before 42 of a consumer that does not."""
    working = group_row("fraud", Member("worker-1", pending=1, idle=200, inactive=200))
    waiting = group_row("ledger", Member("worker-7", pending=42, idle=9_000, inactive=9_000))
    stuck = group_row("audit", Member("worker-3", pending=2, idle=90_000, inactive=90_000))
    model = RowModel(GroupRenderer())
    model.take([working, waiting, stuck])
    assert [item.group.ref.name for item in model.rows] == ["payments/audit", "payments/ledger", "payments/fraud"]


def group_row(name: str, *members: Member) -> GroupRow:
    pending = exact(sum(member.pending or 0 for member in members))
    group = Group(Ref(Kind.GROUP, f"payments/{name}"), "stream", "", members, pending=pending)
    return GroupRow(BrokerKind.REDIS, group, None, (), None, stalled=False)


@pytest.mark.parametrize(
    ("seconds", "units", "shown"),
    [(0.4, 1, "0s"), (43.9, 1, "43s"), (187, 1, "3m"), (187, 2, "3m 7s"), (10_800, 2, "3h"), (200_000, 2, "2d 7h")],
)
def test_ages(seconds: float, units: int, shown: str) -> None:
    assert format_age(seconds, units=units) == shown


def test_an_idle_time_is_told_as_people_read_it() -> None:
    entry = PendingEntry(EntryId(1, 0), "worker-7", 10_800_000, 3, 0)
    assert entry_cells(entry) == (EntryId(1, 0), "worker-7", "3h", 3)


async def test_what_does_not_apply_to_an_exchange_is_blank(dev: MemoryShop) -> None:
    """It holds nothing and nobody reads it: no figure of it is unknown."""
    dev.rabbitmq.exchange("shop.events.fanout", "fanout")
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ").on_some_row("shop.events.fanout")
        table = user.table
        row = next(item for item in table.model.rows if "shop.events.fanout" in table.renderer.text(item))
        cells = row_as_text(table.renderer, row)
        assert {key for key, text in cells.items() if text} == {"name", "broker", "kind"}, cells
        await user.moves_to("shop.events.fanout").reads_in_prompt("an exchange holds no messages")


def test_a_stalled_group_keeps_the_broker_s_own_word() -> None:
    """Kafka says Stable of a group that stands still: both are shown."""
    group = Group(Ref(Kind.GROUP, "shipping"), "consumer", "Stable")
    row = GroupRow(BrokerKind.KAFKA, group, None, (), None, stalled=True)
    assert row_as_text(GroupRenderer(), row)["state"] == "stalled, Stable"


def test_a_queue_that_only_grows_without_consumers_is_trouble_as_in_the_list_of_destinations() -> None:
    queue, name = Ref(Kind.QUEUE, "work.emails"), Ref(Kind.GROUP, "work.emails")
    snapshot = BrokerSnapshot(groups=[Group(name, "queue", "", (), reads=(queue,))])
    for turn in range(STALLED_POLLS + 10):
        waits = exact(20 + turn)
        lag = GroupLag(name, "no consumers", (PartitionLag(queue, 0, "", "", waits),), waits, 0)
        snapshot.lags = {name: lag}
        snapshot.trend(name, "lag").add(turn * 10.0, waits.number)
        snapshot.lag_history.add(turn * 10.0, turn * 10.0, snapshot.lags)
    (row,) = group_lines(BrokerKind.RABBITMQ, snapshot)
    assert row.report is not None and row.report.assessment.is_settled
    assert GroupRenderer().sign(row) == ("▲", "warn")
