"""A sample letter as lines: cause, frame, origin, value."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from mqtui.domain.deadletter import DeadLetterInfo
from mqtui.domain.message import EntryId, Message
from mqtui.services.decoding import decode_message
from mqtui.ui.render.styled_text import StyledLine

MAX_LINES = 200
"""Lines of a value that are shown."""


def sample_lines(letter: Message, death: DeadLetterInfo, *, folded: bool) -> list[StyledLine]:
    """Cause, the application's first frame, origin, value."""
    lines: list[StyledLine] = [[(death.text, "dead")]]
    if death.wrapper:
        lines.append([("wrapped in ", "muted"), (death.wrapper, "muted")])
    if death.message and not folded:
        lines.append([(death.message, "")])
    if death.frame:
        lines.append([("› ", "accent"), (death.frame, "")])
    where = origin_line(death)
    if where:
        lines.append([(where, "muted")])
    lines.append([])
    lines += value_lines(letter)
    return lines


def origin_line(death: DeadLetterInfo) -> str:
    """Where it came from, which group failed, at which attempt."""
    found = death.origin
    parts = []
    if found is not None:
        place = found.ref.name
        if found.partition is not None and found.offset is not None:
            place = f"{place} {found.partition}/{found.offset}"
        elif found.id is not None:
            place = f"{place} {found.id}"
        parts.append(f"from {place}")
    if death.group:
        parts.append(f"by {death.group}")
    if death.attempts is not None:
        parts.append(f"attempt {death.attempts}")
    return " · ".join(parts)


def value_lines(letter: Message) -> list[StyledLine]:
    """The value: JSON indented, bytes that are not text in hex."""
    if letter.value is None and not isinstance(letter.position, EntryId):
        return [[("(no value)", "muted")]]
    found = decode_message(letter)
    try:
        pretty = orjson.dumps(orjson.loads(found.text), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        pretty = found.text.decode("utf-8", "replace")
    return [[(line, "")] for line in _limit_lines(pretty.splitlines())]


def _limit_lines(lines: Sequence[str]) -> list[str]:
    if len(lines) <= MAX_LINES:
        return list(lines)
    return [*lines[:MAX_LINES], f"… {len(lines) - MAX_LINES:,} more lines"]
