"""Payloads as lines: exact numbers, tame signs, large values, wrapped lines, text taken by the mouse."""

from __future__ import annotations

import asyncio
import gzip
import json
from time import monotonic

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Offset as Cell
from textual.selection import Selection

from mqtui.domain.message import Message, Offset
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.services.conventions import load_for_profile
from mqtui.ui import theme
from mqtui.ui.render.messages.messages import MessageRenderer
from mqtui.ui.render.messages.payload import Document, PlainText, WrappedRows
from mqtui.ui.render.messages.payload_forms import render_value
from mqtui.ui.render.messages.payload_json import JsonText
from mqtui.ui.widgets.message_detail import MessageDetailPane
from mqtui.ui.widgets.message_list import MessageList, MessageRowModel
from mqtui.ui.widgets.payload_view import PayloadView
from tests.memory import MemoryWorld
from tests.ui.destination_console import message, open_destination

ORDERS = Ref(Kind.TOPIC, "orders")
MEGABYTE = 1024 * 1024


def whole(document: Document) -> list[str]:
    """All lines."""
    document.grow(10**9)
    return [document.text(number) for number in range(len(document))]


def record(number: int, value: bytes | None = b"{}", key: bytes = b"u7") -> Message:
    """A record of the topic."""
    return Message(ORDERS, Offset(0, number), value, key, timestamp=1_795_475_000_000 + number)


@pytest.mark.parametrize(
    "text",
    [
        '{"a":12345678901234567890.10,"b":1.0e+5,"c":[1,2,{"d":null}],"e":"x, {y} \\" \\\\","f":{},"g":[]}',
        '[{"id":1},{"id":2}]',
        '"a text"',
        "7.250",
        ' { "a" : [ 1 , 2 ] } ',
        '{"cut":[1,2,',
    ],
)
def test_json_keeps_every_sign_but_blanks(text: str) -> None:
    """Indents and blanks are all that is added or taken."""
    shown = "".join(whole(JsonText(text)))
    assert "".join(shown.split()) == "".join(text.split())


def test_json_is_coloured_by_token() -> None:
    """Keys, strings, numbers and literals have tones of their own."""
    document = JsonText('{"id":175509,"user":"u3","gone":null}')
    document.grow(100)
    pieces = [piece for number in range(len(document)) for piece in document.line(number)]
    for text, tone in (('"id"', "accent"), ("175509", "warn"), ('"u3"', "ok"), ("null", "dead")):
        assert (text, tone) in pieces


def test_json_agrees_with_a_parser_on_much() -> None:
    """A thousand nested objects come back the same."""
    given = [{"id": number, "in": {"a": [number, {"b": 'x"{' * 9}]}} for number in range(1_000)]
    assert json.loads("\n".join(whole(JsonText(json.dumps(given, separators=(",", ":")))))) == given


def test_control_signs_are_pictures() -> None:
    """No escape sequence reaches the terminal, and no sign that turns the direction."""
    lines = whole(PlainText("\x1b[2Jred\x07\x9b31m\u202etxt\r\ntab\there\x7f"))
    assert lines == ["␛[2Jred␇<U+009B>31m<U+202E>txt", "tab    here␡"]


@pytest.mark.parametrize("text", ["", "one", "two\nlines\n", "a" * 9_500])
def test_text_by_its_line_ends(text: str) -> None:
    """Every line end is one, and lines over 4,000 signs are broken."""
    lines = whole(PlainText(text))
    assert "".join(lines) == text.replace("\n", "")
    assert max(map(len, lines)) <= 4_000


def test_wrapped_rows_hold_all_of_wide_signs() -> None:
    """Wide signs take two cells; nothing is lost at the edge."""
    text = "注文" * 40 + "x" * 33
    rows = WrappedRows(PlainText(text), 20)
    rows.grow(100)
    assert "".join(piece for number in range(len(rows)) for piece, _ in rows.cells(number)) == text
    assert len(rows) == 10


def test_layers_are_taken_off_and_told() -> None:
    """A packed value is shown unpacked, and the report says what was tried; a sealed one says that no key was given."""
    found = render_value(record(1, gzip.compress(b'{"a":1.10}')), "auto")
    assert found.codec == "gzip+json"
    assert '  "a": 1.10' in whole(found.document)
    large = render_value(record(1, gzip.compress(b'{"a":"%s"}' % (b"x" * 2 * MEGABYTE))), "auto")
    assert large.codec == "gzip+json"
    odd = render_value(record(1, b"\xff\xfe\0"), "auto")
    assert odd.codec == "binary"
    assert whole(odd.document)[0].startswith("00000000  ff fe 00")


def test_the_ring_drops_the_oldest_and_counts() -> None:
    """Bounded by number and by bytes; rows keep their places by position."""
    lines = MessageRowModel(MessageRenderer(BrokerKind.KAFKA), with_divider=False, most=1_000)
    for start in range(0, 2_500, 100):
        lines.append([record(number) for number in range(start, start + 100)])
    assert (len(lines.shown), lines.dropped) == (1_000, 1_500)
    assert lines.line_of(Offset(0, 1_500)) == 0
    assert lines.line_of(Offset(0, 2_499)) == 999
    assert lines.line_of(Offset(0, 1_499)) is None
    small = MessageRowModel(MessageRenderer(BrokerKind.KAFKA), with_divider=False, most_bytes=100_000)
    small.append([record(number, b"x" * 10_000) for number in range(50)])
    assert small.held <= 100_000
    assert small.dropped == 50 - len(small.items)


def test_a_filtered_ring_drops_what_is_shown_too() -> None:
    """With a filter only wanted rows are shown, and their places stay right when old ones go."""
    lines = MessageRowModel(MessageRenderer(BrokerKind.KAFKA), with_divider=False, most=100)
    lines.wanted = lambda item: isinstance(item.position, Offset) and item.position.offset % 10 == 0
    for start in range(0, 300, 50):
        lines.append([record(number) for number in range(start, start + 50)])
    assert [str(item.position) for item in lines.shown if isinstance(item, Message)] == [
        f"0/{number}" for number in range(200, 300, 10)
    ]
    assert lines.line_of(Offset(0, 210)) == 1


class Alone(App[None]):
    """One message list, or one text."""

    def __init__(self, widget: MessageList | PayloadView | MessageDetailPane) -> None:
        self.shipped = theme.load().known[theme.DEFAULT].textual()
        super().__init__()
        self.widget = widget
        self.register_theme(self.shipped)
        self.theme = theme.DEFAULT

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return self.shipped.variables

    def compose(self) -> ComposeResult:
        yield self.widget


async def test_a_hundred_thousand_rows_stay_fast() -> None:
    """Taking, moving through and filtering 100,000 rows never holds the loop for long."""
    table = MessageList(MessageRenderer(BrokerKind.KAFKA))
    app = Alone(table)
    async with app.run_test(size=(100, 30)) as pilot:
        for start in range(0, 100_000, 1_000):
            batch = [record(number, b'{"id":%d}' % number) for number in range(start, start + 1_000)]
            await table.take(batch)
        await table.settle()
        assert table.model.count == 100_000
        began = monotonic()
        for key in ("nav.bottom", "nav.page_up", "nav.top", "nav.page_down"):
            table.perform(key)
            await pilot.pause()
        moving = monotonic() - began
        longest = await longest_hold(table, lambda: table.only(lambda item: item.value == b'{"id":777}'), 1)
        assert table.model.count == 1
    assert moving < 2.0
    assert longest < 0.25


async def longest_hold(table: MessageList, act: object, rows: int) -> float:
    """The longest time the loop did not turn while the list came down to so many rows."""
    assert callable(act)
    longest, last, deadline = 0.0, monotonic(), monotonic() + 20
    act()
    while table.model.count != rows:
        assert monotonic() < deadline
        await asyncio.sleep(0)
        now = monotonic()
        longest, last = max(longest, now - last), now
    return longest


@pytest.mark.parametrize("line_ends", [True, False])
async def test_a_message_of_20_mb_opens_without_freezing(line_ends: bool) -> None:
    """Its first lines are there at once, the rest is laid out in the background, keys are answered meanwhile."""
    row = json.dumps({"id": 1, "text": "x" * 200, "in": [1, 2, 3]}).encode()
    rows = b",".join([row] * (20 * MEGABYTE // len(row)))
    value = b"[" + rows + b"]" if line_ends else b'{"a":"' + b"y" * 20 * MEGABYTE + b'"}'
    pane = MessageDetailPane(load_for_profile().conventions)
    async with Alone(pane).run_test(size=(100, 30)):
        pane.show(record(1, value), "orders 0/1")
        longest, last, deadline = 0.0, monotonic(), monotonic() + 60
        while pane.look is None or not (pane.value.complete or len(pane.value.document) >= 50_000):
            assert monotonic() < deadline
            await asyncio.sleep(0)
            now = monotonic()
            longest, last = max(longest, now - last), now
        assert pane.look.codec == "json"
    assert longest < 1.0


async def test_dragged_text_has_no_borders_and_no_wraps() -> None:
    """A line that was wrapped is copied as one line, from the first sign dragged over to the last."""
    view = PayloadView()
    async with Alone(view).run_test(size=(24, 10)) as pilot:
        view.show(PlainText("first line\n" + "0123456789" * 5 + "\nlast"))
        view.toggle_wrap()
        await pilot.pause()
        taken = view.get_selection(Selection.from_offsets(Cell(6, 0), Cell(4, 4)))
        assert taken == ("line\n" + "0123456789" * 5 + "\nlast", "\n")


async def test_the_mouse_selects_in_the_detail() -> None:
    """Dragging over the value selects its text, and only that."""
    world = MemoryWorld()
    server = world.kafka()
    ref = server.make("orders")
    server.put(message(ref, b'{"id":1,"user":"u7"}', b"u7"))
    async with open_destination(world, "kafka://memory:9092", ref) as opened:
        await opened.see('"user": "u7"')
        region = opened.screen.query_one("#value").content_region
        await opened.pilot.mouse_down(offset=(region.x + 2, region.y + 1))
        await opened.pilot.hover(offset=(region.x + 8, region.y + 2))
        await opened.pilot.mouse_up(offset=(region.x + 8, region.y + 2))
        await opened.until(lambda: opened.screen.get_selected_text(), "the selection")
        assert opened.screen.get_selected_text().startswith('"id": 1,\n  "user')
