"""The JSON of every command has a schema, which it keeps; `command_line` checks every answer by it."""

from __future__ import annotations

import json

import click

from mqtui.cli import mqtui as group
from mqtui.services.json_fields import FIELDS
from mqtui.services.json_reference import json_reference
from mqtui.services.json_row_types import COMMANDS, ROWS
from mqtui.services.manual import FOLDER
from tests.cli.broker_fixtures import BrokerFixture
from tests.cli.command_line import Mqtui
from tests.cli.json_lines import all_fields

JSON_OPTIONS = {"--json", "--headless"}


def commands_with_json(command: click.Group, before: str = "") -> set[str]:
    """The names of all commands that have an option for JSON."""
    found: set[str] = set()
    context = click.Context(command)
    for name in command.list_commands(context):
        each = command.get_command(context, name)
        assert each is not None
        if any(JSON_OPTIONS & set(param.opts) for param in each.params):
            found.add(before + name)
        if isinstance(each, click.Group):
            found |= commands_with_json(each, f"{before}{name} ")
    return found


def test_every_command_that_prints_json_has_a_schema() -> None:
    assert commands_with_json(group) == set(COMMANDS)


def test_every_field_and_row_is_used() -> None:
    used = {field for row in ROWS.values() for field in (*row.required, *row.optional)}
    assert used == set(FIELDS)


def test_a_field_has_one_type_in_all_commands(mqtui: Mqtui) -> None:
    """As the schemas print it: what a reader of two commands meets."""
    types: dict[str, str] = {}
    for command in (*COMMANDS, "errors"):
        printed = json.loads(mqtui("schema-of", *command.split()).ok().out)
        for name, schema in all_fields(printed):
            schema.pop("description", None)
            assert types.setdefault(name, json.dumps(schema)) == json.dumps(schema), (command, name)
    assert set(FIELDS) < set(types)


def test_a_command_without_json_is_named(mqtui: Mqtui) -> None:
    mqtui("schema-of", "nonsense").fails(1, "nonsense", "runs show")
    mqtui("schema-of").fails(2, "schema-of peek")


def test_the_manual_has_the_schema_as_it_is(mqtui: Mqtui) -> None:
    """`mqtui schema-of --markdown` writes the page."""
    assert (FOLDER / "json.md").read_text(encoding="utf-8") == json_reference()
    assert mqtui("schema-of", "--markdown").ok().text == json_reference()


def test_what_every_verb_prints_keeps_its_schema(mqtui: Mqtui, broker: BrokerFixture) -> None:
    """A night on one broker: each call is checked by `command_line`, a field without a schema too."""
    dlq, origin = broker.create_pair(3)
    url, j = broker.url, "--json"
    for verb in ("ls", "groups", "lag", "dlq"):
        assert mqtui(verb, url, j).ok().rows() or verb != "ls"
    assert len(mqtui("peek", url, dlq.name, "-n", "3", j).ok().rows()) == 3
    assert mqtui("publish", url, origin.name, "--value", "x", "--yes", j).ok().rows()[-1]["state"] == "stored"
    assert mqtui("dlq", url, dlq.name, j).ok().rows()
    assert len(mqtui("redrive", url, dlq.name, "--dry-run", j).ok().rows()) == 1
    run = mqtui("redrive", url, dlq.name, "--limit", "2", "--yes", j).ok().rows()[-1]["run"]
    mqtui("discard", url, dlq.name, "--yes", j).ok()
    for words in ("runs", "runs list", f"runs report {run}", "audit"):
        assert mqtui(*words.split(), j).ok().rows()
    assert mqtui("runs", "show", run, j).ok().rows()[-1]["result"]["moved"] == 2
    assert "error" in mqtui("peek", url, "nothing-like-it", j).fails(1).err


def test_profiles_keep_their_schema(mqtui: Mqtui) -> None:
    mqtui("profile", "add", "shop", "redis://127.0.0.1:1/0", "--json").ok()
    for words in ("list", "show shop", "remove shop --confirm shop"):
        assert mqtui("profile", *words.split(), "--json").ok().rows()
