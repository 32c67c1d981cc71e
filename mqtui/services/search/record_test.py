"""Rejects records by their bytes, before a message is made of them: most of a search is this.

A value is read as it stands where it is JSON text that holds no other body, or where nothing of it is looked at; of all
others it is uncertain what they hold, and they are decoded (`matcher.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import orjson

from mqtui.codecs.containers import HOLDS_BODY
from mqtui.domain.scan import RecordColumns
from mqtui.services.decoding import FRAME_BYTES
from mqtui.services.regular_expression import compile_expression, plain_text
from mqtui.services.search.jq_predicate import Predicate, Unsure
from mqtui.services.search.query import SearchQuery

UNSURE = False
NUL = b"\0"
"""Between values that are tested together: JSON text holds none."""


class ColumnTest:
    """A `RecordTest` of a query. Without `reads_bytes` the profile's rules decide how values are decoded, record by
    record, so that each is a candidate.
    """

    def __init__(self, query: SearchQuery, predicate: Predicate | None, *, reads_bytes: bool = True) -> None:
        self._query = query
        self._reads_bytes = reads_bytes
        self._predicate = predicate
        self._decides = reads_bytes and not query.headers and (predicate is not None or not query.program)
        self._needle = plain_text(query.grep) if query.grep else None
        self._grep = text_test(query.grep) if query.grep else None
        self._key = compile_expression(query.key) if query.key else None

    def __call__(self, records: RecordColumns) -> Sequence[tuple[int, bool]]:
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
            return [(index, self._decides and sure_of_key) for index in chosen]
        if not self._reads_bytes:
            return [(index, UNSURE) for index in chosen if self._grep is None or values[index] is not None]
        if isinstance(chosen, range) and self._rejects_all(values):
            return ()
        return self._by_value(values, chosen, sure=self._decides and sure_of_key)

    def _in_time(self, times: Sequence[int | None]) -> list[int]:
        since, until = self._query.since, self._query.until
        return [
            index
            for index, time in enumerate(times)
            if time is None or ((since is None or time >= since) and (until is None or time < until))
        ]

    def _may_have_key(self, key: bytes | None) -> bool:
        return key is not None and self._key is not None and (key.startswith(FRAME_BYTES) or self._key(key))

    def _rejects_all(self, values: Sequence[bytes | None]) -> bool:
        """Whether a text is in none of many values, each of which is JSON text: looked for in all of them at once."""
        if self._needle is None or not values:
            return False
        try:
            joined = NUL + NUL.join(values)  # type: ignore[arg-type]  # without a value it is a TypeError
        except TypeError:
            return False
        if self._needle in joined or any(mark in joined for mark in HOLDS_BODY):
            return False
        count = len(values)
        if not joined.count(NUL) == count == joined.count(b"\0{") + joined.count(b"\0["):
            return False
        return _is_text(joined)

    def _by_value(self, values: Sequence[bytes | None], chosen: Iterable[int], *, sure: bool) -> list[tuple[int, bool]]:
        found: list[tuple[int, bool]] = []
        grep, predicate = self._grep, self._predicate
        for index in chosen:
            value = values[index]
            if value is None:
                if grep is None:
                    found.append((index, UNSURE))
                continue
            if not is_plain_json(value):
                found.append((index, UNSURE))
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
                found.append((index, UNSURE))
        return found


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
