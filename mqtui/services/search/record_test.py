"""Rejects records by their bytes, before a message is made of them: most of a search is this.

A value is read as it stands where it is JSON text that holds no other body, or where nothing of it is looked at; of all
others it is uncertain what they hold, and they are decoded (`matcher.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import orjson

from mqtui.codecs.containers import HOLDS_BODY
from mqtui.domain.scan import Certainty, Finding, RecordColumns
from mqtui.services.decoding import FRAME_BYTES
from mqtui.services.regular_expression import compile_expression, plain_text
from mqtui.services.search.jq_predicate import Predicate, Unsure
from mqtui.services.search.query import SearchQuery

BODY_WORDS = tuple(mark.strip(b'"') for mark in HOLDS_BODY)
"""The marks without their quotes, of which JSON is full: a search for them skips most bytes [0.1 µs, 0.5 with them]."""

NUL = b"\0"
JSON_BEGINNINGS = frozenset(b"{[")


class ColumnTest:
    """A `ScanTest` of a query.

    `predicate` is its program, if that is compiled; else `program_reads_value` says that the program's input is the
    value alone. Without `reads_bytes` the profile's rules decide how values are decoded, record by record, so that each
    is a candidate.
    """

    def __init__(
        self,
        query: SearchQuery,
        predicate: Predicate | None,
        *,
        reads_bytes: bool = True,
        program_reads_value: bool = False,
    ) -> None:
        self._query = query
        self._reads_bytes = reads_bytes
        self._predicate = predicate
        self._open = Certainty.PROGRAM if program_reads_value and not query.headers else Certainty.UNSURE
        is_decided = reads_bytes and not query.headers and (predicate is not None or not query.program)
        self._sure = Certainty.SURE if is_decided else self._open
        self._needle = plain_text(query.grep) if query.grep else None
        self._grep = text_test(query.grep) if query.grep else None
        self._key = compile_expression(query.key) if query.key else None

    def __call__(self, records: RecordColumns) -> Sequence[Finding]:
        """The candidates among records, and which of them surely match."""
        values = records.values
        chosen: Iterable[int] = range(len(values))
        if self._query.is_timed:
            chosen = self._in_time(records.times())
        sure_of_key = True
        if self._key is not None:
            keys = records.keys()
            chosen = [index for index in chosen if self._may_have_key(keys[index])]
            sure_of_key = not any((keys[index] or b"").startswith(FRAME_BYTES) for index in chosen)
        if not self._query.looks_into_values:
            return [(index, self._sure if sure_of_key else Certainty.UNSURE) for index in chosen]
        if not self._reads_bytes:
            return [(index, Certainty.UNSURE) for index in chosen if self._grep is None or values[index] is not None]
        if isinstance(chosen, range) and (joined := join_plain_json(values)):
            if self._needle is not None and self._needle not in joined:
                return ()
            return self._by_plain_value(values)  # type: ignore[arg-type]  # a missing one is not joined
        return self._by_value(values, chosen, sure_of_key=sure_of_key)

    def _in_time(self, times: Sequence[int | None]) -> list[int]:
        since, until = self._query.since, self._query.until
        return [
            index
            for index, time in enumerate(times)
            if time is None or ((since is None or time >= since) and (until is None or time < until))
        ]

    def _may_have_key(self, key: bytes | None) -> bool:
        return key is not None and self._key is not None and (key.startswith(FRAME_BYTES) or self._key(key))

    def _by_plain_value(self, values: Sequence[bytes]) -> list[Finding]:
        """The candidates among values that are all read as they stand."""
        grep, predicate, loads, sure, unsure = self._grep, self._predicate, orjson.loads, self._sure, self._open
        chosen = enumerate(values)
        if grep is not None:
            chosen = ((index, value) for index, value in chosen if grep(value))  # type: ignore[assignment]
        if predicate is None:
            return [(index, sure) for index, _ in chosen]
        found: list[Finding] = []
        for index, value in chosen:
            try:
                if predicate(loads(value)):
                    found.append((index, sure))
            except (Unsure, orjson.JSONDecodeError):
                found.append((index, unsure))
        return found

    def _by_value(self, values: Sequence[bytes | None], chosen: Iterable[int], *, sure_of_key: bool) -> list[Finding]:
        found: list[Finding] = []
        grep, predicate = self._grep, self._predicate
        sure, unsure = (self._sure, self._open) if sure_of_key else (Certainty.UNSURE, Certainty.UNSURE)
        for index in chosen:
            value = values[index]
            if value is None:
                if grep is None:
                    found.append((index, Certainty.UNSURE))
                continue
            if not is_plain_json(value):
                found.append((index, Certainty.UNSURE))
                continue
            if grep is not None and not grep(value):
                continue
            if predicate is None:
                found.append((index, sure))
                continue
            try:
                if predicate(orjson.loads(value)):
                    found.append((index, sure))
            except (Unsure, orjson.JSONDecodeError):
                found.append((index, unsure))
        return found


def join_plain_json(values: Sequence[bytes | None]) -> bytes:
    """Many values in one, if `is_plain_json` holds for all of them; else nothing. That is told at once for all."""
    try:
        if not {value[0] for value in values} <= JSON_BEGINNINGS:  # type: ignore[index]  # None is a TypeError
            return b""
    except (TypeError, IndexError):
        return b""
    joined = b"\n".join(values)  # type: ignore[arg-type]
    if NUL in joined or (any(word in joined for word in BODY_WORDS) and any(mark in joined for mark in HOLDS_BODY)):
        return b""
    return joined if _is_text(joined) else b""


def text_test(expression: str) -> Callable[[bytes], bool]:
    """A test whether bytes hold a text, or match an expression that is more than a text.

    Raises:
        BadInput: it is no regular expression.
    """
    needle = plain_text(expression)
    return compile_expression(expression) if needle is None else (lambda value: needle in value)


def is_plain_json(value: bytes) -> bool:
    """Whether a value is read as it stands: it begins as JSON does, is text, and holds no other body."""
    if value[:1] not in (b"{", b"[") or NUL in value:
        return False
    return _is_text(value) and not any(mark in value for mark in HOLDS_BODY)


def _is_text(value: bytes) -> bool:
    if value.isascii():
        return True
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
