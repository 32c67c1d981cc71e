"""The README's generated parts are what the code says."""

from __future__ import annotations

from pathlib import Path

from mqtui.ui.key_table import key_table

README = Path(__file__).parents[2] / "README.md"
START, END = "<!-- keys, generated -->\n", "<!-- end of keys -->"


def test_the_key_table_is_current() -> None:
    """`python -m tests.ui.test_readme` writes it."""
    text = README.read_text()
    assert text[text.index(START) + len(START) : text.index(END)] == key_table()


if __name__ == "__main__":
    text = README.read_text()
    head, tail = text[: text.index(START) + len(START)], text[text.index(END) :]
    README.write_text(head + key_table() + tail)
