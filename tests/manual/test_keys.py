"""The keys in the manual are those of the code."""

from __future__ import annotations

from mqtui.services.manual import FOLDER
from mqtui.ui.key_table import key_table

PAGE = FOLDER / "console.md"
START, END = "<!-- keys, generated -->\n", "<!-- end of keys -->"


def test_the_key_table_is_current() -> None:
    """`python -m tests.manual.test_keys` writes it."""
    text = PAGE.read_text()
    assert text[text.index(START) + len(START) : text.index(END)] == key_table()


if __name__ == "__main__":
    text = PAGE.read_text()
    head, tail = text[: text.index(START) + len(START)], text[text.index(END) :]
    PAGE.write_text(head + key_table() + tail)
