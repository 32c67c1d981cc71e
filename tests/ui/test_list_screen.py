"""What works on every list: columns that gave way, pinned rows, copies, exports, and where figures come from."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from mqtui.brokers.request_log import log_request
from mqtui.domain.message import Outgoing
from mqtui.domain.partitioner import partitions_of_key
from mqtui.domain.placement import PartitionStatus
from mqtui.domain.resource import Ref
from mqtui.domain.topology import Property
from mqtui.services.poller import BrokerSnapshot, Poller
from mqtui.ui.actions import ACTIONS
from mqtui.ui.render.home.profiles import OTHER_WAYS
from mqtui.ui.render.table_model import Measure
from mqtui.ui.screens.dead_letters.causes import CausesScreen
from mqtui.ui.screens.overlays.figures import WHOLE_ROW, FiguresPopup
from mqtui.ui.widgets.row_canvas import GUTTER
from mqtui.ui.widgets.row_sort import sort_key
from mqtui.ui.widgets.row_table import RowTable
from tests.memory.roles import MemoryCatalog
from tests.ui.driver import User, at_console
from tests.ui.memory_shop import PARTITIONS, MemoryShop


def titles(user: User) -> list[str]:
    """The column titles that are drawn."""
    return [column.title for _, column, _ in user.table.fitted]


async def test_c118_no_row_is_chosen_before_figures_order_the_list(
    dev: MemoryShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names come first, and what opens or sends does nothing to them; then the worst row is under the cursor, and
    stays there when another one gets worse. A row that a key chose among the names stays as well.
    """
    figures, find = asyncio.Event(), Poller._find_dead_letters

    async def later(poller: Poller, seen: BrokerSnapshot) -> None:
        await figures.wait()
        await find(poller, seen)

    monkeypatch.setattr(Poller, "_find_dead_letters", later)
    async with at_console(dev.console("shop")) as user:
        await user.is_at("DestinationsScreen").sees("payments").presses("R")
        await user.is_at("DestinationsScreen")
        assert user.table.current is None
        figures.set()
        await user.on_row("orders.DLQ").sees("† 54")
        for _ in range(60):
            dev.redis.store(Outgoing(dev.payments_dlq, fields=((b"dlq_stream", b"payments"),)))
        await user.sees("† 114").until(lambda: "payments:dlq" in user.rows[0], "has the worse row on top")
        await user.on_row("orders.DLQ")
    figures.clear()
    async with at_console(dev.console("shop")) as user:
        await user.is_at("DestinationsScreen").sees("payments").presses("j").until(lambda: user.row != "", "has a row")
        chosen = user.row
        figures.set()
        await user.sees("† 114")
        assert user.row.split()[:2] == chosen.split()[:2]


async def test_no_row_is_chosen_while_a_broker_of_the_demo_starts(dev: MemoryShop) -> None:
    """The first that is up would have the cursor, and worse rows would come above it."""
    console = dev.console("shop")
    console.broker_startup = {"rabbitmq": "starting"}
    async with at_console(console) as user:
        await user.is_at("DestinationsScreen").on_some_row("orders.DLQ").sees("† 54")
        assert user.table.current is None
        console.broker_startup = {}
        await user.then_calls(user.screen.refresh_figures).on_row("orders.DLQ")


async def test_columns_that_gave_way_are_shown_in_turn(dev: MemoryShop) -> None:
    """`c` shows what had no room, the name stays; after the last the first columns come again."""
    async with at_console(dev.console("shop"), (80, 24)) as user:
        await user.on_row("orders.DLQ")
        first = titles(user)
        seen = set(first)
        for _ in range(4):
            await user.presses("c").reads_in_prompt("columns: name")
            if titles(user) == first:
                break
            assert titles(user)[0] == "NAME"
            seen |= set(titles(user))
        assert titles(user) == first
        assert seen == {column.title for column in user.table.renderer.columns}
        await user.sees("BACKLOG")


async def test_columns_go_sideways_one_by_one(dev: MemoryShop) -> None:
    """`l` lets the next column in on the right, `h` takes it back."""
    async with at_console(dev.console("shop"), (80, 24)) as user:
        await user.on_row("orders.DLQ")
        first = titles(user)
        await user.sees(" BROKER ").presses("l").until(lambda: titles(user)[:2] != first[:2], "has other columns")
        assert titles(user)[0] == "NAME"
        await user.sees_no(" BROKER ").presses("h").until(lambda: titles(user) == first, "has the first columns")
        await user.sees(" BROKER ")


async def test_all_columns_fit(dev: MemoryShop) -> None:
    async with at_console(dev.console("shop"), (200, 34)) as user:
        await user.on_row("orders.DLQ").presses("c").reads_in_prompt("all columns are shown")


async def test_a_pinned_row_stays_on_top(dev: MemoryShop) -> None:
    """Whatever the order; under it a rule says so, and the same key lets it go."""
    async with at_console(dev.console("shop")) as user:
        await (
            user.on_row("orders.DLQ")
            .moves_to("work.refunds")
            .presses("b")
            .reads_in_prompt("pinned")
            .on_row("work.refunds")
        )
        await user.sees("pinned above")
        assert "work.refunds" in user.rows[0]
        for step in range(1, len(titles(user)) + 1):
            await user.presses("o", "g", *["j"] * step, "enter").is_at("DestinationsScreen")
            assert "work.refunds" in user.row_at(0)
        await user.presses("slash").types("refunds").presses("enter", "b").sees_no("pinned above")


async def test_a_list_is_ordered_by_a_column(dev: MemoryShop) -> None:
    """`o` offers the columns shown, by their titles; the same again or `o` reverses; a click on the head does as well.

    Head and rule say column and direction, and the row under the cursor stays. `o` is for the list with the focus.
    """
    async with at_console(dev.console("shop"), (80, 24)) as user:
        await user.on_row("orders.DLQ").sees("† 54").presses("o").sees("order by", "NAME", "c shows it")
        await user.presses("j", "enter").sees("NAME ↑", "order name ↑ ·").on_row("orders.DLQ")
        names = [row[GUTTER:].split()[0].casefold() for row in user.rows]
        assert names == sorted(names, key=sort_key)
        await user.presses("o").sees("again: Z to A").presses("enter").sees("NAME ↓", "order name ↓ ·")
        await user.presses("o", "o").sees("NAME ↑").on_row("orders.DLQ")
        head = user.screen_text.splitlines()[3]
        await user.clicks(head.index("BACKLOG"), 3).sees("↓BACKLOG", "order backlog ↓").on_row("orders.DLQ")
        backlogs = [number for item in user.table.model.rows if (number := user.table.renderer.value(item, "backlog"))]
        assert len(backlogs) > 3 and backlogs == sorted(backlogs, reverse=True)
        await user.presses("o", "g").sees("as it comes").presses("enter").sees("order trouble ·")
    async with at_console(dev.console("shop")) as user:
        await user.on_row("orders.DLQ").sees("† 54").presses("2").moves_to("shipping").presses("tab", "o")
        await user.sees("COMMITTED").presses("g", "j", "enter").sees("↓P")


async def test_rows_are_ordered_and_compared_by_what_they_show(dev: MemoryShop) -> None:
    """C14: in every list a text is compared as it is shown, and a figure has a value unless it shows `?` or nothing."""
    ways = ["1 orders.DLQ", "2 shipping", "3 orders.DLQ", "enter SchemaMismatch"]
    async with at_console(dev.console("shop")) as user:
        await user.on_row("orders.DLQ").sees("† 54")
        for way in ways:
            key, words = way.split()
            await user.presses(key).on_some_row(words)
            for table in user.screen.query(RowTable):
                assert [*wrongly_compared(table)] == [], way
        await user.presses("2").moves_to("settle").presses("enter").is_at("PendingScreen")
        await user.until(lambda: all(table.model.count for table in user.screen.query(RowTable)), "has entries")
        assert [found for table in user.screen.query(RowTable) for found in wrongly_compared(table)] == []
        await user.presses("0").on_some_row("shop")
        assert [*wrongly_compared(user.table)] == []


def has_row(user: User, words: Sequence[str]) -> bool:
    """Whether some row has all these words."""
    return any(set(words) <= set(re.sub("[▁-█▏↑↓]+", " ", row[GUTTER:]).split()) for row in user.rows)


def wrongly_compared(table: RowTable[object]) -> Iterator[str]:
    """The cells whose value is not what they show."""
    renderer = table.renderer
    for item in table.model.rows:
        if renderer.id(item) == OTHER_WAYS:
            continue
        for column, (shown, _) in zip(renderer.columns, renderer.cells(item), strict=True):
            value, shown = renderer.value(item, column.key), shown.strip()
            if column.measures is Measure.TEXT:
                fits = str(value or "").casefold() == shown.casefold() or (not value and shown.startswith("?"))
            else:
                shows_figure = any(map(str.isdigit, shown)) or shown in ("none", "never", "now")
                fits = column.trend or (value is not None) == shows_figure or (shown, value) == ("", 0)
            if not fits:
                yield f"{column.title} shows {shown!r}, value {value!r}"


async def test_a_destination_is_described(dev: MemoryShop) -> None:
    """`d` shows what the broker says of the row, asked for that one only; `?` comes with its reason; `.` turns tabs.

    A tab that was open is as it was left, and esc goes one step back.
    """
    asked: list[Ref] = []
    list_properties = MemoryCatalog.list_properties

    async def listed(catalog: MemoryCatalog, ref: Ref) -> Sequence[Property]:
        asked.append(ref)
        return (
            *await list_properties(catalog, ref),
            Property("config", "retention.ms", "604800000", "set on the topic"),
            Property("config", "secret.key", None, "the broker keeps it secret"),
            Property("partition", "1", "leader none", "", "no leader: it can't be read or written"),
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryCatalog, "list_properties", listed)
        async with at_console(dev.console("shop"), (80, 24)) as user:
            await user.on_row("orders.DLQ").sees("† 54").moves_to("orders").presses("d").is_at("PropertiesScreen")
            await user.sees("604800000 = 7d", "group").on_row("leader none").reads_in_prompt("no leader: it can't be")
            assert asked == [dev.orders]
            await user.sees("Destinations › orders", "messages", "▸describe").resizes(120, 34)
            await user.on_row("no leader: it can't be read or written").resizes(80, 24)
            await user.moves_to("secret.key").reads_in_prompt("secret.key: ? · the broker keeps it secret")
            await user.presses("/").types("of:group shipping").presses("enter").sees("shipping", ". messages")
            assert [*wrongly_compared(user.table)] == []
            await user.presses("full_stop").is_at("MessagesScreen").sees("118240")
            await user.presses("comma").is_at("PropertiesScreen").sees("1 of 8")
            await user.presses("esc", "esc").is_at("MessagesScreen").presses("esc").is_at("DestinationsScreen")
            await user.presses("g", "d").is_at("PropertiesScreen").sees("topic orders.DLQ")
            await user.presses("full_stop").is_at("CausesScreen").sees("▸causes", ", .").resizes(120, 34)
            await user.sees("▸causes", "messages", "partitions", "describe", ", .")
            await user.presses("full_stop").is_at("DeadLetterListScreen").sees("Dead letters › orders.DLQ", "▸messages")
            await user.presses("comma", "comma").is_at("PropertiesScreen")


async def test_partitions_are_a_tab_of_a_topic(dev: MemoryShop) -> None:
    """`s` goes to the partition that Java's producers send a key to, and says where librdkafka sends it."""
    async with at_console(dev.console("shop"), (120, 34)) as user:
        await user.on_row("orders.DLQ").sees("† 54").moves_to("orders").presses("enter").is_at("MessagesScreen")
        await user.presses("full_stop").is_at("PartitionsScreen").sees("▸partitions", "STABLE", "RECORDS", "SIZE")
        await user.reads_in_prompt("all replicas in sync").presses("s").types("u7").presses("enter")
        java, librdkafka = (one.partition for one in partitions_of_key(b"u7", PARTITIONS))
        await user.reads_in_prompt(f"u7: {java} by murmur2 (Java) · {librdkafka} by consistent_random (librdkafka)")
        assert isinstance(user.table.current, PartitionStatus) and user.table.current.number == java
        assert [*wrongly_compared(user.table)] == []
        await user.presses("y", "c").reads_in_prompt("command copied")
        assert user.console.clipboard == "mqtui partitions shop/kafka orders"
        await user.presses("full_stop").is_at("PropertiesScreen").presses("comma").is_at("PartitionsScreen")


async def test_nodes_of_the_brokers_are_view_4(dev: MemoryShop) -> None:
    async with at_console(dev.console("shop"), (120, 34)) as user:
        await user.on_row("orders.DLQ").presses("4").is_at("TopologyScreen").sees("DISK FREE", "40.0 GiB")
        await user.on_some_row("kafka").reads_in_prompt("1").presses("r").sees("redis", "rabbitmq")
        assert [*wrongly_compared(user.table)] == []


async def test_requests_of_this_session_are_a_tab_of_the_audit(dev: MemoryShop) -> None:
    """What was sent, when and how long it took; the newest first, by name only, and no more than are kept."""
    async with at_console(dev.console("shop")) as user:
        await user.on_row("orders.DLQ").presses("6").is_at("AuditScreen").sees(". requests").presses("full_stop")
        await user.is_at("RequestsScreen").sees("nothing was sent to a broker yet")
        with suppress(RuntimeError), log_request("kafka", lambda: "publish 1 message to orders"):
            raise RuntimeError("s3cret")
        with log_request("redis", lambda: "XADD at cache:6379"):
            pass
        await user.then_calls(user.screen.refresh_figures).on_some_row("publish 1 message to orders")
        assert "XADD at cache:6379" in user.rows[0] and "RuntimeError" in user.rows[1]
        assert "s3cret" not in user.screen_text and [*wrongly_compared(user.table)] == []
        await user.presses("/").types("took<1s !error:Runtime").sees("1 of 2").presses("esc", "full_stop")
        await user.is_at("AuditScreen").presses("comma").is_at("RequestsScreen").presses("esc").is_at("AuditScreen")


async def test_copies_of_a_row(dev: MemoryShop) -> None:
    """Its name, the reference that `:` takes, the command that shows it, and the row as it is shown."""
    copies = {
        "p": "orders.DLQ",
        "r": "shop/t:orders.DLQ",
        "c": "mqtui dlq shop/kafka orders.DLQ",
        "y": "orders.DLQ  kafka  topic  31",
    }
    async with at_console(dev.console("shop")) as user:
        await user.on_row("orders.DLQ").sees("† 54")
        for key, text in copies.items():
            await user.presses("y").reads_in_prompt("c command").presses(key).reads_in_prompt("copied")
            assert user.console.clipboard.startswith(text)
        await user.presses("2").moves_to("shipping").presses("y", "c").reads_in_prompt("command copied")
        assert user.console.clipboard == "mqtui lag shop/kafka shipping"
        await user.presses("3").on_row("orders.DLQ").presses("y", "c").reads_in_prompt("command copied")
        assert user.console.clipboard == "mqtui dlq shop/kafka orders.DLQ"
        await user.presses("enter").is_at("CausesScreen").sees("SchemaMismatch").presses("y", "c")
        await user.reads_in_prompt("command copied")
        assert user.console.clipboard.startswith("mqtui redrive shop/kafka orders.DLQ --cause ")
        await user.presses("y", "r").until(lambda: user.console.clipboard == "shop/t:orders.DLQ", "has the way here")
        await user.presses("0").is_at("HomeScreen").moves_to("prod-eu").presses("y", "c")
        await user.until(lambda: user.console.clipboard == "mqtui prod-eu", "has the command")


async def test_rows_are_exported_as_they_are_shown(dev: MemoryShop, tmp_path: Path) -> None:
    """Those marked, else all: figures keep their `≈` and `?`, and only the owner can read the file."""
    async with at_console(dev.console("shop")) as user:
        await (
            user.on_row("orders.DLQ")
            .sees("† 54")
            .presses("x")
            .until(lambda: user.screen.prompt_line.is_asking, "is asked")
        )
        await user.presses("ctrl+u").types(str(tmp_path / "all.jsonl")).presses("enter")
        await user.reads_in_prompt("all.jsonl")
        await user.presses("space", "x").until(lambda: user.screen.prompt_line.is_asking, "is asked")
        await user.presses("ctrl+u").types(str(tmp_path / "one.jsonl")).presses("enter")
        await user.reads_in_prompt("1 row,")
    rows = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert {row["name"] for row in rows} >= {"orders.DLQ", "work.refunds", "payments"}
    (marked,) = [json.loads(line) for line in (tmp_path / "one.jsonl").read_text().splitlines()]
    assert marked == next(row for row in rows if row["name"] == "orders.DLQ")
    assert (marked["backlog"], marked["dead"]) == ("31", "of orders")
    assert (tmp_path / "all.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("row", "keys", "words"),
    [
        ("orders.DLQ", (), ("letters 31: what lies there", "by its name", "exact", "asked")),
        ("shipping", ("2",), ("lag 58: end offsets less committed offsets", "exact")),
        ("orders.DLQ", ("3",), ("letters 31: what lies there", "asked")),
    ],
    ids=["destination", "group", "letters"],
)
async def test_where_a_figure_comes_from(
    dev: MemoryShop, row: str, keys: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """`e` says what was asked, what the answer is worth and how old it is; and each column of the row, uncut."""
    async with at_console(dev.console("shop"), (80, 24)) as user:
        await user.on_row("orders.DLQ").sees("† 54").presses(*keys).moves_to(row)
        columns = [column.title for column in user.table.renderer.columns]
        await user.presses("e").sees("where it comes from", "this row")
        shown = " ".join(re.sub("[│┃▏▌]", " ", user.screen_text).split())
        assert [part for part in words if part not in shown] == []
        popup = user.console.screen
        assert isinstance(popup, FiguresPopup)
        assert [item.title for item in popup.table.model.rows] == [WHOLE_ROW, *columns]
        await user.presses("e").until(lambda: user.console.screen is not popup, "is back at the list")


async def test_e_is_for_every_list(dev: MemoryShop) -> None:
    """In a list of causes, messages or partitions too: it opens on the row with the focus, and on no other."""
    async with at_console(dev.console("shop")) as user:
        await user.on_row("orders.DLQ").sees("† 54").presses("3").on_row("orders.DLQ").presses("enter")
        await user.on_row("SchemaMismatch").presses("e").sees("the root exception with").presses("esc")
        await user.presses("full_stop").is_at("DeadLetterListScreen").until(lambda: user.row != "", "has a letter")
        await user.presses("e").sees("decoded for the").presses("esc")
        await user.presses("2").moves_to("shipping").presses("enter").sees("COMMITTED").presses("e")
        await user.sees("the next offset or entry that the group will read").sees_no("this row").presses("esc")
        await user.presses("6").is_at("AuditScreen").presses("e").reads_in_prompt("explain: there is no row")


async def test_a_list_of_one_broker_has_its_words(dev: MemoryShop) -> None:
    """Of several brokers it says of which each row is; what waits is BACKLOG, which counts letters too."""
    words = {
        "prod-eu": (["LAG", "GROUPS"], "orders.DLQ topic none"),
        "prod-mq": (["READY", "UNACKED", "CONSUMERS"], "work.invoices quorum 12 0 4"),
        "prod-cache": (["LAG", "PENDING", "LENGTH", "GROUPS"], "payments stream 0 57 1 57"),
        "shop": (["BROKER", "BACKLOG", "READERS", "MESSAGES"], "orders.DLQ kafka topic 31"),
    }
    for profile, (own, row) in words.items():
        async with at_console(dev.console(profile), (200, 34)) as user:
            await user.is_at("DestinationsScreen").on_some_row(row.split()[0]).sees("†")
            others = {"BROKER", "BACKLOG", "LAG", "READY", "READERS", "PENDING"} - set(own)
            assert set(own) <= set(titles(user)) and not others & set(titles(user)), profile
            await user.until(partial(has_row, user, row.split()), f"has a row {row}")
            assert [*wrongly_compared(user.table)] == [], profile
            if "BROKER" in own:
                await user.sees("topic exchange").presses("2").moves_to("shipping").sees("BROKER")
                await user.presses("3").on_row("orders.DLQ").sees("BROKER")


async def test_a_retry_stage_is_said_to_be_alive(shop: MemoryShop) -> None:
    """R15: in the list by its sentence, never offered to redrive; the radar counts it beside its rows."""
    shop.rabbitmq.declare("held", dead_to="at work", ttl=1000)
    shop.rabbitmq.declare("at work", dead_to="held")
    shop.profiles()
    async with at_console(shop.console("dev")) as user:
        await user.on_row("orders.DLQ").presses("/").types("held").presses("enter").on_row("held")
        await user.reads_in_prompt("held: a retry stage, its dead letters come back to it: held → at work → held")
        await user.presses("R").reads_in_prompt("a retry stage, its messages are alive")
        await user.presses("3").sees("2 retry stages", "orders.DLQ")
        assert "at work" not in user.screen_text


async def test_a_key_before_a_place_is_there_does_nothing(dev: MemoryShop) -> None:
    """The keys of somebody who types ahead reach a screen before it has a list."""
    async with at_console(dev.console("shop")) as user:
        await user.on_row("orders.DLQ").sees("† 54")
        broker_session = next(
            broker_session
            for broker_session in user.console.broker_sessions
            if broker_session.snapshot is not None and broker_session.snapshot.dead_letters
        )
        assert broker_session.snapshot is not None
        screen = CausesScreen(broker_session, broker_session.snapshot.dead_letters[0])
        for action in (action for action in ACTIONS if action.id in screen.own_actions):
            await screen.perform(action.id)
        await user.on_row("orders.DLQ")
