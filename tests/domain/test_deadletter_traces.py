"""Roots of stack traces."""

import pytest

from mqtui.domain.stack_trace import RootException, find_root, split_heading
from tests.domain.dead_letters import TRACE

PYTHON = """Traceback (most recent call last):
  File "/usr/lib/python3.11/asyncio/base.py", line 7, in run
    step()
  File "/app/billing.py", line 41, in handle
    raise ValueError("no amount")
ValueError: no amount
"""


def test_the_last_cause_is_the_root_and_libraries_are_no_own_frames() -> None:
    assert find_root(TRACE) == RootException(
        "shop.billing.SchemaMismatch", 'field "amount" missing', "shop.billing.Parser.parse(Parser.java:88)"
    )


def test_causes_inside_suppressed_exceptions_are_not_the_root() -> None:
    trace = (
        "shop.A: outer\n\tat shop.A.run(A.java:1)\n\tSuppressed: shop.S: s\n\t\tat shop.S.close(S.java:1)\n"
        "\tCaused by: shop.T: t\n\t\tat shop.T.x(T.java:1)\n"
    )
    assert find_root(trace) == RootException("shop.A", "outer", "shop.A.run(A.java:1)")


def test_a_message_of_several_lines_ends_at_the_first_frame() -> None:
    found = find_root("shop.Bad: one\n two\n\tat shop.X.y(X.java:1)\n")
    assert found == RootException("shop.Bad", "one\n two", "shop.X.y(X.java:1)")


def test_only_library_frames_give_the_first_of_them() -> None:
    found = find_root("java.lang.NullPointerException\n\tat java.base/java.util.Objects.x(Objects.java:2)\n")
    assert found == RootException("java.lang.NullPointerException", "", "java.base/java.util.Objects.x(Objects.java:2)")


def test_a_cause_without_frames_and_a_trace_cut_off() -> None:
    assert find_root("shop.A: a\n\tat shop.A.b(A.java:1)\nCaused by: shop.B: b") == RootException("shop.B", "b")
    assert find_root("shop.A: a\n\tat shop.A.b(A.java:1)\nCaused by: ") is None


def test_dotnet_frames_are_indented_by_blanks() -> None:
    trace = (
        "System.InvalidOperationException: no stock\n   at System.Linq.First()\n   at Shop.Billing.Handle(Order o)\n"
    )
    assert find_root(trace) == RootException(
        "System.InvalidOperationException", "no stock", "Shop.Billing.Handle(Order o)"
    )


def test_python_prints_the_root_last() -> None:
    assert find_root(PYTHON) == RootException("ValueError", "no amount", 'File "/app/billing.py", line 41, in handle')


@pytest.mark.parametrize("trace", ["", "just words: nothing", "\n\n", "12: 34", "Traceback (most recent call last):"])
def test_what_is_no_trace_has_no_root(trace: str) -> None:
    assert find_root(trace) is None


def test_split_heading() -> None:
    assert split_heading("a.b.Problem: what: happened") == ("a.b.Problem", "what: happened")
    assert split_heading("a.b.Outer$Inner") == ("a.b.Outer$Inner", "")
    assert split_heading("no class: here") == ("", "no class: here")
