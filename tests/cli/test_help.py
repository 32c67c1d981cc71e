"""The help of every command ends with examples that can be typed, and says how times are written."""

from __future__ import annotations

import click
import pytest

from mqtui.cli import COMMANDS
from mqtui.cli import mqtui as group
from mqtui.cli.examples import EXAMPLES
from tests.cli.command_line import Mqtui
from tests.manual.documents import calls
from tests.manual.test_pages import parse

WIDTH = 78
"""Columns of an example: two spaces stand before it."""


def command_names(command: click.Group, before: str = "") -> set[str]:
    found: set[str] = set()
    context = click.Context(command)
    for name in command.list_commands(context):
        found.add(before + name)
        each = command.get_command(context, name)
        if isinstance(each, click.Group):
            found |= command_names(each, f"{before}{name} ")
    return found


def test_every_command_has_examples() -> None:
    assert command_names(group) == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_can_be_typed(name: str) -> None:
    for line in EXAMPLES[name]:
        assert len(line) <= WIDTH
        assert line.partition("mqtui ")[2].startswith(name) or f"| mqtui {name}" in line
        for words in calls(line):
            parse(words)


def test_help_ends_with_them(mqtui: Mqtui) -> None:
    for name in COMMANDS:
        told = mqtui(name, "--help").ok().text
        assert all(f"  {line}\n" in told for line in EXAMPLES[name]), name
    assert EXAMPLES["runs show"][0] in mqtui("runs", "show", "-h").ok().text


@pytest.mark.parametrize(
    ("command", "said"),
    [("peek", "-15m (ago)"), ("redrive", "-15m (ago)"), ("pending", "2h, 6d"), ("publish", "2h, 6d")],
)
def test_help_says_how_times_are_written(mqtui: Mqtui, command: str, said: str) -> None:
    assert said in mqtui(command, "--help").ok().text
