"""The filter language: words are AND, `!word` not, `"two words"`, `~regex`, `lag>1k`, `kind:queue`, `is:dead`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from mqtui.domain.errors import BadInput
from mqtui.domain.times import parse_duration
from mqtui.ui.render.table_model import RowRenderer

Item = TypeVar("Item")
WORD = re.compile(r'(?:"[^"]*"|[^\s"]|"(?=[^"]*$))+')
"""A word of the filter; double quotes keep blanks in it."""

COMPARISON = re.compile(r"(\w+)(>=|<=|>|<|=)(.+)")
NUMBER = re.compile(r"(\d+(?:\.\d+)?)([kKmM]?)")
SYNONYMS = {"lag": ("backlog",), "waiting": ("backlog",), "backlog": ("lag",), "depth": ("messages",)}
"""Synonyms of column keys: the same figure is called lag for a group and backlog for a destination."""

REGEX_MEMORY = 8 * 1024 * 1024
"""Bytes a compiled regular expression may take."""

UNSUPPORTED = {
    "look-around": re.compile(r"\(\?<?[=!]"),
    "back-references": re.compile(r"\\[1-9]|\(\?P="),
    "atomic groups": re.compile(r"\(\?>"),
    "conditions": re.compile(r"\(\?\("),
    "possessive repetition": re.compile(r"[*+?}]\+"),
    "comments": re.compile(r"\(\?#"),
}
"""Features of Python's regular expressions that RE2 lacks."""

SCALE = {"": 1, "k": 1_000, "m": 1_000_000}


def compile_filter(text: str, renderer: RowRenderer[Item]) -> Callable[[Item], bool] | None:
    """The test that a filter text stands for; None for an empty text.

    Raises:
        BadInput: a regex or a number can't be read.
    """
    tests = [_test(word, renderer) for word in WORD.findall(text) if word.replace('"', "") not in ("", "!", "~")]
    if not tests:
        return None
    return lambda item: all(test(item) for test in tests)


def _test(word: str, renderer: RowRenderer[Item]) -> Callable[[Item], bool]:
    if word.startswith("!"):
        inner = _test(word[1:], renderer)
        return lambda item: not inner(item)
    if word.startswith('"'):
        return _holds(word.replace('"', ""), renderer)
    word = word.replace('"', "")
    if word.startswith("~"):
        matches = _matches(word[1:])
        return lambda item: matches(renderer.text(item))
    if word.startswith("is:"):
        return _state(word[3:], renderer)
    if found := COMPARISON.fullmatch(word):
        key, sign, wanted = found.groups()
        column = _column(key, renderer)
        if column is None:
            keys = ", ".join(column.key for column in renderer.columns)
            raise BadInput(f'no column {key} here: there are {keys}; "{word}" in quotes is text')
        return _comparison(column, sign, _amount(wanted), renderer)
    name, colon, rest = word.partition(":")
    column = _column(name, renderer)
    if colon and rest and column is not None:
        return lambda item: rest.lower() in str(renderer.value(item, column) or "").lower()
    return _holds(word, renderer)


def _column(word: str, renderer: RowRenderer[Item]) -> str | None:
    """The key of a column by its key, its title or a synonym."""
    word = word.lower()
    titles = {column.title.lower(): column.key for column in renderer.columns}
    keys = {column.key for column in renderer.columns}
    return next((key for key in (word, titles.get(word), *SYNONYMS.get(word, ())) if key in keys), None)


def _holds(word: str, renderer: RowRenderer[Item]) -> Callable[[Item], bool]:
    """A test for a substring; case counts only where the word has capitals."""
    if word != word.lower():
        return lambda item: word in renderer.text(item)
    return lambda item: word in renderer.text(item).lower()


def _matches(text: str) -> Callable[[str], bool]:
    """A test by an RE2 regular expression: linear time in the length of the text, whatever the expression (C15).

    Raises:
        BadInput: it is not a regular expression, or uses a feature that RE2 does not have.
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = text != text.lower()
    options.max_mem = REGEX_MEMORY
    try:
        pattern = re2.compile(text, options)
    except re2.error as error:
        if unsupported := next((name for name, sign in UNSUPPORTED.items() if sign.search(text)), ""):
            raise BadInput(f"Not supported in a filter: {unsupported} ({text})") from None
        why = error.args[0].decode("utf-8", "replace") if error.args else ""
        raise BadInput(f"Not a regular expression: {text} ({why})") from None
    return lambda found: pattern.search(found) is not None


def _state(state: str, renderer: RowRenderer[Item]) -> Callable[[Item], bool]:
    signs = {"dead": "†", "stuck": "▲", "wrong": "✗"}
    if state not in signs:
        raise BadInput(f"is:{state}?", "", f"There are {', '.join(f'is:{name}' for name in signs)}.")
    return lambda item: renderer.sign(item)[0] == signs[state]


def _amount(text: str) -> float:
    if found := NUMBER.fullmatch(text):
        return float(found[1]) * SCALE[found[2].lower()]
    return parse_duration(text) / 1000


def _comparison(key: str, sign: str, wanted: float, renderer: RowRenderer[Item]) -> Callable[[Item], bool]:
    compare: dict[str, Callable[[Any, float], bool]] = {
        ">": lambda known, asked: known > asked,
        "<": lambda known, asked: known < asked,
        ">=": lambda known, asked: known >= asked,
        "<=": lambda known, asked: known <= asked,
        "=": lambda known, asked: known == asked,
    }
    holds = compare[sign]

    def test(item: Item) -> bool:
        known = renderer.value(item, key)
        return isinstance(known, int | float) and holds(known, wanted)

    return test
