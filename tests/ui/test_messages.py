"""What a person sees of messages: rows, the detail, following, filtering, copying, exporting."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from mqtui.brokers.port import Batch
from mqtui.domain.resource import Ref
from mqtui.ui.screens.messages.message_source import MessageSource
from mqtui.ui.screens.messages.messages import MessagesScreen
from tests.memory import MemoryKafka, MemoryWorld
from tests.ui.destination_console import NARROW, message, open_destination, order

TARGET = "kafka://memory:9092"


def orders(world: MemoryWorld, count: int) -> tuple[MemoryKafka, Ref]:
    """A topic with some orders."""
    server = world.kafka()
    ref = server.make("orders")
    for number in range(count):
        server.put(order(ref, number, user=number % 5))
    return server, ref


async def test_the_newest_is_under_the_cursor_and_beside() -> None:
    """The last row has the cursor; beside it stand its value with every digit, its headers, and what they may be."""
    world = MemoryWorld()
    _, ref = orders(world, 40)
    async with open_destination(world, TARGET, ref) as opened:
        await opened.see('"id": 39,', '"amount": 12.50,', '"items": ["lamp"]', "trace-id  4bf92f", "7 if int32")
        assert any(line.startswith("▌") and "u4" in line for line in opened.picture)
        assert "40" in opened.picture[2]


async def test_what_has_no_value_or_no_text_is_a_row() -> None:
    """A tombstone says so; bytes that are no text stand in hex with their size and a question mark."""
    world = MemoryWorld()
    server = world.kafka()
    ref = server.make("orders")
    server.put(message(ref, None, b"u44"))
    server.put(message(ref, b"\xff\xfe\0raw", b"\0k"))
    server.put(message(ref, b"\x1b]0;gotcha\x07 text", b"k"))
    async with open_destination(world, TARGET, ref) as opened:
        await opened.see("(tombstone)", "ff fe 00 72 61 77", "hex 6 B", "␛]0;gotcha␇ text")
        assert any(line[2:3] == "?" and "␀k" in line for line in opened.picture)
        assert not any("\x1b" in line for line in opened.picture)


async def test_narrow_shows_the_detail_instead_of_the_list() -> None:
    """At 80 columns `d` puts the detail in the list's place, J and K walk, `esc` leads back to the same row."""
    world = MemoryWorld()
    _, ref = orders(world, 30)
    async with open_destination(world, TARGET, ref, NARROW) as opened:
        await opened.until(lambda: opened.screen.table.model.count == 30)
        assert '"id": 29' not in opened.text
        await opened.press("d")
        await opened.see('"id": 29,')
        assert "VALUE" not in opened.text
        await opened.press("K")
        await opened.see('"id": 28,')
        await opened.press("escape")
        await opened.see("VALUE")
        assert opened.screen.table.cursor == 28


async def test_following_sticks_to_the_end_and_a_move_holds_it() -> None:
    """New rows come under the cursor; a key up holds the view and counts what comes below; `G` goes on."""
    world = MemoryWorld()
    server, ref = orders(world, 10)
    async with open_destination(world, TARGET, ref) as opened:
        await opened.until(lambda: opened.screen.table.model.count == 10)
        await opened.press("t")
        await opened.see("▼ following")
        server.put(order(ref, 100))
        await opened.see('"id": 100,')
        await opened.press("k")
        await opened.see("held")
        server.put(order(ref, 101))
        server.put(order(ref, 102))
        await opened.see("2 new below")
        assert '"id": 102,' not in opened.text
        await opened.press("G")
        await opened.see("▼ following", '"id": 102,')
        await opened.press("f")
        await opened.see("held")
        await opened.press("t")
        await opened.until(lambda: not opened.screen.table.following)


async def test_row_detail_and_prompt_line_speak_of_one_message() -> None:
    """At every paint while new ones come, also of large ones, whose value comes later."""
    world = MemoryWorld()
    server, ref = orders(world, 10)
    painted: set[tuple[str, ...]] = set()
    async with open_destination(world, TARGET, ref) as opened:
        await opened.until(lambda: opened.screen.table.model.count == 10)

        def note() -> None:
            item, detail = opened.screen.table.current, opened.screen.detail_pane
            titled, told = detail.head.name_shown.split()[1], opened.line.split(":")[0]
            painted.add((str(item.position), str(detail.message.position), titled, told))
            opened.user.painted.set()

        opened.console.post_display_hook = note  # type: ignore[method-assign]  # made for this
        await opened.press("t")
        await opened.see("▼ following")
        for number in range(10, 16):
            server.store(order(ref, number) if number % 2 else message(ref, b'{"large": "' + b"x" * 300_000 + b'"}'))
            await opened.see(f"0/{number}: ")
    assert len(painted) > 5
    assert [each for each in painted if len(set(each)) > 1] == []


async def test_no_row_is_under_the_cursor_before_the_newest_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a first reading goes on its rows are in sight; at its end the newest has the cursor, unless a key chose."""
    read = MessageSource.read
    gate = asyncio.Event()

    async def slowly(source: MessageSource) -> AsyncGenerator[Batch]:
        async for batch in read(source):
            yield batch[:30]
            await gate.wait()
            yield batch[30:]

    monkeypatch.setattr(MessageSource, "read", slowly)
    world = MemoryWorld()
    _, ref = orders(world, 40)
    async with open_destination(world, TARGET, ref) as opened:
        await opened.see('"id":29,')
        assert opened.screen.table.current is None and '"id":0,' not in opened.text
        gate.set()
        await opened.until(lambda: opened.screen.table.current is not None)
        assert '"id": 39,' in opened.text
        gate.clear()
        await opened.press("r", "k", "k")
        gate.set()
        await opened.until(lambda: not opened.screen.is_reading)
        await opened.see('"id": 37,')
    gate.clear()
    async with open_destination(world, TARGET, ref) as opened:
        await opened.see('"id":29,')
        await opened.press("k")
        gate.set()
        await opened.until(lambda: opened.screen.table.model.count == 40)
        await opened.see('"id": 29,')


async def test_a_message_that_left_the_list_is_struck_through() -> None:
    """Dropped because others came, or not there when it is read again: row, detail and line say so until a key."""
    world = MemoryWorld()
    server, ref = orders(world, 10)
    async with open_destination(world, TARGET, ref) as opened:
        await opened.until(lambda: opened.screen.table.model.count == 10)
        table = opened.screen.table
        await opened.press("t")
        await opened.see("▼ following")
        await opened.press("k", "k")
        kept = table.current.position
        table.model.most = 20
        for number in range(100, 130):
            server.put(order(ref, number))
        await opened.until(lambda: table.is_gone, "the row is dropped")
        await opened.see(f"orders {kept} · gone", "is not in the list any more", "▌ ✗ ")
        assert (table.current.position, table.model.count) == (kept, 20)
        await opened.press("P")
        await opened.until(lambda: type(opened.screen).__name__ == "PublishScreen")
        await opened.press("escape")
        await opened.until(lambda: opened.screen.table is table)
        await opened.press("j")
        await opened.until(lambda: not table.is_gone and " · gone" not in opened.text)
        assert table.cursor == 0


async def test_what_came_before_following_began_is_not_left_out() -> None:
    """Messages between the first read and `t` are there, each once."""
    world = MemoryWorld()
    server, ref = orders(world, 10)
    async with open_destination(world, TARGET, ref) as opened:
        await opened.until(lambda: opened.screen.table.model.count == 10)
        for number in range(5):
            server.put(order(ref, 200 + number))
        await opened.press("t")
        await opened.until(lambda: opened.screen.table.model.count == 15)
        server.put(order(ref, 300))
        await opened.until(lambda: opened.screen.table.model.count == 16)
        values = [item.value for item in opened.screen.table.model.items]
        assert len(set(values)) == 16


async def test_filter_marks_and_esc() -> None:
    """A filter works on what is loaded, the rule counts it, marks survive it, `esc` clears it."""
    world = MemoryWorld()
    _, ref = orders(world, 25)
    async with open_destination(world, TARGET, ref) as opened:
        await opened.until(lambda: opened.screen.table.model.count == 25)
        await opened.press("space")
        await opened.press("slash", *'"u3"', "enter")
        await opened.see("5 of 25 shown", "1 marked, 1 not shown")
        await opened.press("escape")
        await opened.until(lambda: opened.screen.table.model.count == 25)


async def test_older_messages_are_read_from_the_top(monkeypatch: pytest.MonkeyPatch) -> None:
    """`g` goes to the top; pressed there again it reads ten times as many, and the cursor keeps its row."""
    monkeypatch.setattr("mqtui.ui.screens.messages.message_source.INITIAL_COUNT", 10)
    world = MemoryWorld()
    _, ref = orders(world, 60)
    async with open_destination(world, TARGET, ref) as opened:
        await opened.see("newest 10 of 60")
        await opened.press("g")
        first = opened.screen.table.current.position
        await opened.press("g")
        await opened.until(lambda: opened.screen.table.model.count == 60)
        await opened.until(lambda: opened.screen.table.current.position == first)


async def test_two_keys_copy_however_fast() -> None:
    """`yy` copies the value as it is stored, `yp` the position, `yc` the command, `yr` what `:` takes."""
    world = MemoryWorld()
    _, ref = orders(world, 3)
    async with open_destination(world, TARGET, ref) as opened:
        await opened.until(lambda: opened.screen.table.model.count == 3)
        item = opened.screen.table.current
        await opened.press("y", "y")
        await opened.see("value copied by the terminal (OSC 52)")
        assert opened.console.clipboard == item.value.decode()
        await opened.press("y", "c")
        await opened.see("command copied")
        words = opened.console.clipboard.split()
        assert words[:4] == ["mqtui", "peek", TARGET, "orders"]
        assert str(item.position) in words
        await opened.press("y", "x")
        await opened.see("nothing copied")
        await opened.press("y", "h")
        await opened.until(lambda: "trace-id: 4bf92f" in opened.console.clipboard)


async def test_export_writes_a_file_for_its_owner(tmp_path: Path) -> None:
    """`x` asks for a file, writes the rows shown as JSON lines with 0600, and writes over nothing."""
    world = MemoryWorld()
    _, ref = orders(world, 4)
    file = tmp_path / "out.jsonl"
    async with open_destination(world, TARGET, ref) as opened:
        await opened.until(lambda: opened.screen.table.model.count == 4)
        for _ in range(2):
            await opened.press("x")
            await opened.see("export to")
            opened.screen.prompt_line.query_one("#entry").value = str(file)
            await opened.press("enter")
            await opened.until(lambda: "bytes in" in opened.line or "is there already" in opened.line)
        assert "is there already" in opened.line
    rows = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert [json.loads(row["value"])["id"] for row in rows] == [0, 1, 2, 3]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    async with open_destination(world, TARGET, ref) as opened:
        await opened.until(lambda: opened.screen.table.model.count == 4)
        await opened.press("x")
        await opened.see("export to")
        opened.screen.prompt_line.query_one("#entry").value = str(tmp_path / "out.csv")
        await opened.press("enter")
        await opened.until(lambda: "bytes in" in opened.line)
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 5


async def test_ways_of_looking() -> None:
    """`i` goes through text, hex and base64, `.` in the detail through headers and the report, `z` shows one pane."""
    world = MemoryWorld()
    _, ref = orders(world, 2)
    async with open_destination(world, TARGET, ref) as opened:
        await opened.see('"id": 1,')
        await opened.press("i")
        await opened.see('{"id":1,"user":"u1"')
        await opened.press("i")
        await opened.see("00000000  7b 22 69 64")
        await opened.press("i")
        await opened.see("eyJpZCI6MSwi")
        await opened.press("i", "tab", "full_stop", "full_stop")
        await opened.see("✓ json", "what was tried")
        await opened.press("comma", "comma", "escape", "z")
        await opened.until(lambda: not opened.screen.detail_shown)
        await opened.press("escape")
        await opened.until(lambda: opened.screen.detail_shown)


async def test_an_empty_topic_says_so_and_a_lost_broker_leaves_the_rows() -> None:
    """Nothing is never a blank pane; where a second read fails the rows stay, dim, and the line says why."""
    world = MemoryWorld()
    server = world.kafka()
    empty = server.make("empty")
    async with open_destination(world, TARGET, empty) as opened:
        await opened.see("no messages: empty is empty")
    _, ref = orders(world, 3)
    async with open_destination(world, TARGET, ref) as opened:
        await opened.until(lambda: opened.screen.table.model.count == 3)
        server.faults.unreachable = True
        await opened.press("r")
        await opened.see("The broker does not answer")
        assert opened.screen.table.stale
        assert opened.screen.table.model.count == 3
        server.faults.unreachable = False
        await opened.press("r")
        await opened.until(lambda: not opened.screen.table.stale)


async def test_capital_letters_say_why_they_are_dim() -> None:
    """On a topic without letters R has a reason, E comes later."""
    world = MemoryWorld()
    _, ref = orders(world, 3)
    async with open_destination(world, TARGET, ref) as opened:
        assert isinstance(opened.screen, MessagesScreen)
        await opened.press("E")
        await opened.see("edit: not in this version")
        await opened.press("o")
        await opened.see("messages stand in the order they lie in")


async def test_a_filter_whose_expression_has_no_end_in_other_engines_is_answered_at_once() -> None:
    """A backtracking engine would try 2^45 ways: the keys after it are answered, and the filter holds."""
    world = MemoryWorld()
    server, ref = orders(world, 3)
    server.put(message(ref, b"{}", b"a" * 45 + b"!"))
    async with open_destination(world, TARGET, ref) as opened:
        await opened.until(lambda: opened.screen.table.model.count == 4)
        await opened.press("slash", *"~(a+)+$")
        await opened.until(lambda: opened.screen.table.model.count == 0, "no row fits")
        await opened.press("escape")
        await opened.until(lambda: opened.screen.table.model.count == 4, "all rows are back")
