"""The list: nothing but the user's own key moves the cursor, marks go by id, trouble stands first."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from time import thread_time

import pytest
from rich.cells import cell_len
from rich.style import Style
from textual.events import MouseScrollDown

from mqtui.ui.glyphs import Glyphs
from mqtui.ui.render.table_model import LEAST, Column, align, fit_columns, shorten_middle
from mqtui.ui.widgets.cell_segments import title_segments
from mqtui.ui.widgets.pane import ColumnTitles
from mqtui.ui.widgets.row_canvas import GUTTER
from mqtui.ui.widgets.row_table import RowTable
from tests.ui.list_app import ListApp, Row, RowsRenderer, list_app, rows

# -- the cursor keeps its row and its screen line


def inserted(items: list[Row]) -> list[Row]:
    return [*(Row(f"new-{number}") for number in range(25)), *items]


def removed(items: list[Row]) -> list[Row]:
    return items[20:]


def grown(items: list[Row]) -> list[Row]:
    return [item.sized(1_000_000 + place) for place, item in enumerate(items)]


def turned(items: list[Row]) -> list[Row]:
    return items[::-1]


def troubled(items: list[Row]) -> list[Row]:
    return [Row(item.name, item.size, wrong=place % 3) for place, item in enumerate(items)]


@pytest.mark.parametrize("change", [inserted, removed, grown, turned, troubled])
async def test_the_cursor_keeps_row_and_screen_line(change: Callable[[list[Row]], list[Row]]) -> None:
    """Rows come, go and change places above and below: the row under the cursor stays where the eye is."""
    items = rows(200)
    async with list_app(items) as (app, pilot):
        app.table.move_to(100)
        await pilot.pause()
        name, line = app.here, app.screen_line
        app.table.show(change(items))
        await pilot.pause()
        assert (app.here, app.screen_line) == (name, line)
        assert app.drawn(line).startswith("▌") and str(name) in app.drawn(line)


async def test_c118_a_row_once_painted_stays_under_a_cursor_nobody_moved() -> None:
    """Trouble that comes later stands above it, in sight; only a key goes there."""
    items = rows(200)
    async with list_app(items) as (app, pilot):
        assert app.here == "thing-000000"
        app.highlighted.clear()
        app.table.show([Row(item.name, wrong=int(item.name > "thing-000197")) for item in items])
        await pilot.pause()
        assert (app.here, app.screen_line, app.highlighted) == ("thing-000000", 3, [])
        assert "thing-000198" in app.drawn(0)
        app.table.show([*(Row(f"new-{number:03}", wrong=2) for number in range(60)), *items])
        await pilot.pause()
        assert app.here == "thing-000000" and app.drawn(app.screen_line).startswith("▌")


async def test_names_whose_figures_are_to_come_have_no_cursor() -> None:
    """Until the first order is known no row is chosen, but by a key; what opens a row first shows which."""
    items = rows(20)
    async with list_app(()) as (app, pilot):
        app.table.is_loading = True
        app.table.show(items)
        await pilot.pause()
        assert (app.here, app.table.cursor) == (None, -1)
        app.table.show(items[::-1])
        app.table.is_loading = False
        app.table.show(troubled(items))
        await pilot.pause()
        assert app.here == "thing-000002"
    async with list_app(()) as (app, pilot):
        app.table.is_loading = True
        app.table.show(items)
        app.table.open_current()
        await pilot.pause()
        assert (app.here, app.opened) == ("thing-000000", [])
        app.table.is_loading = False
        app.table.show(troubled(items))
        await pilot.pause()
        assert app.here == "thing-000000"


async def test_many_rows_are_put_in_order_while_keys_are_answered() -> None:
    """The rows of before stand until all is ready; what a key did meanwhile holds."""
    async with list_app(rows(20)) as (app, _):
        app.table.move_to(7)
        showing = asyncio.create_task(app.table.show_in_slices(rows(6_000)[::-1]))
        turns = 0
        while not showing.done():
            await asyncio.sleep(0)
            turns += 1
            if turns == 10:
                assert len(app.names) == 20
                app.table.move_by(1)
                app.table.order_by(column("size"))
        assert turns > 30
        assert app.here == "thing-000008"
        assert (len(app.names), app.names[0]) == (6_000, "thing-005999")
        showing = asyncio.create_task(app.table.show_in_slices(rows(6_000)))
        await asyncio.sleep(0)
        app.table.only(lambda thing: thing.name.endswith("8"))
        await showing
        assert (app.here, len(app.names)) == ("thing-000008", 600)


async def test_an_order_keeps_row_and_screen_line() -> None:
    """Also where another order is asked for, and where a filter goes."""
    async with list_app(rows(200)) as (app, pilot):
        app.table.move_to(100)
        await pilot.pause()
        name, line = app.here, app.screen_line
        app.table.order_by(column("size"))
        assert (app.here, app.screen_line) == (name, line)
        app.table.only(lambda thing: thing.name.endswith(("00", "99")))
        assert app.here == name
        app.table.only(None)
        await pilot.pause()
        assert app.here == name and app.drawn(app.screen_line).startswith("▌")


async def test_at_random_the_row_under_the_cursor_never_changes() -> None:
    """A hundred refreshes with rows coming and going: no word of another row, and the same line of the screen."""
    dice = random.Random(7)
    items = rows(300)
    async with list_app(items) as (app, pilot):
        app.table.move_to(150)
        await pilot.pause()
        kept, line = app.here, app.screen_line
        app.highlighted.clear()
        for _ in range(100):
            chosen = [item for item in items if dice.random() < 0.9]
            app.table.show([Row(item.name, dice.randrange(9999), dice.randrange(3)) for item in chosen])
            assert app.here == kept
            assert app.table.is_gone == (kept not in {item.name for item in chosen})
        await pilot.pause()
        assert set(app.highlighted) <= {kept}
        inner = app.table.size.height
        assert app.screen_line == line or app.table.scroll_offset.y in (0, len(app.table.model.shown) - inner)


async def test_a_row_that_vanished_stays_struck_through_until_the_user_moves() -> None:
    """The list tells of it once; no other row comes under the cursor, whatever else comes and goes."""
    items = rows(50)
    async with list_app(items) as (app, pilot):
        app.table.move_to(10)
        await pilot.pause()
        app.highlighted.clear()
        for left in (items[:10] + items[11:], inserted(items[:10] + items[12:]), items[:10] + items[13:]):
            app.table.show(left)
            await pilot.pause()
            assert (app.here, app.screen_line, app.table.is_gone) == ("thing-000010", 10, True)
            assert app.drawn(10).startswith("▌ ✗") and app.struck(10) and not app.struck(9) and not app.struck(11)
            assert app.table.model.count == len(left) == len(app.table.model.rows)
        assert app.highlighted == ["thing-000010"]
        app.table.mark()
        assert (app.here, app.table.model.marks, app.table.is_gone) == ("thing-000013", set(), False)
        assert "thing-000010" not in app.names


@pytest.mark.parametrize(
    ("key", "there"),
    [
        ("nav.down", "thing-000011"),
        ("nav.up", "thing-000009"),
        ("nav.top", "thing-000000"),
        ("nav.bottom", "thing-000049"),
    ],
)
async def test_a_key_leads_from_a_vanished_row_to_its_neighbours(key: str, there: str) -> None:
    items = rows(50)
    async with list_app(items) as (app, pilot):
        app.table.move_to(10)
        await pilot.pause()
        app.table.show(items[:10] + items[11:])
        app.table.perform(key)
        await pilot.pause()
        assert (app.here, app.table.is_gone, len(app.names)) == (there, False, 49)


async def test_a_vanished_row_may_come_back_or_be_the_last_one() -> None:
    """A click on it leaves it; another list, or a filter of the user, keeps nothing of it."""
    items = rows(20)
    async with list_app(items) as (app, pilot):
        await pilot.pause()
        app.table.show(items[1:])
        assert (app.here, app.table.is_gone, app.names[1]) == ("thing-000000", True, "thing-000001")
        await pilot.click(app.table, offset=(8, 0))
        assert (app.here, app.table.is_gone) == ("thing-000000", True)
        app.table.show(items)
        assert (app.here, app.table.is_gone) == ("thing-000000", False)
        app.table.placeholder = [[("nothing here", "")]]
        app.table.show([])
        await pilot.pause()
        assert (app.here, app.table.model.count) == ("thing-000000", 0)
        assert "thing-000000" in app.drawn(0) and "nothing here" in app.drawn(1)
        app.table.move_by(1)
        await pilot.pause()
        assert (app.here, app.highlighted[-1]) == (None, None) and "nothing here" in app.drawn(0)
        app.table.show(items)
        app.table.move_to(3)
        await pilot.pause()
        app.table.show(items[4:])
        app.table.only(lambda thing: thing.name.endswith("7"))
        assert (app.names, app.table.is_gone) == (["thing-000007", "thing-000017"], False)
        await pilot.pause()
        app.table.replace(rows(3))
        assert (app.names, app.table.is_gone) == ([], False)


async def test_a_row_that_no_longer_matches_the_filter_says_so() -> None:
    items = rows(20)
    async with list_app(items) as (app, pilot):
        app.table.only(lambda thing: (thing.size or 0) < 10)
        app.table.move_to(3)
        await pilot.pause()
        app.table.show([item.sized(99) if item.name == "thing-000003" else item for item in items])
        assert (app.here, app.table.is_gone) == ("thing-000003", True)
        assert "filter" in app.table.why_gone
        app.table.show(items[4:])
        assert "not there" in app.table.why_gone


async def test_notices_stand_above_the_rows_and_move_nothing_under_the_cursor() -> None:
    """They are no rows: the cursor skips them, and the first row brings them into sight."""
    items = rows(200)
    async with list_app(items) as (app, pilot):
        app.table.move_to(2)
        await pilot.pause()
        for count in (2, 1, 3):
            app.table.show_notices(
                [[("  ✗ ", "danger"), (f"redis: lost, {number}" + "." * 200, "")] for number in range(count)]
            )
            await pilot.pause()
            assert (app.here, app.table.model.count) == ("thing-000002", 200)
            assert app.drawn(0).startswith("  ✗ redis: lost, 0") and app.drawn(0).rstrip().endswith("…")
            assert "thing-000000" in app.drawn(count) and app.drawn(count + 2).startswith("▌")
        app.table.show(items[3:])
        assert (app.here, app.table.is_gone, app.table.cursor) == ("thing-000002", True, 3)
        app.table.show_notices([])
        assert (app.here, app.table.is_gone, app.table.cursor) == ("thing-000002", True, 0)
        app.table.show_notices([[("  lost", "")]])
        app.table.move_to_end()
        app.table.move_to(0)
        await pilot.pause()
        assert app.here == "thing-000003" and app.drawn(0).startswith("  lost")


async def test_before_a_key_the_cursor_stands_on_the_worst_row() -> None:
    """The worst of the first figures; then it stays with its row, moved or not."""
    async with list_app() as (app, pilot):
        app.table.show([Row("bad", 1, wrong=2), *rows(5)])
        assert app.here == "bad"
        app.table.move_by(1)
        app.table.show([Row("worse", 1, wrong=3), Row("bad", 1, wrong=2), *rows(5)])
        assert app.here == "thing-000000"
        await pilot.pause()


# -- order


async def test_trouble_stands_first_parted_by_a_rule() -> None:
    items = [Row("a"), Row("b", wrong=1), Row("c"), Row("d", wrong=2), Row("e", wrong=1)]
    async with list_app(items) as (app, _):
        assert app.names == ["d", "b", "e", "--", "a", "c"]
        assert "nothing wrong below" in app.drawn(3)
        app.table.move_to(2)
        app.table.move_by(1)
        assert app.here == "a", "the parting is no row"
        app.table.move_by(-1)
        assert app.here == "e"


@pytest.mark.parametrize("wrong", [0, 1])
async def test_no_rule_where_all_are_alike(wrong: int) -> None:
    async with list_app([Row("a", wrong=wrong), Row("b", wrong=wrong)]) as (app, _):
        assert app.names == ["a", "b"]


def column(key: str) -> Column:
    """A column of the list."""
    return next(each for each in RowsRenderer.columns if each.key == key)


async def test_what_is_not_known_stands_last_in_both_directions() -> None:
    """Figures begin with the largest; the same column again reverses; without one the worst stands first again."""
    items = [Row("a", 2), Row("b", None, wrong=1), Row("c", 9), Row("d", None), Row("e", 0)]
    async with list_app(items) as (app, _):
        app.table.order_by(column("size"))
        assert app.names == ["c", "a", "e", "b", "d"]
        app.table.order_by(column("size"))
        assert app.names == ["e", "a", "c", "b", "d"]
        app.table.order_by(None)
        assert app.names == ["b", "--", "a", "c", "d", "e"]


async def test_names_are_ordered_by_their_words_and_numbers() -> None:
    """`orders-9` before `orders-10`, whatever the case; a number of any length is no mistake."""
    items = [Row("orders-10"), Row("Orders-9"), Row("a"), Row("orders-" + "9" * 5_000), Row("orders")]
    async with list_app(items) as (app, _):
        app.table.order_by(column("name"))
        assert [name[:9] for name in app.names] == ["a", "orders", "Orders-9", "orders-10", "orders-99"]


async def test_the_row_stays_where_nobody_moved() -> None:
    """What is ordered by is in the head with its direction, beside a title that keeps its place."""
    async with list_app(rows(200), size=(60, 24)) as (app, pilot):
        before = app.head
        app.table.order_by(column("size"))
        await pilot.pause()
        assert app.here == "thing-000000" and app.drawn(app.screen_line).startswith("▌")
        assert "↓SIZE" in app.head and app.head.replace("↓", " ") == before
        app.table.order_by(column("size"))
        app.table.order_by(column("name"))
        await pilot.pause()
        assert "NAME ↑" in app.head and app.head.replace("↑", " ") == before


async def test_a_click_on_a_title_orders_and_reverses() -> None:
    items = [Row("a", 2), Row("b", 9), Row("c", 1)]
    async with list_app(items) as (app, pilot):
        at = app.head.index("SIZE")
        for names in (["b", "a", "c"], ["c", "a", "b"]):
            await pilot.click(ColumnTitles, offset=(at, 0))
            assert app.names == names
        await pilot.click(ColumnTitles, offset=(app.head.index("NAME"), 0))
        assert app.names == ["a", "b", "c"]


def test_titles_keep_their_places_whatever_the_order_and_the_width() -> None:
    """Where a title fills its cell, the arrow stands in the gap beside it."""
    columns = (Column("n", "N", 1, right=True), Column("left", "FULL", 4), Column("right", "LETTERS", 7, right=True))
    fitted = tuple((index, each, each.width) for index, each in enumerate(columns))
    plain = "    N  FULL  LETTERS"
    for key, shown in (
        ("n", "   ↑N  FULL  LETTERS"),
        ("left", "    N  FULL↑ LETTERS"),
        ("right", "    N  FULL ↑LETTERS"),
    ):
        drawn = title_segments(fitted, GUTTER, Glyphs(), lambda tone: Style(), (key, "↑"))
        assert "".join(each.text for each in drawn) == shown
        assert shown.replace("↑", " ").rstrip() == plain
    last = title_segments(fitted[:2], GUTTER, Glyphs(ascii_only=True), lambda tone: Style(), ("left", "↓"))
    assert "".join(each.text for each in last) == "    N  FULLv"


async def test_many_rows_are_ordered_while_keys_are_answered() -> None:
    """The order is not there at once, and it is given way at least every 500 rows; the cursor keeps its row."""
    async with list_app(rows(6_000)) as (app, pilot):
        app.table.move_to(3_000)
        app.table.order_by(column("size"))
        assert app.names[0] == "thing-000000"
        app.table.move_by(1)
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert (app.names[0], app.here) == ("thing-005999", "thing-003001")
        steps = sum(each is None for each in app.table.model.arrange_in_slices(app.table.model.items))
        assert steps >= 3 * 6_000 // 500
        app.table.only(lambda thing: thing.name.endswith("1"))
        app.table.order_by(None)
        await asyncio.gather(*(worker.wait() for worker in app.workers), return_exceptions=True)
        assert (len(app.names), app.names[0], app.here) == (600, "thing-000001", "thing-003001")


async def test_n_walks_through_trouble() -> None:
    items = [Row("a"), Row("b", wrong=1), Row("c"), Row("d", wrong=1)]
    async with list_app(items) as (app, _):
        app.table.order_by(column("name"))
        app.table.move_to(0)
        assert app.table.next_trouble(1) and app.here == "b"
        assert app.table.next_trouble(1) and app.here == "d"
        assert not app.table.next_trouble(1) and app.here == "d"
        assert app.table.next_trouble(-1) and app.here == "b"


# -- marks


async def test_marks_go_by_id() -> None:
    """They survive a filter, an order and a refresh with other figures."""
    items = rows(30)
    async with list_app(items) as (app, _):
        app.table.move_to(3)
        app.table.mark()
        assert app.here == "thing-000004", "space goes on"
        app.table.mark()
        app.table.show([item.sized(1) for item in reversed(items)])
        app.table.order_by(column("size"))
        app.table.only(lambda thing: thing.name == "thing-000009")
        assert app.table.model.marks == {"thing-000003", "thing-000004"}
        assert {thing.name for thing in app.table.chosen()} == {"thing-000003", "thing-000004"}
        app.table.only(None)
        app.table.go_to("thing-000003")
        assert app.drawn(app.screen_line).startswith("▌●")


async def test_a_range_and_all() -> None:
    async with list_app(rows(10)) as (app, _):
        app.table.move_to(2)
        app.table.mark_range()
        app.table.move_to(5)
        app.table.mark_range()
        assert len(app.table.model.marks) == 4
        app.table.mark_all()
        assert len(app.table.model.marks) == 10
        app.table.only(lambda thing: thing.name.endswith("7"))
        app.table.mark_all()
        assert len(app.table.model.marks) == 9, "none of what is shown, the others keep their mark"
        assert "thing-000007" not in app.table.model.marks


async def test_a_verb_takes_the_marks_else_the_cursor() -> None:
    async with list_app(rows(4)) as (app, _):
        app.table.move_to(2)
        assert [thing.name for thing in app.table.chosen()] == ["thing-000002"]
        app.table.move_to(0)
        app.table.mark()
        assert [thing.name for thing in app.table.chosen()] == ["thing-000000"]


# -- columns


def test_columns_leave_from_the_highest_priority_on() -> None:
    for width, names in ((80, "name size note more"), (49, "name size note"), (33, "name size"), (8, "name")):
        shown = [column.key for _, column, _ in fit_columns(RowsRenderer.columns, width)]
        assert shown == names.split()


@pytest.mark.parametrize("width", range(LEAST, 120))
def test_columns_need_exactly_what_there_is(width: int) -> None:
    """The name takes what is over, and gives way where it is too little."""
    shown = fit_columns(RowsRenderer.columns, width)
    assert sum(each for _, _, each in shown) + 2 * (len(shown) - 1) == width
    assert all(each >= LEAST for _, _, each in shown)


def test_names_give_way_with_an_ellipsis() -> None:
    """Names of things in their middle: what they end with tells them apart."""
    assert align("a long name", 6, right=False) == "a lon…"
    assert shorten_middle("shop.checkout.orders.DLQ", 12) == "shop.c…s.DLQ"
    assert align("12", 6, right=True) == "    12"


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("57,312", 6, "57,312"),
        ("57,312", 5, "57312"),
        ("59,999", 4, " 59k"),
        ("9,999,999", 8, " 9999999"),
        ("9,999,999", 6, "  9.9M"),
        ("12.3k/s", 6, " 12k/s"),
        ("≥ 1,000", 6, "≥1,000"),
        ("≥ 12,345,678", 7, " ≥12.3M"),
        ("12,345,678,901", 5, "12.3G"),
        ("14.1 KiB", 6, "14 KiB"),
        ("14.1 KiB", 5, "    …"),
        ("BACKLOG", 6, "BACKL…"),
        ("118,203", 2, " …"),
    ],
)
def test_figures_are_never_cut(text: str, width: int, shown: str) -> None:
    """A figure gets a shorter form, rounded down; where none fits it says that it does not."""
    assert align(text, width, right=True) == shown


def test_wide_signs_take_two_cells() -> None:
    """A name in Chinese or with combining signs does not push the columns behind it."""
    for name in ("订单支付", "订单", "e\u0301te\u0301", "añb", "👷 worker"):
        for width in (3, 6, 9):
            assert cell_len(align(name, width, right=False)) == width, (name, width)


# -- mouse


async def test_the_mouse() -> None:
    """A click puts the cursor there, in the gutter it marks, twice it opens, on the parting it does nothing."""
    items = [Row("bad", wrong=1), *rows(15)]
    async with list_app(items) as (app, pilot):
        await pilot.click(app.table, offset=(20, 5))
        assert app.here == "thing-000003" and not app.table.model.marks and not app.opened
        await pilot.click(app.table, offset=(20, 1))
        assert app.here == "thing-000003", "the parting"
        await pilot.click(app.table, offset=(GUTTER - 3, 4))
        assert app.table.model.marks == {"thing-000002"}
        await pilot.click(app.table, offset=(20, 8), times=2)
        await pilot.pause()
        assert app.opened == ["thing-000006"]
        await pilot.click(app.table, offset=(20, 21))
        assert app.here == "thing-000006", "below the last row"


async def test_the_wheel_scrolls_and_leaves_the_cursor() -> None:
    async with list_app(rows(200)) as (app, pilot):
        await pilot._post_mouse_events([MouseScrollDown], widget=app.table, offset=(20, 5))
        await pilot.pause()
        assert app.here == "thing-000000"
        assert app.table.scroll_offset.y > 0


# -- drawing


async def test_a_lost_link_draws_last_known_figures() -> None:
    """Every cell wears the tone of what is last known; the row itself stays."""
    async with list_app(rows(3)) as (app, pilot):
        fresh = styles(app, 1)
        app.table.stale = True
        await pilot.pause()
        assert "thing-000001" in app.drawn(1)
        assert styles(app, 1) != fresh
        assert all("italic" in style for style in styles(app, 1))


def styles(app: ListApp, line: int) -> list[str]:
    cells = [segment for segment in app.table.render_line(line) if segment.text.strip()]
    return [str(segment.style) for segment in cells]


async def test_lines_are_as_wide_as_the_list() -> None:
    for width in (20, 40, 79, 80, 120, 160):
        async with list_app([Row("long" * 30, 1, wrong=1), *rows(3)], size=(width, 12)) as (app, _):
            inner = app.table.scrollable_content_region.width
            assert [app.table.render_line(line).cell_length for line in range(8)] == [inner] * 8


# -- a hundred thousand rows

MANY = 100_000
FEW = 100


def quickest(work: Callable[[], object], times: int = 5) -> float:
    """CPU seconds of the quickest of some turns: what others do on this machine is left out."""
    found = []
    for _ in range(times):
        began = thread_time()
        work()
        found.append(thread_time() - began)
    return min(found)


@pytest.mark.perf
async def test_a_repaint_costs_the_same_whatever_the_length() -> None:
    """Only the lines that are seen are drawn, whether there are 100 rows or 100,000."""
    costs: list[float] = []
    for count in (FEW, MANY):
        async with list_app(rows(count)) as (app, pilot):
            app.table.move_to(count // 2)
            await pilot.pause()
            costs.append(quickest(app.painted, 30))
    few, many = costs
    assert many <= 2 * few, f"{many * 1000:.2f} ms for {MANY:,} rows, {few * 1000:.2f} ms for {FEW}"


@pytest.mark.perf
async def test_new_figures_cost_a_few_sorts() -> None:
    """100,000 rows taken, filtered, ordered, placed: at most six times one bare sort with its index."""
    items = rows(MANY)
    async with list_app(items) as (app, pilot):
        app.table.move_to(MANY // 2)
        await pilot.pause()

        def bare() -> None:
            ordered = sorted(items, key=lambda item: -item.wrong)
            {item.name: place for place, item in enumerate(ordered)}

        loop = quickest(bare)
        mine = quickest(lambda: app.table.show(items))
        assert app.here == f"thing-{MANY // 2:06d}"
        assert mine <= 6 * loop, f"{mine * 1000:.0f} ms, a bare sort {loop * 1000:.0f} ms"


@pytest.mark.perf
async def test_a_key_costs_the_same_whatever_the_length() -> None:
    """Down, page and end on 100,000 rows cost at most twice what they cost on 100."""
    costs: list[float] = []
    for count in (FEW, MANY):
        async with list_app(rows(count), with_divider=False) as (app, pilot):
            table = app.table

            def walk(table: RowTable[Row] = table) -> None:
                for name in ("nav.top", "nav.down", "nav.page_down", "nav.bottom", "nav.up", "list.mark"):
                    table.perform(name)

            costs.append(quickest(walk, 30))
            await pilot.pause()
    few, many = costs
    assert many <= 2 * few, f"{many * 1000:.2f} ms for {MANY:,} rows, {few * 1000:.2f} ms for {FEW}"
