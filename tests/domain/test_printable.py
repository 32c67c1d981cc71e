"""Text of strangers on its way to a terminal."""

from __future__ import annotations

import random
import unicodedata

import pytest

from mqtui.domain.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("orders", "orders"),
        ("größe 受注 👍", "größe 受注 👍"),
        ("\x1b]52;c;cHduZWQ=\x07evil", "␛]52;c;cHduZWQ=␇evil"),
        ("bad\nrow\r\tx\x00", "bad␊row␍␉x␀"),
        ("\x7f\x9b2J", "␡<U+009B>2J"),
        ("a\u202eb\u2066c\u200bd", "a<U+202E>b<U+2066>c<U+200B>d"),
        ("line\u2028separated\u2029", "line<U+2028>separated<U+2029>"),
        (b"\xff\x80x".decode("utf-8", "surrogateescape"), "\\xff\\x80x"),
        ("\ud800", "<U+D800>"),
        ("tag\U000e0041", "tag<U+E0041>"),
        ("e\u0301", "e\u0301"),
    ],
)
def test_what_a_terminal_would_act_on_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_no_text_keeps_a_control_or_a_format_character() -> None:
    seed = 20261129
    chosen = random.Random(seed)
    special = [*range(0x00, 0x100), *range(0x2000, 0x2070), *range(0xDC80, 0xDD00), 0xFEFF, 0x061C, 0xE0001]
    for _ in range(10_000):
        codes = [
            chosen.choice(special) if chosen.random() < 0.5 else chosen.randrange(0x110000)
            for _ in range(chosen.randrange(12))
        ]
        shown = printable("".join(map(chr, codes)))
        acted_on = [sign for sign in shown if unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
        assert not acted_on, (seed, codes)
        assert printable(shown) == shown
