"""A query in one line, as the console takes it: `AB-991`, `~AB-[0-9]+`, `.total > 100 from:-2h limit:50`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from mqtui.domain.errors import BadInput
from mqtui.domain.times import parse_time
from mqtui.services.regular_expression import SPECIAL, compile_expression
from mqtui.services.search.query import DEFAULT_LIMIT, SearchQuery, is_program, parse_header

OPTION = re.compile(r"(?<!\S)(key|header|from|until|limit|p|in):(?:\"([^\"]*)\"|(\S+))(?!\S)")
HINT = "text, ~regex, .jq · key: header:x= from:-2h until: limit: p:4 in:orders*"


@dataclass(frozen=True, slots=True)
class QueryText:
    """A query, and after how many hits it stops."""

    query: SearchQuery
    limit: int
    places: tuple[str, ...] = ()
    """Names or globs of the destinations of `in:`; none: where it was asked for."""


def parse_query(text: str, now: datetime) -> QueryText:
    """Bare text is looked for as it stands, `~` begins an expression, and `.`, `(`, `[`, `$m` or `select` a program.

    Raises:
        BadInput: an option or an expression can't be read, or nothing is looked for.
    """
    given: dict[str, str] = {}
    headers: list[tuple[str, str]] = []
    places: list[str] = []
    for name, quoted, bare in OPTION.findall(text):
        if name == "header":
            headers.append(parse_header(quoted or bare))
        elif name == "in":
            places.append(quoted or bare)
        else:
            given[name] = quoted or bare
    rest = OPTION.sub("", text).strip()
    program = rest if is_program(rest) else ""
    grep = "" if program else rest.removeprefix("~") if rest.startswith("~") else SPECIAL.sub(r"\\\g<0>", rest)
    query = SearchQuery(
        program,
        grep,
        given.get("key", ""),
        tuple(headers),
        parse_time(given["from"], now) if "from" in given else None,
        parse_time(given["until"], now) if "until" in given else None,
        _number(given, "p"),
    )
    for expression in (query.grep, query.key, *(each for _, each in headers)):
        compile_expression(expression)
    query.require_condition()
    return QueryText(query, _number(given, "limit") or DEFAULT_LIMIT, tuple(places))


def _number(given: dict[str, str], name: str) -> int | None:
    text = given.get(name)
    if text is not None and not text.isdecimal():
        raise BadInput(f"{name}: takes a number, not {text!r}")
    return None if text is None else int(text)
