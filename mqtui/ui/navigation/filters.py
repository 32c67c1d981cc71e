"""The filter language: words are AND, `!word` not, `"two words"`, `~regex`, `lag>1k`, `kind:queue`, `is:dead`.

A column is named as its title is, in small letters and with `-` for a blank: `dead-letters>0`.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Generic, NamedTuple, TypeVar

from mqtui.domain.errors import BadInput
from mqtui.services.regular_expression import compile_expression
from mqtui.ui.navigation.filter_amounts import FORMS, parse_amount
from mqtui.ui.render.table_model import Column, Measure, RowRenderer

Item = TypeVar("Item")
WORD = re.compile(r'(?:"[^"]*"|[^\s"]|"(?=[^"]*$))+')
"""A word of the filter; double quotes keep blanks in it."""

COMPARISON = re.compile(r"([\w./-]+?)(>=|<=|>|<|=)(.*)")
CONTAINS = re.compile(r"([A-Za-z][\w./-]*):(.*)")
COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
}
STATES = {"dead": "†", "stuck": "▲", "wrong": "✗"}
"""Signs of rows by what `is:` takes."""

SYNONYMS = {"lag": ("backlog",), "waiting": ("backlog",), "backlog": ("lag",), "depth": ("messages",)}
"""Synonyms of column keys: the same figure is called lag for a group and backlog for a destination."""


class Filter(NamedTuple, Generic[Item]):
    """A filter text: the test it stands for, None for an empty one, and its words without those that are mistakes.

    `mistake` is what is wrong with the first of those, and what is allowed; "" where nothing is.
    """

    test: Callable[[Item], bool] | None
    text: str
    mistake: str = ""


def compile_filter(text: str, renderer: RowRenderer[Item]) -> Filter[Item]:
    """The filter that a text stands for. A word that can't be read hides nothing."""
    tests: list[Callable[[Item], bool]] = []
    words: list[str] = []
    mistake = ""
    for word in WORD.findall(text):
        if word.replace('"', "") in ("", "!", "~"):
            continue
        try:
            tests.append(_test(word, renderer))
            words.append(word)
        except BadInput as error:
            mistake = mistake or error.title
    test = (lambda item: all(each(item) for each in tests)) if tests else None
    return Filter(test, " ".join(words), mistake)


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
        key, sign, amount = found.groups()
        return _comparison(key, sign, amount, renderer)
    if found := CONTAINS.fullmatch(word):
        column = find_column(found[1], renderer)
        if column is not None:
            return _contains(column, found[2], renderer)
    return _holds(word, renderer)


def _name(column: Column) -> str:
    """A column as a filter names it."""
    return column.title.lower().strip(". ").replace(" ", "-")


def find_column(word: str, renderer: RowRenderer[Item]) -> Column | None:
    """A column by its title, its key or a synonym."""
    word = word.lower().strip(".")
    wanted = (word, *SYNONYMS.get(word, ()))
    by_name = {name: column for column in renderer.columns for name in (_name(column).replace("-", ""), column.key)}
    by_name |= {_name(column): column for column in renderer.columns if column.title}
    return next((by_name[name] for name in wanted if name in by_name), None)


def unknown_columns(text: str, renderer: RowRenderer[Item]) -> str:
    """What is said of `knd:queue` where there is no such column: it is searched as text. "" where all is known."""
    for word in WORD.findall(text):
        found = CONTAINS.fullmatch(word.removeprefix("!"))
        if found and found[1] != "is" and find_column(found[1], renderer) is None:
            return f"{found[0]} is text; columns: {_listed(found[1], renderer)}"
    return ""


def _listed(word: str, renderer: RowRenderer[Item]) -> str:
    """The names of columns, those like a word first."""
    names = [_name(column) for column in renderer.columns if column.title]
    near = get_close_matches(word.lower(), names, n=3, cutoff=0.5)
    return ", ".join([*near, *(name for name in names if name not in near)])


def _contains(column: Column, part: str, renderer: RowRenderer[Item]) -> Callable[[Item], bool]:
    """A test for what a cell shows.

    Raises:
        BadInput: no text is given yet.
    """
    if not part:
        raise BadInput(f"{_name(column)}: what it shows, as {_name(column)}:text")
    part = part.lower()
    if column.measures is Measure.TEXT:
        return lambda item: part in str(renderer.value(item, column.key) or "").lower()
    index = [each.key for each in renderer.columns].index(column.key)
    return lambda item: part in renderer.cells(item)[index][0].lower()


def _holds(word: str, renderer: RowRenderer[Item]) -> Callable[[Item], bool]:
    """A test for a substring; case counts only where the word has capitals."""
    if word != word.lower():
        return lambda item: word in renderer.text(item)
    return lambda item: word in renderer.text(item).lower()


def _matches(text: str) -> Callable[[str | bytes], bool]:
    """A test by a regular expression; capitals in it make it case-sensitive. Raises BadInput."""
    return compile_expression(text, case_sensitive=text != text.lower())


def _state(state: str, renderer: RowRenderer[Item]) -> Callable[[Item], bool]:
    if state not in STATES:
        raise BadInput(f"is:{state} is not known: there are {', '.join(f'is:{name}' for name in STATES)}")
    return lambda item: renderer.sign(item)[0] == STATES[state]


def _comparison(key: str, sign: str, text: str, renderer: RowRenderer[Item]) -> Callable[[Item], bool]:
    """A test for the value of a column; one that is not known passes none.

    Raises:
        BadInput: there is no such column, or its values are not compared with that.
    """
    column = find_column(key, renderer)
    if column is None:
        columns = _listed(key, renderer)
        raise BadInput(f'no column {key} here: there are {columns}; "{key}{sign}{text}" in quotes is text')
    name, measure, compare = _name(column), column.measures, COMPARE[sign]
    if measure is Measure.TEXT:
        if sign != "=" or not text:
            raise BadInput(f"{name} is text: {name}:part of it, {name}=all of it")
        return lambda item: text.lower() == str(renderer.value(item, column.key) or "").lower()
    wanted = parse_amount(measure, text)
    if wanted is None:
        forms: Sequence[str] = FORMS[measure]
        raise BadInput(f"{name}{sign}{text or '…'} takes {', '.join(f'{name}{sign}{form}' for form in forms)}")
    kinds = (int, float) if isinstance(wanted, int | float) else (type(wanted),)
    return lambda item: isinstance(known := renderer.value(item, column.key), kinds) and compare(known, wanted)
