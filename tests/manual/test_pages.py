"""The manual says what the code does: every command, variable, option, risk and link in it is one that exists."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import click
import pytest

from mqtui.brokers.registry import traits_of
from mqtui.cli import COMMANDS, exit_codes
from mqtui.cli import mqtui as group
from mqtui.domain.resource import BrokerKind
from mqtui.services.manual import FOLDER, ORDER, PAGES_OF_COMMANDS, find_page
from tests.architecture.house import PACKAGE, modules
from tests.cli.command_line import Mqtui
from tests.manual.documents import PAGES, README, calls, printed

VARIABLE = re.compile(r"\bMQTUI_[A-Z_]*[A-Z]\b")
LINK = re.compile(r"\]\(([^)#:]+)\)")
SAID_OTHERWISE = {"MQTUI_SECRET_PROD", "MQTUI_SECRET_PROD_KAFKA", "MQTUI_COMPLETE"}
"""Examples of variables that the manual has under NAME, and what click asks of itself."""


def page(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def test_every_page_has_its_place() -> None:
    assert sorted(ORDER) == [path.stem for path in PAGES]
    assert set(PAGES_OF_COMMANDS) | {"help", "pending"} == set(COMMANDS)
    assert set(PAGES_OF_COMMANDS.values()) <= set(ORDER)


@pytest.mark.parametrize("path", [README, *PAGES], ids=lambda path: path.stem)
def test_every_command_is_one_that_can_be_typed(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("FILE").touch()
    for line in printed(path):
        for words in calls(line.command):
            parse(words)


def parse(words: list[str]) -> None:
    """Let click read the words as it would before running them."""
    command: click.Command = group
    context = click.Context(group, info_name="mqtui")
    while words and isinstance(command, click.Group) and words[0] in command.list_commands(context):
        found = command.get_command(context, words[0])
        assert found is not None
        command, words = found, words[1:]
        context = click.Context(command, parent=context, info_name=command.name)
    if command is group:
        assert not any(word.startswith("-") for word in words) and len(words) <= 2, words
        return
    command.make_context(command.name, list(words), parent=context.parent)


def test_every_variable_is_told_and_every_one_told_is_read() -> None:
    read = {name for path in modules() for name in VARIABLE.findall(path.read_text())} - SAID_OTHERWISE
    told = set(VARIABLE.findall(page("configuration")))
    kinds = {"MQTUI_SECRET_RABBITMQ", "MQTUI_SECRET_KAFKA", "MQTUI_SECRET_REDIS", "MQTUI_SECRET_NAME"}
    spelt = kinds | {"MQTUI_SECRET_NAME_KIND", "MQTUI_KEY_NAME"}
    assert read - told == set()
    assert told - read <= spelt


def test_every_risk_is_told_and_every_one_told_exists() -> None:
    told = {name for row in re.findall(r"^\| (`[^|]*)\|", page("risks"), re.M) for name in re.findall(r"`(.*?)`", row)}
    assert told == risks()


def risks() -> set[str]:
    """The names that risks are made with: words, or constants of the module."""
    found: set[str] = set()
    for path in modules():
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Risk" and node.args:
                name = node.args[0]
                if isinstance(name, ast.Constant):
                    found.add(str(name.value))
                elif isinstance(name, ast.Name):
                    module = import_module(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))
                    found.add(getattr(module, name.id))
    return found


def test_every_exit_code_is_told() -> None:
    codes = [
        exit_codes.DONE,
        exit_codes.INCOMPLETE,
        exit_codes.USAGE,
        exit_codes.NO_CONNECTION,
        exit_codes.REFUSED,
        exit_codes.INTERRUPTED,
    ]
    assert re.findall(r"^\| (\d+) \|", page("exit-codes"), re.M) == [str(code) for code in codes]


def test_the_options_worth_telling_are_told() -> None:
    text = page("connecting")
    told = [option.name for kind in BrokerKind for option in traits_of(kind).options.options.values() if option.meaning]
    assert told and [name for name in told if name not in text] == []


@pytest.mark.parametrize("path", [README, *PAGES], ids=lambda path: path.stem)
def test_every_link_leads_somewhere(path: Path) -> None:
    links = LINK.findall(path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_help_lists_the_pages_and_prints_one(mqtui: Mqtui) -> None:
    listed = mqtui("help").ok().text
    assert [line.split()[0] for line in listed.splitlines()[1:]] == list(ORDER)
    assert mqtui("help", "risks").ok().text == page("risks")
    assert mqtui("help", "redrive").ok().text == find_page("dead-letters").text
    assert mqtui("help", "trouble").ok().text == page("troubleshooting")
    mqtui("help", "nonsense").fails(1, "The manual has no page nonsense", "troubleshooting")
