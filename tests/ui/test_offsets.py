"""O on a group: where it reads on is asked, planned, set, and put back by U."""

from __future__ import annotations

from mqtui.domain.message import Outgoing
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.services.lag_history import LagHistory
from tests.ui.driver import User, at_console
from tests.ui.memory_shop import MemoryShop


async def test_set_and_put_back(dev: MemoryShop) -> None:
    """The plan has the partitions; the outcome names the run, and U plans the way back."""
    clicks = Ref(Kind.TOPIC, "clicks")
    for _ in range(2):
        dev.kafka.store(Outgoing(clicks, b"click", partition=0))
    commits = dev.kafka.committed["backfill"]
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ").presses("2").moves_to("backfill").presses("O")
        await user.reads_in_prompt("backfill on clicks: read on from").types("nonsense").presses("enter")
        await user.reads_in_prompt("Not a position of a group").presses("O").reads_in_prompt("read on from")
        await user.types("newest").presses("enter").is_at("OffsetsScreen")
        await user.sees("set offsets of backfill", "0 → 2: 2 skipped", "skipped: 2 messages: never", "[ Set offsets ]")
        assert commits["clicks", 0] == 0
        await user.presses("enter").sees("✓ 3 of 3 partitions set").reads_in_prompt("U puts them back")
        assert commits["clicks", 0] == 2
        await user.presses("U").sees("put offsets back of backfill", "2 → 0: 2 read again").presses("enter")
        await user.sees("✓ 3 of 3 partitions set")
    assert commits == {("clicks", 0): 0}


async def test_members_are_in_the_way(dev: MemoryShop) -> None:
    """They are named, nothing starts; once they have left, r plans again."""
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ").presses("2").moves_to("shipping").presses("O").reads_in_prompt("read on from")
        await user.types("skip:1").presses("enter").reads_in_prompt("In which partition?").presses("esc")
        await user.presses("O").types("oldest").presses("enter").is_at("OffsetsScreen")
        await user.sees("active: 1 member is active: shipping-1", "r plans again")
        dev.kafka.states["shipping"] = "Empty"
        await user.presses("r").sees("[ Set offsets ]")


async def test_what_a_group_stands_at(dev: MemoryShop) -> None:
    """Enter on a partition shows the record that is read next, with those before it; O is about that partition."""
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ").presses("2").moves_to("shipping").presses("enter", "g").on_row("shipp")
        await user.presses("O").reads_in_prompt("shipping on orders, partition 4: read on from").presses("esc")
        await user.presses("enter").is_at("StuckRecordScreen").reads_in_prompt("shipping is at 4/3")
        position = dev.kafka.topics["orders"].partitions[4].records[3].position
        await user.reads_in_prompt("in form like the 3 before it")
        await user.until(lambda: user.screen.table.current.position == position, "the cursor is on it")  # type: ignore[attr-defined]


def kafka_looks(user: User) -> LagHistory | None:
    """What the polls saw of Kafka's groups."""
    for broker_session in user.console.broker_sessions:
        if broker_session.kind is BrokerKind.KAFKA and broker_session.snapshot is not None:
            return broker_session.snapshot.lag_history
    return None


def looked_twice(user: User) -> bool:
    """Whether it has seen two polls, so that it knows how groups go."""
    looks = kafka_looks(user)
    return looks is not None and looks.tells_movement


async def test_how_a_group_goes(dev: MemoryShop) -> None:
    """`e` says it in words, from the polls since the list was opened."""
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ").presses("2").moves_to("shipping")
        await user.until(lambda: kafka_looks(user) is not None, "has seen a poll").then_calls(dev.trade)
        await user.presses("r").until(lambda: " 61 " in user.row, "has a new figure")
        await user.until(lambda: looked_twice(user), "has seen two polls")
        await user.presses("e").sees("stuck on 4/3 for", "lag 61:")
