"""JSON with indents and nothing else changed: numbers and strings stay as they are stored."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence

from mqtui.ui.render.messages.payload import MAX_LINE, clean
from mqtui.ui.render.table_model import Cell

INDENT = 2
DEEPEST = 40
"""Levels that are indented; deeper ones have the same indent."""

WINDOW = 65_536
"""Characters the scanner looks at in one step; longer strings are skipped to their closing quote."""

INLINE = 60
"""Characters up to which an object or array without others in it stays on one line."""

_STEP = re.compile(r'(?:[^"{}\[\],]++|"(?:[^"\\]++|\\.)*+")*+([{}\[\],])', re.DOTALL)
_SHORT = re.compile(r'[{\[](?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+[}\]]', re.DOTALL)
_SIGN = re.compile(r'["{}\[\],]')
_TOKEN = re.compile(
    r'(?P<string>"(?:[^"\\]|\\.)*+"?)(?P<colon>\s*:)?|(?P<number>-?\d[\d.eE+-]*)|(?P<literal>true|false|null)|(?P<other>[^"\d\s-]+|.)',
    re.DOTALL,
)


class JsonText:
    """A JSON document in lines. Invalid JSON is laid out as far as possible; nothing is left out."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts: array[int] = array("L")
        self._ends: array[int] = array("L")
        self._indents: array[int] = array("B")
        self._inside: array[int] = array("B")
        self._scan = self._scan_lines()
        self.done = False
        self.widest = 0

    def __len__(self) -> int:
        return len(self._inside)

    def grow(self, lines: int) -> None:
        """Lay out about so many further lines; a very long one counts once."""
        starts, ends, indents, inside = self._starts, self._ends, self._indents, self._inside
        widest, left = self.widest, lines
        for start, end, depth in self._scan:
            indent = depth * INDENT if depth < DEEPEST else DEEPEST * INDENT
            for at in range(start, end, MAX_LINE) if end > start + MAX_LINE else (start,):
                stop = min(at + MAX_LINE, end)
                starts.append(at)
                ends.append(stop)
                indents.append(indent)
                inside.append(at > start)
                if indent + stop - at >= widest:
                    widest = indent + stop - at + 1
            left -= 1
            if left == 0:
                break
        else:
            self.done = True
        self.widest = widest

    def _scan_lines(self) -> Iterator[tuple[int, int, int]]:
        """Start, end and depth of each line; white space between lines is skipped."""
        text, depth, at = self._text, 0, self._skip(0)
        start = at
        while (sign := self._next(at)) >= 0:
            mark = text[sign]
            if mark in "{[":
                short = _SHORT.match(text, sign, sign + INLINE)
                if short is not None and (start != sign or depth or short.end() - sign == 2):
                    at = short.end()
                    continue
                at = sign + 1
                yield start, at, depth
                depth += 1
                start = at = self._skip(at)
            elif mark == ",":
                at = sign + 1
                yield start, at, depth
                start = at = self._skip(at)
            else:
                if start < sign:
                    yield start, self._trim_end(start, sign), depth
                depth = max(0, depth - 1)
                start, at = sign, sign + 1
        if start < len(text):
            yield start, self._trim_end(start, len(text)), depth
        elif not text.strip():
            yield 0, 0, 0

    def _next(self, at: int) -> int:
        """The next bracket or comma outside strings, or -1."""
        text = self._text
        step = _STEP.match(text, at, at + WINDOW)
        if step is not None:
            return step.end() - 1
        while (found := _SIGN.search(text, at)) is not None:
            if found[0] != '"':
                return found.start()
            at = found.end()
            while True:
                quote = text.find('"', at)
                if quote < 0:
                    return -1
                at = quote + 1
                before = quote
                while text[before - 1] == "\\":
                    before -= 1
                if (quote - before) % 2 == 0:
                    break
        return -1

    def _skip(self, at: int) -> int:
        text = self._text
        while at < len(text) and text[at] in " \t\r\n":
            at += 1
        return at

    def _trim_end(self, start: int, end: int) -> int:
        while end > start and self._text[end - 1] in " \t\r\n":
            end -= 1
        return end

    def text(self, number: int) -> str:
        return "".join(text for text, _ in self.line(number))

    def line(self, number: int) -> Sequence[Cell]:
        """A line in pieces: keys, strings, numbers, literals and punctuation."""
        stored = self._text[self._starts[number] : self._ends[number]]
        pieces: list[Cell] = [(" " * self._indents[number], "")] if self._indents[number] else []
        if self._inside[number]:
            return [*pieces, (clean(stored), "ok")]
        for found in _TOKEN.finditer(stored):
            if found["string"] is not None:
                pieces.append((clean(found["string"]), "accent" if found["colon"] else "ok"))
                if found["colon"]:
                    pieces.append((": ", ""))
            elif found["number"] is not None:
                pieces.append((found["number"], "warn"))
            elif found["literal"] is not None:
                pieces.append((found["literal"], "dead"))
            elif not found["other"].isspace():
                other = found["other"]
                pieces.append((f"{clean(other)} " if other == "," and found.end() < len(stored) else clean(other), ""))
        return pieces
