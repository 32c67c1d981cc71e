"""A dead letter as lines: cause and stack trace, the original, the difference between the two."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff

from mqtui.domain import figure
from mqtui.domain.deadletter import DeadLetterInfo, HeaderSplit, Origin
from mqtui.domain.message import EntryId, Message, Offset
from mqtui.domain.stack_trace import CAUSED_BY, is_library
from mqtui.ui.render.messages.headers import HeaderDiff, HeaderRow
from mqtui.ui.render.messages.messages import preview_value, readable_key
from mqtui.ui.render.messages.payload import Document, FixedLines, clean
from mqtui.ui.render.messages.payload_forms import render_value, value_size
from mqtui.ui.render.table_model import Cell

COMPARED_LINES = 3_000
"""Lines of each value that are compared."""

WHOLE_LINES = 400
"""Lines up to which a difference shows equal lines too."""

METHOD_CELLS = 52
"""Terminal cells for a frame's method."""

_AT = re.compile(r"(?P<method>[^()\s]+)\((?P<file>[^)]*)\)(?P<rest>.*)")


@dataclass(frozen=True, slots=True)
class NewerRecord:
    """The first record after the original with its key; None among the `looked` records (`to_the_end`: all there are).

    A letter that is redriven behind it may replace newer state by older state.
    """

    message: Message | None
    looked: int
    to_the_end: bool
    groups: str = ""


@dataclass(frozen=True, slots=True)
class Original:
    """The original of a letter, with its neighbours. `why` says why there is no `message`."""

    origin: Origin | None
    message: Message | None = None
    why: str = ""
    before: Message | None = None
    after: Message | None = None
    groups: str = ""
    later: NewerRecord | None = None
    """None: not searched for, or the original has no key."""


def stack_lines(trace: str, *, unfolded: bool) -> list[list[Cell]]:
    """A stack trace: the application's frames in bold, library frames folded; `unfolded` shows it as it was written."""
    if unfolded:
        return [_unfolded_line(line) for line in trace.splitlines()]
    at = trace.rfind(CAUSED_BY)
    frames = [frame for line in trace[max(0, at) :].splitlines() if (frame := _frame(line))]
    lines: list[list[Cell]] = []
    hidden = 0
    for frame in frames:
        if is_library(frame):
            hidden += 1
            continue
        if hidden:
            lines.append(_folded_frames_line(hidden))
            hidden = 0
        lines.append(_frame_line(frame))
    if hidden:
        lines.append(_folded_frames_line(hidden))
    causes = trace.count(CAUSED_BY)
    if causes:
        more = "exception around it" if causes == 1 else "exceptions around it"
        lines.append([(f"  … {causes} {more} (w)", "muted")])
    return lines


def _frame(line: str) -> str:
    bare = line.strip()
    if bare.startswith("at "):
        return bare[3:]
    return bare if bare.startswith('File "') else ""


def _frame_line(frame: str) -> list[Cell]:
    found = _AT.fullmatch(frame)
    if found is None:
        return [("› ", "accent"), (frame, "text bold")]
    method = found["method"]
    if len(method) > METHOD_CELLS:
        method = f"…{method[1 - METHOD_CELLS :]}"
    return [("› ", "accent"), (method.ljust(min(METHOD_CELLS, 34)), "text bold"), (f"  {found['file']}", "muted")]


def _folded_frames_line(hidden: int) -> list[Cell]:
    return [(f"  … {figure.pluralize(hidden, 'library frame')} (w)", "muted")]


def _unfolded_line(line: str) -> list[Cell]:
    frame = _frame(line)
    if not frame:
        return [(line, "dead" if line and not line[0].isspace() else "muted")]
    return [(line, "muted" if is_library(frame) else "text bold")]


def cause_lines(death: DeadLetterInfo, trace: str, *, unfolded: bool) -> FixedLines:
    """Cause, stack trace, origin, group and convention of a letter."""
    lines: list[list[Cell]] = [[(death.text, "dead")]]
    if death.wrapper:
        lines.append([(f"wrapped in {death.wrapper}", "muted")])
    lines += stack_lines(trace, unfolded=unfolded)
    if death.message and death.message != death.normal:
        lines += [[(part, "")] for part in death.message.splitlines()[: None if unfolded else 4]]
    where = origin_text(death.origin)
    parts = [f"from {where}" if where else "nothing tells where it came from"]
    if death.origin is not None and death.origin.by_name:
        parts[0] += ", by the name of this place"
    if death.group:
        parts.append(f"{death.group} gave up")
    if death.convention:
        parts.append(f"{death.convention} headers")
    lines.append([(" · ".join(parts), "muted")])
    return FixedLines(lines)


def origin_text(origin: Origin | None) -> str:
    """`orders 4/118203`, `payments 1795475111678-0`, or the name alone."""
    if origin is None:
        return ""
    if origin.offset is not None:
        position = f" {Offset(-1 if origin.partition is None else origin.partition, origin.offset)}"
    else:
        position = f" {origin.id}" if origin.id is not None else ""
    return f"{origin.ref.name}{position}"


def original_lines(found: Original, letter: Message) -> FixedLines:
    """The original and its neighbours as lines, or why it is not there."""
    if found.message is None:
        return FixedLines([[(found.why, "muted")]])
    same = same_value(letter, found.message)
    look = render_value(found.message, "auto")
    lines: list[list[Cell]] = [
        [
            ("value identical" if same else "the values differ", "ok" if same else "warn"),
            (f", {value_size(found.message)} {look.codec}", "muted"),
        ]
    ]
    for word, message in (("before", found.before), ("after", found.after)):
        if message is not None:
            lines.append(_neighbour(word, message))
    if found.groups:
        lines.append([(found.groups, "")])
    if found.later is not None:
        lines += _later(found.later)
    return FixedLines(lines)


def _later(found: NewerRecord) -> list[list[Cell]]:
    if found.message is not None:
        line = _neighbour("▲ same key later", found.message, "warn")
        return [line, [(f"  {found.groups}", "")]] if found.groups else [line]
    if found.to_the_end:
        return [[("the newest record of its key", "ok")]]
    return [[(f"no newer record of its key among the next {found.looked:,}", "muted")]]


def _neighbour(word: str, message: Message, tone: str = "muted") -> list[Cell]:
    position = message.position
    number = str(position.offset) if isinstance(position, Offset) else str(position)
    return [
        (f"{word} ", tone),
        (number, ""),
        (f"  {readable_key(message.key)[0]}  ", ""),
        (preview_value(message)[0], "muted"),
    ]


def same_value(letter: Message, original: Message) -> bool:
    """Whether the values are equal byte for byte; of Redis entries, whether the letter has the original's fields."""
    if isinstance(letter.position, EntryId):
        return set(original.fields) <= set(letter.fields)
    return letter.value == original.value


def difference(original: Document, letter: Document) -> FixedLines:
    """The difference between two values, line by line. Slow for large values: call it in a thread."""
    before, after = _some(original), _some(letter)
    context = max(len(before), len(after)) if max(len(before), len(after)) <= WHOLE_LINES else 3
    lines: list[list[Cell]] = []
    for line in unified_diff(before, after, n=context, lineterm=""):
        if line.startswith(("---", "+++")) and not lines:
            continue
        if line.startswith("@@"):
            if lines:
                lines.append([("…", "muted")])
            continue
        sign, text = line[:1], line[1:]
        tone = {"-": "danger", "+": "ok"}.get(sign, "muted")
        lines.append([(f"{sign} ", tone), (text, tone if sign.strip() else "")])
    if max(len(before), len(after)) >= COMPARED_LINES:
        lines.append([(f"… the first {COMPARED_LINES:,} lines were compared", "muted")])
    return FixedLines(lines)


def _some(document: Document) -> list[str]:
    document.grow(COMPARED_LINES)
    return [document.text(number) for number in range(min(COMPARED_LINES, len(document)))]


def diff_headers(
    shown: Sequence[HeaderRow], parted: HeaderSplit, original: Sequence[HeaderRow] | None
) -> list[HeaderDiff]:
    """What a redrive does to each header, and how it differs from the original's (None: unknown)."""
    known: dict[str, list[bytes | None]] = {}
    for each in original or ():
        known.setdefault(each.name, []).append(each.stored)
    return [_fate(each, parted, known if original is not None else None) for each in shown]


def _fate(each: HeaderRow, parted: HeaderSplit, known: dict[str, list[bytes | None]] | None) -> HeaderDiff:
    if known is None:
        sign = " "
    elif each.name not in known:
        sign = "+"
    else:
        sign = " " if each.stored in known[each.name] else "≈"
    if each.ours:
        return HeaderDiff(sign, "accent", "ours")
    if each.name in parted.stripped:
        return HeaderDiff(sign, "muted", "stripped")
    return HeaderDiff(sign, "ok", "kept")


def missing(shown: Sequence[HeaderRow], original: Sequence[HeaderRow]) -> Iterator[HeaderRow]:
    """Headers of the original that the letter does not have."""
    names = {each.name for each in shown}
    return (each for each in original if each.name not in names)


def count_kept(found: Sequence[HeaderDiff]) -> str:
    """`1 kept · 9 stripped on redrive · 2 ours`."""
    kept = sum(fate.word == "kept" for fate in found)
    stripped = sum(fate.word == "stripped" for fate in found)
    ours = len(found) - kept - stripped
    return f"{kept} kept · {stripped} stripped on redrive" + (f" · {ours} ours" if ours else "")


def title(death: DeadLetterInfo) -> str:
    """The cause in one line."""
    return clean(death.text)
