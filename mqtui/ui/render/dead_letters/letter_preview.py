"""A sample letter as lines: cause, frame, origin, value."""

from __future__ import annotations

from mqtui.domain.deadletter import DeadLetterInfo
from mqtui.domain.message import EntryId, Message
from mqtui.services.decoding import PLAIN, Decoder
from mqtui.ui.render.messages.payload_forms import render_value
from mqtui.ui.render.styled_text import StyledLine

MAX_LINES = 200
"""Lines of a value that are shown."""


def sample_lines(letter: Message, death: DeadLetterInfo, decoder: Decoder = PLAIN, *, folded: bool) -> list[StyledLine]:
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
    lines += value_lines(letter, decoder)
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


def value_lines(letter: Message, decoder: Decoder = PLAIN) -> list[StyledLine]:
    """The decoded value, digit by digit, JSON indented."""
    if letter.value is None and not isinstance(letter.position, EntryId):
        return [[("(no value)", "muted")]]
    document = render_value(letter, "auto", decoder).document
    document.grow(MAX_LINES + 1)
    lines: list[StyledLine] = [[(document.text(number), "")] for number in range(min(len(document), MAX_LINES))]
    if len(document) > MAX_LINES or not document.done:
        lines.append([("… more lines: enter shows the letter", "muted")])
    return lines
