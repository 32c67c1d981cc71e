"""Tables: aligned where they are piped, one line a row at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rich.cells import cell_len

from mqtui.cli import output
from mqtui.cli.output import Output
from mqtui.cli.table import Columns, TableLayout
from mqtui.services.plan_text import TEXT_COLUMN, PlanRow, RowKind
from tests.cli.command_line import Mqtui
from tests.terminal import Terminal

TITLES = ("NAME", "KIND", "LETTERS", "ERROR", "FIRST")
ROWS = [
    ("orders.DLQ", "topic", "≈ 31", "PaymentTimeout: payments did not answer within # ms", "2026-11-30 10:20:23"),
    ("work.invoices.dlq", "topic exchange", "1,234,567", "世界" * 30, "2026-11-30 12:07:54"),
]


def lines(room: int | None, *, ascii_only: bool = False) -> tuple[list[str], list[str]]:
    columns = Columns(TITLES, right=(2,), first_to_go=("FIRST", "KIND", "ERROR"))
    shown = Output(ascii_only=ascii_only)._to_printable
    table = TableLayout(columns, shown, ascii_only=ascii_only, room=room)
    return table.lines(ROWS), table.left_out


def test_a_pipe_gets_all() -> None:
    told, left_out = lines(None)
    assert left_out == []
    assert all(cell in line for line, row in zip(told[1:], ROWS, strict=True) for cell in row)


@pytest.mark.parametrize("ascii_only", [False, True])
def test_a_row_is_one_line_at_every_width(ascii_only: bool) -> None:
    figures = ("~ 31" if ascii_only else "≈ 31", "1,234,567")
    for room in range(4, 200):
        told, left_out = lines(room, ascii_only=ascii_only)
        assert len(told) == 1 + len(ROWS)
        assert max(map(cell_len, told)) <= room
        if room < 45:
            continue
        assert [title for title in TITLES if title in told[0]] == [title for title in TITLES if title not in left_out]
        for line, row, figure in zip(told[1:], ROWS, figures, strict=True):
            assert figure in line, "no figure is cut"
            assert row[0] in line, "no short name is cut"
            assert row[4] in line or "FIRST" in left_out, "no time is cut"


def test_text_is_cut_before_columns_leave() -> None:
    told, left_out = lines(90)
    assert left_out == []
    assert "PaymentTimeout: paym" in told[1]
    assert "…" in told[1]
    assert lines(70)[1] == ["FIRST"]


def test_a_name_keeps_both_ends() -> None:
    table = TableLayout(Columns(("NAME", "N"), right=(1,)), str, ascii_only=False, room=40)
    name = "prod.shop.eu-central-1.orders.retry.dead-letters"
    (_, line) = table.lines([(name, 1)])
    assert line.startswith("prod.shop.")
    assert line.endswith("dead-letters  1")


def test_a_later_part_finds_the_same_columns() -> None:
    table = TableLayout(Columns(("NAME", "A", "B"), first_to_go=("B", "A")), str, ascii_only=False, room=44)
    table.lines([("x" * 20, "b" * 12, "c" * 12)])
    assert table.left_out == ["B"]
    assert all(cell_len(line) <= 44 for line in table.lines([("y" * 60, "a" * 60, "no")]))
    assert table.left_out == ["B"]


@pytest.mark.parametrize("room", [None, 40])
def test_a_long_line_of_a_plan_goes_on_below_itself(
    room: int | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "terminal_columns", lambda: room)
    line = PlanRow(RowKind.DETAIL, "promise", "exactly once for read_committed readers of this cluster", "promise").line
    Output().paragraph(line, TEXT_COLUMN)
    told = capsys.readouterr().out.splitlines()
    assert " ".join(" ".join(told).split()) == " ".join(line.split())
    if room is None:
        assert told == [line]
    else:
        assert [each[: TEXT_COLUMN + 1].strip() for each in told] == ["promise    e", "r", "t"]
        assert max(map(len, told)) <= room


@contextmanager
def at_terminal(mqtui: Mqtui, size: tuple[int, int], *words: str) -> Iterator[Terminal]:
    with Terminal([sys.executable, "-m", "mqtui", *words], mqtui.environment(), size) as terminal:
        terminal.ended()
        terminal.catch_up()
        yield terminal


def test_a_terminal_of_40_columns(mqtui: Mqtui) -> None:
    for name in ("one", "two"):
        mqtui("profile", "add", name, "kafka://a-rather-long-host-name.example.com:9092").ok()
    with at_terminal(mqtui, (40, 10), "profile", "list") as terminal:
        shown = [row.rstrip() for row in terminal.screen.display]
    assert shown[0].split()[0] == "NAME"
    assert shown[1].startswith("one")
    assert shown[2].startswith("two")
