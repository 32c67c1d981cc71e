"""jq programs that only compare: `.total > 100 and (.user == "u7" or .paid | not)`, tested without jq.

A comparison of a path with a literal, or of two paths, joined by `and`, `or`, `not`, in parentheses or in `select()`.
Where the answer is not certain to be jq's own (an error, a number of more digits than a float holds, an order of arrays
or objects), `Unsure` is raised and jq itself is asked.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any, TypeAlias

import orjson

Predicate: TypeAlias = Callable[[Any], Any]

TOKEN = re.compile(
    r"""\s*(?:(?P<path>\.(?:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\["(?:[^"\\])*"\])*|\["(?:[^"\\])*"\])?)
    |(?P<text>"(?:[^"\\]|\\["\\/bfnrt])*")|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<word>[a-z]+)|(?P<sign>==|!=|<=|>=|<|>|\(|\)|\|))""",
    re.VERBOSE | re.ASCII,
)
STEP = re.compile(r"\.([A-Za-z_]\w*)|\.?\[\"([^\"]*)\"\]")
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
LITERALS: dict[str, Any] = {"true": True, "false": False, "null": None}
EXACT_FLOAT = 2.0**53
"""From here on a float may stand for an integer of more digits."""


class Unsure(Exception):
    """Only jq can tell."""


class _NotCompiled(Exception):
    """The program is more than comparisons."""


def compile_predicate(program: str) -> Predicate | None:
    """The test of a parsed value, which raises `Unsure`; None where the program is more than comparisons."""
    try:
        tokens = _tokens(program)
        found = _Parser(tokens).parse()
    except _NotCompiled:
        return None
    return found


def _tokens(program: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    at, text = 0, program.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None or match.end() == at:
            raise _NotCompiled
        kind = match.lastgroup or ""
        tokens.append((kind, match[kind]))
        at = match.end()
    return tokens


class _Parser:
    """Recursive descent, in jq's order of operators: `|`, `or`, `and`, comparisons."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    def parse(self) -> Predicate:
        """The whole program."""
        test = self._selection() if self._tokens[:2] == [("word", "select"), ("sign", "(")] else self._pipe()
        if self._at < len(self._tokens):
            raise _NotCompiled
        return test

    def _selection(self) -> Predicate:
        """`select(…)`: the input where the test holds, which is itself asked whether it is true."""
        self._at += 2
        inner = self._pipe()
        self._expect(")")
        return lambda value: bool(inner(value)) and value is not None and value is not False

    def _pipe(self) -> Predicate:
        test = self._either()
        while self._accept("|"):
            if self._next() != ("word", "not"):
                raise _NotCompiled
            test = _negate(test)
        return test

    def _either(self) -> Predicate:
        test = self._all()
        while self._accept("or"):
            test = _join_or(test, self._all())
        return test

    def _all(self) -> Predicate:
        test = self._comparison()
        while self._accept("and"):
            test = _join_and(test, self._comparison())
        return test

    def _comparison(self) -> Predicate:
        if self._accept("("):
            inner = self._pipe()
            self._expect(")")
            return inner
        left, is_literal, constant = self._operand()
        kind, sign = self._peek()
        if kind != "sign" or sign not in {"==", "!=", *ORDERS}:
            return _is_true(left)
        self._at += 1
        right, right_is_literal, other = self._operand()
        if right_is_literal and not is_literal:
            return _compare_with(left, sign, other)
        if is_literal and not right_is_literal:
            swapped = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(sign, sign)
            return _compare_with(right, swapped, constant)
        return lambda value: _compare(left(value), sign, right(value))

    def _operand(self) -> tuple[Predicate, bool, Any]:
        """A path or a literal: how it is got from the value, whether it is a literal, and which."""
        kind, text = self._next()
        if kind == "path":
            return _path(text), False, None
        if kind == "word" and text in LITERALS:
            literal = LITERALS[text]
        elif kind in ("text", "number"):
            try:
                literal = orjson.loads(text)
            except orjson.JSONDecodeError:
                raise _NotCompiled from None
            if _is_inexact(literal):
                raise _NotCompiled
        else:
            raise _NotCompiled
        return (lambda _: literal), True, literal

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("", "")

    def _next(self) -> tuple[str, str]:
        found = self._peek()
        self._at += 1
        return found

    def _accept(self, text: str) -> bool:
        kind, found = self._peek()
        if found != text or kind not in ("word", "sign"):
            return False
        self._at += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise _NotCompiled


def _path(text: str) -> Predicate:
    names = [dotted or quoted for dotted, quoted in STEP.findall(text)]
    if not names:
        return lambda value: value
    if len(names) == 1:
        (name,) = names
        return lambda value: value.get(name) if type(value) is dict else _index(value)

    def walk(value: Any) -> Any:
        for name in names:
            value = value.get(name) if type(value) is dict else _index(value)
        return value

    return walk


def _index(value: Any) -> Any:
    """A field of what is no object: of null it is null, of anything else jq's error."""
    if value is None:
        return None
    raise Unsure


def _is_true(get: Predicate) -> Predicate:
    def test(value: Any) -> bool:
        found = get(value)
        return found is not None and found is not False

    return test


def _negate(test: Predicate) -> Predicate:
    return lambda value: not test(value)


def _join_or(one: Predicate, other: Predicate) -> Predicate:
    return lambda value: one(value) or other(value)


def _join_and(one: Predicate, other: Predicate) -> Predicate:
    return lambda value: one(value) and other(value)


def _compare_with(get: Predicate, sign: str, constant: Any) -> Predicate:
    """A comparison with a literal; those that messages are searched by most take no further call."""
    if sign == "==" and type(constant) is str:
        return lambda value: get(value) == constant
    if sign == "!=" and type(constant) is str:
        return lambda value: get(value) != constant
    if sign in ORDERS and type(constant) in (int, float):
        order = ORDERS[sign]

        def test(value: Any) -> bool:
            found = get(value)
            return order(found, constant) if type(found) is int else _compare(found, sign, constant)

        return test
    return lambda value: _compare(get(value), sign, constant)


def _compare(left: Any, sign: str, right: Any) -> bool:
    """As jq compares: null, false, true, numbers, texts, arrays, objects are in this order."""
    one, other = _rank(left), _rank(right)
    if one != other:
        return sign == "!=" if sign not in ORDERS else ORDERS[sign](one, other)
    if one > _RANK_OF_TEXT or _is_inexact(left) or _is_inexact(right):
        raise Unsure
    if sign in ORDERS:
        return ORDERS[sign](0, 0) if one <= _RANK_OF_TRUE else ORDERS[sign](left, right)
    return bool(left == right) is (sign == "==")


_RANK_OF_TRUE, _RANK_OF_TEXT = 2, 4


def _rank(value: Any) -> int:
    if value is None:
        return 0
    if value is False:
        return 1
    if value is True:
        return _RANK_OF_TRUE
    if isinstance(value, int | float):
        return 3
    if isinstance(value, str):
        return _RANK_OF_TEXT
    return 5 if isinstance(value, list) else 6


def _is_inexact(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) >= EXACT_FLOAT
