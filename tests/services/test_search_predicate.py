"""Comparisons that are tested without jq answer as jq does, or leave the answer to jq."""

from __future__ import annotations

import json

import jq
import pytest

from mqtui.services.search.jq_predicate import Unsure, compile_predicate

VALUES = [
    *("null", "false", "true", "0", "7", "-1.5", '"u7"', '""', "[]", "{}", "[1]", '{"a":1}'),
    '{"a":null}',
    '{"a":true,"b":false}',
    '{"a":7,"b":7.0}',
    '{"a":"7","b":7}',
    '{"a":"u7","b":{"c":"x"}}',
    '{"a":"é","b":{"c":null}}',
    '{"a":[1,2],"b":[1,2]}',
    '{"a":{"x":1},"b":{"x":true}}',
    '{"a":9007199254740993,"b":9007199254740992}',
    '{"a":1e400,"b":1.5}',
    '{"a":123456789012345678901234567890}',
    '{"a b":1}',
]
COMPILED = [
    ".a",
    ".",
    '.["a b"] == 1',
    ".a == 7",
    ".a != 7",
    ".a > 3",
    "3 < .a",
    ".a >= 7 and .a <= 7.0",
    '.a == "u7" or .b == 7',
    '.a < "u7"',
    ".a == null",
    ".a != null and .b",
    ".a == true",
    ".a < true",
    ".a == .b",
    ".a < .b",
    ".b.c == null",
    '.b.c == "x" and (.a == "u7" or .a == 1)',
    "(.a == 7 | not)",
    ".a == 7 or .b == 7 | not",
    "select(.a)",
    "select(.a == null)",
    "select((.a == 7 | not) and .b != 1)",
    '.a == "é"',
    ".a == -1.5",
    "true",
]
LEFT_TO_JQ = [
    ".a[0] == 1",
    ".a?",
    ".a == 1 | . == true",
    ".a // 1",
    ".a + 1 == 2",
    '.a | test("x")',
    "$m.key == 1",
    "select(.a) | .b",
    ".a == 9007199254740993",
    '.a == "\\(.b)"',
    "not",
    ".a == 1,2",
    "",
    ".a and",
    "(.a",
]


@pytest.mark.parametrize("program", COMPILED)
def test_it_answers_as_jq_does(program: str) -> None:
    predicate = compile_predicate(program)
    assert predicate is not None
    asked = jq.compile(program)
    certain = 0
    for text in VALUES:
        try:
            told = bool(predicate(json.loads(text)))
        except Unsure:
            continue
        certain += 1
        outputs = iter(asked.input_text(text))
        first = next(outputs, None)
        assert told is (first is not None and first is not False), text
    assert certain >= 6


@pytest.mark.parametrize("program", LEFT_TO_JQ)
def test_more_than_comparisons_is_left_to_jq(program: str) -> None:
    assert compile_predicate(program) is None
