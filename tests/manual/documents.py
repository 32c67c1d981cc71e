"""What is printed in the README and the manual: the commands, and what they answer."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mqtui.services.manual import FOLDER

README = Path(__file__).parents[2] / "README.md"
PAGES = sorted(FOLDER.glob("*.md"))
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANY = "..."
"""A line that stands for any number of lines."""


@dataclass(slots=True)
class Printed:
    """A command as it is printed, without its prompt, and the lines of its answer that are printed with it."""

    command: str
    answer: list[str] = field(default_factory=list)


def printed(path: Path) -> list[Printed]:
    """All commands of a document in the order printed."""
    found: list[Printed] = []
    for block in BLOCK.findall(path.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Printed(line.removeprefix("$ ")))
            else:
                found[-1].answer.append(line)
    return found


def calls(command: str) -> Iterator[list[str]]:
    """The words of each call of mqtui in a command line."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    words: list[str] | None = None
    for word in [*lexer, "|"]:
        if set(word) <= set("|&;<>"):
            if words:
                yield words
            words = None
        elif word == "mqtui" and words is None:
            words = []
        elif words is not None:
            words.append(word)


def shape(line: str) -> str:
    """A line without what differs from run to run: numbers, times, ids, bounds, and how wide columns are."""
    line = re.sub(r"\b(run|plan) [0-9A-F]{4}\b|^[0-9A-F]{4} ", "# ", line)
    line = re.sub(r"[≈≤≥] ?", "", line)
    line = re.sub(r"\d[\d,.:-]*", "#", line)
    return re.sub(r"\s+", " ", line).strip()
