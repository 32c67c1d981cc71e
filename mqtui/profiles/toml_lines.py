"""Where a setting stands in a TOML file: its line, for errors."""

from __future__ import annotations

import re

ELEMENT = re.compile(r"([\w\-]+)\[(\d+)\](?:\.(.+))?")
"""The key of a setting in an array of tables: `alert[2].over`."""


def line_of(text: str, place: int, key: str) -> int | None:
    """The line (from 1) of a setting of the profile with that index, else of its table; None where neither is found."""
    element = ELEMENT.fullmatch(key)
    if element is not None:
        lines = _lines_of_profile(text, place)
        if found := line_of_element(text, element[1], int(element[2]), element[3] or "", lines):
            return found
    table, _, name = key.partition("[")[0].rpartition(".")
    wanted = _setting(name) if name else None
    heading, inside, found = -1, "", None
    for number, line in enumerate(text.splitlines(), start=1):
        head = re.match(r"\s*\[\[?\s*([\w.\-]+)\s*\]", line)
        if head:
            inside = head[1].removeprefix("profile").removeprefix(".")
            heading += head[1] == "profile"
            if heading == place and (head[1] == "profile" or inside == key):
                found = number
        elif heading == place and inside == table and wanted and wanted.match(line):
            return number
    return found


def line_of_element(text: str, table: str, index: int, name: str, within: range | None = None) -> int | None:
    """The line of a setting of the table with that index in an array of tables, else of the table's head."""
    wanted, head = _setting(name), re.compile(rf"\s*\[\[\s*(?:profile\.)?{re.escape(table)}\s*\]\]")
    element, found = -1, None
    for number, line in enumerate(text.splitlines(), start=1):
        if within is not None and number not in within:
            continue
        if re.match(r"\s*\[", line):
            element += head.match(line) is not None
            if element == index and found is not None:
                break
            found = number if element == index and head.match(line) else found
        elif element == index and found is not None and name and wanted.match(line):
            return number
    return found


def _lines_of_profile(text: str, place: int) -> range:
    """The lines of a profile, from its head to the next one's."""
    heads = [
        number for number, line in enumerate(text.splitlines(), start=1) if re.match(r"\s*\[\[\s*profile\s*\]\]", line)
    ]
    if place >= len(heads):
        return range(0)
    return range(heads[place], heads[place + 1] if place + 1 < len(heads) else len(text.splitlines()) + 1)


def _setting(name: str) -> re.Pattern[str]:
    return re.compile(rf"""\s*["']?{re.escape(name)}["']?\s*=""")
