"""No error says a password of a mistyped URL or a header (C96)."""

from __future__ import annotations

import pytest

from mqtui.state.redact import mask, mask_target, redact_command
from tests.cli.command_line import Mqtui

SECRET = "hunter2"
MISTYPED = (
    f"redis:/u:{SECRET}@h",
    f"redis//u:{SECRET}@h",
    f"redis/u:{SECRET}@h",
    f"u:{SECRET}@h:6379",
    f":{SECRET}@h",
    f"redis:u:{SECRET}@h",
    f"redis:///u:{SECRET}@h",
    f"u:{SECRET}",
    f"amqp//u:{SECRET}@h/v?management=http://x",
    f"u:{SECRET} with blanks@h",
    f"u:p@{SECRET}@h",
)


@pytest.mark.parametrize("target", MISTYPED)
def test_a_mistyped_target_is_masked(target: str) -> None:
    assert SECRET not in mask_target(target)
    assert "…" in mask_target(target)


@pytest.mark.parametrize("target", [each for each in MISTYPED if "@" in each])
def test_an_error_text_and_the_audits_command_are_masked(target: str) -> None:
    assert SECRET not in mask(f"Error: No such command '{target}'.")
    assert SECRET not in redact_command(["mqtui", "ls", target])


@pytest.mark.parametrize(
    "plain",
    [
        "Invalid value for '-H' / '--header': There is no = in it",
        "Got unexpected extra arguments (a b)",
        "kafka://h:9092,h2:9093",
        "mqtui ls kafka://h:9092 --log FILE",
        "Error: 'kafka://h:9092,h2:9093' has no topic (redis://h:6379).",
        "No such option '-k'.",
        "topic:orders",
    ],
)
def test_what_holds_no_password_is_said_as_it_is(plain: str) -> None:
    assert mask(plain) == plain


@pytest.mark.parametrize(
    "words",
    [
        ("ls", MISTYPED[0]),
        ("ls", MISTYPED[1]),
        ("ls", MISTYPED[3]),
        (MISTYPED[0],),
        (MISTYPED[3], "orders"),
        ("ls", f"redis://u:{SECRET}@h", "extra", MISTYPED[0]),
        ("profile", "add", "x", MISTYPED[1]),
        ("profile", "add", MISTYPED[3], "redis://h"),
        ("profile", "show", MISTYPED[3]),
        ("profile", "test", MISTYPED[1]),
        ("redrive", "redis://h", "q", "--to-target", MISTYPED[3]),
        ("publish", "redis://h", "q", "-H", f"Authorization: {SECRET}", "--value", "x"),
        ("publish", "redis://h", "q", f"--header=Authorization:{SECRET}", "--value", "x"),
        ("profile", "add", "x", "redis://h", "-o", f"password {SECRET}"),
    ],
)
def test_no_error_of_a_command_says_it(mqtui: Mqtui, words: tuple[str, ...]) -> None:
    done = mqtui(*words)
    assert done.code not in (0, 70)
    assert SECRET not in done.err + done.text
    assert SECRET not in mqtui(*words, "--json").err
