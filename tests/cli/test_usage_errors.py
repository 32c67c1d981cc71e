"""What is there, and what is not: absent verbs and flags are usage errors, never accepted and ignored."""

from __future__ import annotations

import pytest

from mqtui import __version__
from mqtui.cli import COMMANDS
from tests.cli.command_line import Mqtui

VERBS = tuple(COMMANDS)
LATER = ("rpc", "key", "doctor", "serve")


def test_bare_mqtui_prints_help(mqtui: Mqtui) -> None:
    told = mqtui().ok()
    assert "Usage: mqtui" in told.text
    for verb in VERBS:
        assert f"  {verb} " in told.text


def test_the_version(mqtui: Mqtui) -> None:
    assert __version__ in mqtui("--version").ok().text


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(mqtui: Mqtui, verb: str) -> None:
    assert f"Usage: mqtui {verb}" in mqtui(verb, "--help").ok().text


@pytest.mark.parametrize("verb", LATER)
def test_a_verb_of_later_is_absent(mqtui: Mqtui, verb: str) -> None:
    assert mqtui(verb, "redis://127.0.0.1:1/0").fails(2).out == b""


@pytest.mark.parametrize(
    "words",
    [
        ("redrive", "redis://127.0.0.1:1/0", "d", "--unordered"),
        ("discard", "redis://127.0.0.1:1/0", "s", "--to", "t"),
    ],
)
def test_a_flag_of_later_is_absent(mqtui: Mqtui, words: tuple[str, ...]) -> None:
    mqtui(*words).fails(2, "No such option")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("peek", "redis://127.0.0.1:1/0", "s", "-n", "0"), "-n"),
        (("peek", "nothing-like-it", "s"), "profile"),
        (("peek", "http://127.0.0.1", "s"), "http"),
        (("pending", "redis://127.0.0.1:1/0", "s", "g", "--min-idle", "soon"), "duration"),
        (("claim", "redis://127.0.0.1:1/0", "s", "g", "nonsense", "--to", "w", "--min-idle", "1s"), "entry id"),
        (("redrive", "redis://127.0.0.1:1/0", "d", "--from", "yesterday-ish"), "time"),
        (("offsets", "redis://127.0.0.1:1/0", "g", "s", "--to", "somewhere"), "shift:-10"),
        (("offsets", "redis://127.0.0.1:1/0", "g", "s", "--to", "oldest", "--skip", "1"), "one of --to"),
        (("offsets", "redis://127.0.0.1:1/0", "g", "--to", "oldest"), "RESOURCE"),
        (("offsets", "redis://127.0.0.1:1/0", "g", "s", "--to", "oldest", "--copy-to", "d"), "--skip N"),
        (("publish", "redis://127.0.0.1:1/0", "s", "-H", "novalue"), "NAME=VALUE"),
        (("demo", "--only", "mqseries", "--headless"), "mqseries"),
    ],
)
def test_bad_input_is_named(mqtui: Mqtui, words: tuple[str, ...], said: str) -> None:
    done = mqtui(*words)
    assert done.code in (1, 2)
    assert said in done.err
    assert "Traceback" not in done.err


def test_completion_of_three_shells(mqtui: Mqtui) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert "_MQTUI_COMPLETE" in mqtui("completion", shell).ok().text
