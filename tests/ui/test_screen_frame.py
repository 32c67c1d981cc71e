"""The frame at every size: what has no room leaves in the agreed order, and nothing is lost on the way."""

from __future__ import annotations

from itertools import pairwise
from time import monotonic

import pytest

from mqtui.domain.resource import BrokerKind
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.store import ProfileStore
from mqtui.ui import app
from mqtui.ui.render.destinations.destinations import DestinationRenderer
from mqtui.ui.render.destinations.groups import GroupRenderer
from mqtui.ui.render.table_model import RowRenderer, fit_columns
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.bar import Bar, BarItem
from tests.ui.driver import User, at_console
from tests.ui.memory_shop import MemoryShop, many

SIZES = ((80, 24), (120, 34), (160, 50))


def lines(user: User) -> list[str]:
    return user.screen_text.rstrip("\n").splitlines()


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_the_frame(dev: MemoryShop, width: int, height: int) -> None:
    """Top bar, crumbs, list, the line, hints: each on its line, each line as wide as the terminal."""
    async with at_console(dev.console("shop"), (width, height)) as user:
        await user.on_row("orders.DLQ").reads_in_prompt("orders.DLQ").sees("† 54")
        drawn = lines(user)
        assert len(drawn) == height
        assert {len(line) for line in drawn} == {width}
        assert drawn[0].startswith(" shop  STAGE  protected ")
        assert "† 54" in drawn[0] and "▸ 0" in drawn[0]
        assert drawn[1].startswith(" Destinations")
        assert drawn[2].startswith("─ Destinations ─") and drawn[2].endswith("─")
        assert drawn[3].split()[:2] == ["NAME", "BROKER"]
        assert drawn[-1].startswith(" enter open") and "? keys" in drawn[-1]


def names(user: User) -> list[str]:
    """The rows up to their names and kinds: figures go on while the terminal changes its size."""
    return [row[:30] for row in user.rows]


async def test_down_to_20x5_and_back(dev: MemoryShop) -> None:
    """At 20x5 names, backlog and where one is are still there; afterwards all is as it was."""
    backlog = next(row.backlog for row in dev.kafka.destinations() if row.ref == dev.orders)
    async with at_console(dev.console("shop")) as user:
        await user.on_row("orders.DLQ").sees("work.invoices.dlq", "payments:dlq").moves_to("orders")
        before = names(user)
        await user.resizes(20, 5).sees_no("protected").on_row("orders").on_row(f" {backlog}")
        await user.reads_in_prompt("orders: 31").until(
            lambda: [len(line) for line in lines(user)] == [20] * 5, "sees 20x5"
        )
        await user.resizes(120, 34).until(lambda: names(user) == before, "sees what was there before")


@pytest.mark.parametrize("height", [19, 12, 9, 5])
async def test_little_height_leaves_list_and_line(dev: MemoryShop, height: int) -> None:
    """Under 20 lines the crumbs go, under 10 only list and line stay."""
    async with at_console(dev.console("shop"), (100, height)) as user:
        await user.on_row("orders.DLQ").reads_in_prompt("orders.DLQ").sees_no(" 2 groups ")
        drawn = lines(user)
        assert len(drawn) == height
        assert not any(line.startswith(" Destinations ") for line in drawn), "crumbs"
        assert any("enter open" in line for line in drawn) == (height >= 10), "hints"
        assert any("protected" in line for line in drawn) == (height >= 10), "top bar"


async def resized(user: User, width: int) -> None:
    """Give the terminal another width, and wait until it is drawn."""
    await user.resizes(width, 24).until(lambda: {len(line) for line in lines(user)} == {width}, f"is {width} wide")


async def test_the_top_bar_keeps_what_must_not_go(dev: MemoryShop) -> None:
    """Profile, environment, mode, letters and runs stay; broker facts, spark and clock leave in the order given."""
    async with at_console(dev.console("shop"), (200, 24)) as user:
        await user.on_row("orders.DLQ").sees("† 54")
        for width in (200, 160, 140, 120, 100, 90, 80, 70, 60, 50, 40):
            await resized(user, width)
            top = lines(user)[0]
            for word in ("shop", "STAGE", "protected", "† 54", "▸ 0", *(BrokerKind if width >= 80 else ())):
                assert word in top, (width, word)


async def test_a_broker_keeps_its_name_where_the_profiles_is_shortened(shop: MemoryShop) -> None:
    """In its middle, once everything else has left."""
    name = "prod-eu-checkout-and-payments-west-2"
    ProfileStore().add(Profile(name, {BrokerKind.KAFKA: BrokerEndpoint("kafka://memory:9092")}))
    async with at_console(shop.console(name), (65, 24)) as user:
        await user.on_row("orders.DLQ").sees("† 31")
        assert lines(user)[0].startswith(f" {name}  kafka ●")
        await user.resizes(53, 24).sees("prod-eu-chec…")
        assert lines(user)[0].rstrip() == " prod-eu-chec…ments-west-2  kafka ●   † 31  ▲ 1  ▸ 0"


def test_pieces_leave_from_the_highest_priority_on() -> None:
    bar = Bar()
    bar.set_reactive(Bar.left, (BarItem("name", priority=0), BarItem("facts", priority=3), BarItem("mode", priority=0)))
    bar.set_reactive(Bar.right, (BarItem("clock", priority=5), BarItem("dead", priority=0)))
    seen = {width: [piece.text for side in bar.fit(width) for piece in side] for width in (30, 21, 16, 5)}
    assert seen == {
        30: ["name", "facts", "mode", "clock", "dead"],
        21: ["name", "facts", "mode", "dead"],
        16: ["name", "mode", "dead"],
        5: ["name", "mode", "dead"],
    }


@pytest.mark.parametrize("renderer", [DestinationRenderer(), GroupRenderer()], ids=["destinations", "groups"])
def test_columns_leave_from_the_highest_priority_on(renderer: RowRenderer[object]) -> None:
    """A column that is drawn has no neighbour of a lower priority that is not."""
    for width in range(10, 200):
        drawn = {place for place, _, _ in fit_columns(renderer.columns, width)}
        kept = [renderer.columns[place].priority for place in drawn]
        gone = [column.priority for place, column in enumerate(renderer.columns) if place not in drawn]
        assert not gone or max(kept) <= min(gone), width


async def test_columns_by_size_class(dev: MemoryShop) -> None:
    """80: name, kind, backlog, trend, letters. 160: all that was drawn before, and more."""
    titles: list[list[str]] = []
    for width, height in SIZES:
        async with at_console(dev.console("dev"), (width, height)) as user:
            await user.on_row("orders.DLQ")
            titles.append(lines(user)[3].split())
    for fewer, more in pairwise(titles):
        assert set(fewer) <= set(more)
    assert {"NAME", "KIND", "BACKLOG", "DEAD", "LETTERS"} <= set(titles[0])
    assert {"READERS", "MESSAGES"} <= set(titles[-1])


async def test_figures_are_never_cut(dev: MemoryShop) -> None:
    """A backlog is shown whole or not at all."""
    for _ in range(2_000):
        dev.order()
    rows = {row.ref: row.backlog for row in dev.kafka.destinations()}
    backlog = str(rows[dev.orders])
    assert "," in backlog
    async with at_console(dev.console("dev"), (160, 24)) as user:
        await user.on_some_row("orders.DLQ").moves_to("orders")
        for width in range(160, 29, -10):
            await resized(user, width)
            await user.until(lambda: f" {backlog} " in f"{user.row} ", f"reads {backlog}, whole")


async def test_hints_that_do_not_fit_leave_whole(dev: MemoryShop) -> None:
    """A key is never shown without its word."""
    for width in (120, 100, 80, 60, 40):
        async with at_console(dev.console("dev"), (width, 24)) as user:
            await user.on_row("orders.DLQ")
            hints = lines(user)[-1]
            assert hints.rstrip().endswith("? keys")
            for key, word in (("enter", "open"), ("/", "filter"), ("n", "next"), ("R", "redrive"), ("P", "publish")):
                assert (f" {key} " in hints) == (f" {key} {word}" in hints), (width, key)


async def test_badges_and_views_are_buttons(dev: MemoryShop) -> None:
    """A click on `† 54` opens the dead letters, on `2 groups` the groups, on `? keys` the help."""
    async with at_console(dev.console("shop")) as user:
        await user.on_row("orders.DLQ").sees("† 54")
        await user.clicks(lines(user)[0].index("† 54"), 0).is_at("DeadLetterOverviewScreen")
        await user.clicks(lines(user)[1].index("2 groups"), 1).is_at("GroupsScreen")
        await user.clicks(lines(user)[-1].index("? keys"), 33).is_at("HelpPopup")


async def test_ten_thousand_destinations(dev: MemoryShop) -> None:
    """All are there, the worst on top, and a filter finds one among them."""
    many(dev, 10_000)
    async with at_console(dev.console("dev")) as user:
        await user.sees("10,010", within=30)
        await user.until(lambda: "orders.DLQ" in user.row_at(0), "sees the worst on top, whichever broker came first")
        await user.presses("/").types("topic-009999").sees("1 of 10,010").presses("enter").on_row("topic-009999")


async def test_first_rows_that_are_due_are_shown_at_once(dev: MemoryShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """No timer is set to no time: Textual divides by it."""
    async with at_console(dev.console("dev")) as user:
        await user.on_row("orders.DLQ")
        monkeypatch.setattr(BrokerSession, "has_figures", False)
        user.console._drawn, user.console._hurries = monotonic() - app.FIRST_TICK - 0.01, False
        delays: list[float] = []
        monkeypatch.setattr(user.console, "set_timer", lambda delay, _: delays.append(delay))
        user.console.figures_changed()
        assert not delays
        await user.until(lambda: not user.console._hurries, "draws")
