"""One text anywhere in a message: key, headers, properties, fields, value. Most records are rejected by their bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from mqtui.codecs.decode import outer_layer
from mqtui.domain.errors import BadInput
from mqtui.domain.scan import RecordColumns
from mqtui.services.decoding import FRAME_BYTES
from mqtui.services.search.record_test import is_plain_json, join_plain_json

SEPARATOR = b"\n"


class TextNeedle:
    """A text as bytes, in each form in which JSON may write it."""

    def __init__(self, text: bytes) -> None:
        """Take a text of any bytes.

        Raises:
            BadInput: it is empty.
        """
        if not text:
            raise BadInput("Find what?", "An empty text is in every message.", "Give an id, such as AB-991.")
        self.text = text
        self.forms = tuple(dict.fromkeys((text, *_json_forms(text))))

    def __call__(self, content: bytes) -> bool:
        """Whether it is in some bytes."""
        return any(form in content for form in self.forms)

    def is_in_any(self, contents: Iterable[bytes | None]) -> bool:
        """Whether it is in one of some bytes."""
        return any(content is not None and self(content) for content in contents)


def _json_forms(text: bytes) -> Iterable[bytes]:
    """The text inside a JSON string: with or without escapes of letters, and of slashes."""
    try:
        known = text.decode()
    except UnicodeDecodeError:
        return
    escaped = json.dumps(known)[1:-1]
    yield escaped.encode()
    if "\\u" in escaped:
        yield _upper_hex(escaped).encode()
    yield json.dumps(known, ensure_ascii=False)[1:-1].encode()
    if "/" in escaped:
        yield escaped.replace("/", r"\/").encode()


def _upper_hex(escaped: str) -> str:
    first, *others = escaped.split("\\u")
    return "\\u".join([first, *(part[:4].upper() + part[4:] for part in others)])


class NeedleTest:
    """A `RecordTest` for a text. Without `reads_bytes` the profile's rules decide how values are decoded."""

    def __init__(self, needle: TextNeedle, since: int | None, *, reads_bytes: bool = True) -> None:
        self._needle, self._since, self._reads_bytes = needle, since, reads_bytes

    def __call__(self, records: RecordColumns) -> Sequence[tuple[int, bool]]:
        """The candidates among records: those that have the text, or are encoded so that only decoding tells."""
        found = self._by_value(records.values) | self._by_key(records.keys()) | self._by_extras(records.extras())
        if self._since is not None and found:
            times = records.times()
            found = {index for index in found if (time := times[index]) is None or time >= self._since}
        return [(index, False) for index in sorted(found)]

    def _by_value(self, values: Sequence[bytes | None]) -> set[int]:
        needle = self._needle
        if not self._reads_bytes:
            return {index for index, value in enumerate(values) if value is not None}
        if joined := join_plain_json(values):
            return {index for index, value in enumerate(values) if needle(value or b"")} if needle(joined) else set()
        return {index for index, value in enumerate(values) if value and (needle(value) or not is_plain(value))}

    def _by_key(self, keys: Sequence[bytes | None]) -> set[int]:
        joined = SEPARATOR.join(filter(None, keys))
        if not joined or (not self._needle(joined) and not any(mark in joined for mark in FRAME_BYTES)):
            return set()
        return {index for index, key in enumerate(keys) if key and (self._needle(key) or key.startswith(FRAME_BYTES))}

    def _by_extras(self, extras: Sequence[Sequence[bytes | None]]) -> set[int]:
        return {index for index, parts in enumerate(extras) if parts and self._may_be_in(parts)}

    def _may_be_in(self, parts: Sequence[bytes | None]) -> bool:
        joined = SEPARATOR.join(filter(None, parts))
        return self._needle(joined) or not (is_plain_text(joined) and all(map(_has_no_layer, filter(None, parts))))


def is_plain(value: bytes) -> bool:
    """Whether decoding shows no more of a value than its own text."""
    return is_plain_json(value) or (value[:1] not in (b"{", b"[") and is_plain_text(value) and _has_no_layer(value))


def is_plain_text(value: bytes) -> bool:
    """Whether bytes are text without a zero byte, and do not begin as a frame does."""
    if b"\0" in value or value.startswith(FRAME_BYTES):
        return False
    if value.isascii():
        return True
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _has_no_layer(value: bytes) -> bool:
    if value[:1] in (b"{", b"["):
        return is_plain_json(value)
    return not outer_layer(value) and not value.startswith(FRAME_BYTES)
