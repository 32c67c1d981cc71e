"""The filter language of lists: what it finds, and what it says of a mistake."""

from __future__ import annotations

from time import perf_counter

import pytest

from mqtui.domain.message import EntryId
from mqtui.ui.navigation.filters import compile_filter, unknown_columns
from mqtui.ui.render.destinations.destinations import DestinationRenderer
from mqtui.ui.render.destinations.groups import GroupRenderer
from mqtui.ui.render.table_model import Column, Measure
from tests.ui.list_app import Row, RowsRenderer

ROWS = [Row("orders", 57_312, 1), Row("orders.DLQ", 31, 2), Row("Payments", None), Row("a b", 0)]


@pytest.mark.parametrize(
    ("text", "names"),
    {
        "": ["orders", "orders.DLQ", "Payments", "a b"],
        "ord": ["orders", "orders.DLQ"],
        "ORD": [],
        "DLQ": ["orders.DLQ"],
        "payments": ["Payments"],
        "Payments": ["Payments"],
        "ord dlq": ["orders.DLQ"],
        "!ord": ["Payments", "a b"],
        "ord !dlq": ["orders"],
        '"a b"': ["a b"],
        '~"^ord.*s thing$"': ["orders"],
        "~ord\\w+\\.dlq": ["orders.DLQ"],
        '!"a b" !ord': ["Payments"],
        "don't": [],
        "~^PAY": [],
        "size>1k": ["orders"],
        "size>=31": ["orders", "orders.DLQ"],
        "size<32": ["orders.DLQ", "a b"],
        "size=0": ["a b"],
        "!size>=0": ["Payments"],
        "is:dead": ["orders.DLQ"],
        "is:stuck": ["orders"],
        "name:dlq": ["orders.DLQ"],
        "name=payments": ["Payments"],
        "!name=payments": ["orders", "orders.DLQ", "a b"],
        "size:?": ["Payments"],
        "size:,": ["orders"],
        "orders:dlq": [],
        "size<0.031k": ["a b"],
        "size=57,312": ["orders"],
        '"size>1k"': [],
        "!": ["orders", "orders.DLQ", "Payments", "a b"],
        '"open': [],
    }.items(),
)
def test_the_filter(text: str, names: list[str]) -> None:
    wanted = compile_filter(text, RowsRenderer())
    assert not wanted.mistake
    assert [row.name for row in ROWS if wanted.test is None or wanted.test(row)] == names


@pytest.mark.parametrize(
    ("text", "said"),
    {
        "~(": "Not a regular expression",
        "is:odd": "is:odd is not known: there are is:dead, is:stuck, is:wrong",
        "size>much": "size>much takes size>100, size>1k",
        "size>": "size>… takes size>100, size>1k",
        "!size>": "size>… takes size>100, size>1k",
        "name>5": "name is text: name:part of it, name=all of it",
        "name:": "name: what it shows, as name:text",
        "lag>1k": 'no column lag here: there are name, size, note, more; "lag>1k" in quotes is text',
        "ziz>1": 'no column ziz here: there are size, name, note, more; "ziz>1" in quotes is text',
    }.items(),
)
def test_a_mistake_in_a_filter_says_what_is_allowed(text: str, said: str) -> None:
    found = compile_filter(f"orders {text} !dlq", RowsRenderer())
    assert found.mistake.startswith(said)
    assert found.text == "orders !dlq" and found.test is not None and found.test(ROWS[0]) and not found.test(ROWS[1])


def test_a_word_that_names_no_column_is_text_and_that_is_said() -> None:
    """`orders:dlq` is a name too."""
    assert unknown_columns("nome:dlq", RowsRenderer()) == "nome:dlq is text; columns: note, name, more, size"
    assert unknown_columns("name:dlq is:dead orders", RowsRenderer()) == ""


class MeasuredRows(RowsRenderer):
    """Rows whose values are of every measure: a cell shows what it is given."""

    columns = (
        Column("letters", "DEAD LETTERS", 8, measure=Measure.COUNT),
        Column("in", "IN/s", 8, measure=Measure.RATE),
        Column("bytes", "SIZE", 8, measure=Measure.BYTES),
        Column("deliveries", "DELIV.", 8, right=True),
        Column("idle", "IDLE", 8, measure=Measure.DURATION),
        Column("when", "WHEN", 8, measure=Measure.TIME),
        Column("at", "COMMITTED", 8, measure=Measure.POSITION),
    )

    def __init__(self, **values: object) -> None:
        self.values = values

    def value(self, item: Row, key: str) -> object:
        return self.values.get(key)


@pytest.mark.parametrize(
    ("text", "values", "passes"),
    [
        ("dead-letters>0", {"letters": 1}, True),
        ("deadletters>0", {"letters": 1}, True),
        ("letters>0", {"letters": 0}, False),
        ("in/s>5", {"in": 5.5}, True),
        ("in/s>=3/min", {"in": 0.05}, True),
        ("in=0", {"in": 0.0}, True),
        ("size>=4KiB", {"bytes": 4096}, True),
        ("size<4k", {"bytes": 4096}, False),
        ("deliv>=5", {"deliveries": 5}, True),
        ("deliv.>=5", {"deliveries": 4}, False),
        ("idle>2h", {"idle": 7_201.0}, True),
        ("idle>90", {"idle": 90.0}, False),
        ("when>2026-11-24", {"when": 1_796_000_000_000}, True),
        ("when<-1m", {"when": 0}, True),
        ("committed>=118203", {"at": 118_203}, True),
        ("committed>1-5", {"at": EntryId(2, 0)}, True),
        ("committed>118203", {"at": EntryId(2, 0)}, False),
        ("idle>0", {"idle": None}, False),
    ],
)
def test_a_column_is_compared_as_it_is_shown(text: str, values: dict[str, object], passes: bool) -> None:
    wanted = compile_filter(text, MeasuredRows(**values)).test
    assert wanted is not None and wanted(Row("a")) is passes


def test_the_words_of_the_manual_work_on_both_lists() -> None:
    """What is behind is a group's lag and a destination's backlog: each list knows both words."""
    for renderer in (DestinationRenderer("▁█"), GroupRenderer("▁█")):
        for text in ("lag>1k", "backlog>1k", "!lag>=0", "kind:queue", "is:dead"):
            assert compile_filter(text, renderer).test is not None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("~(?=a)b", "look-around"),
        ("~(?<!a)b", "look-around"),
        (r"~(a)\1", "back-references"),
        ("~(?P<n>a)(?P=n)", "back-references"),
        ("~(?>a)b", "atomic groups"),
        ("~a++b", "possessive repetition"),
        ("~[", "missing ]"),
        ("~a{1001}", "invalid repetition size"),
    ],
)
def test_what_has_no_linear_time_is_named(text: str, words: str) -> None:
    assert words in compile_filter(text, RowsRenderer()).mistake


def test_a_filter_takes_time_by_the_length_of_its_text_only() -> None:
    rows = [Row("a" * 20_000 + "!") for _ in range(10)]
    for text in ("~(a+)+$", "~(a|aa)+$", "~(a*)*b", "~(.*a){12}$"):
        wanted = compile_filter(text, RowsRenderer()).test
        assert wanted is not None
        started = perf_counter()
        assert not any(wanted(row) for row in rows)
        assert perf_counter() - started < 2.0
