"""What `--json` prints, as data: each field once with its type, the rows made of them, the rows of each command.

One name has one type wherever it stands. `schema_of` makes a JSON Schema of it, `json_reference` the manual's page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from mqtui.domain.errors import NotFound
from mqtui.services.json_fields import FIELDS, TYPES
from mqtui.services.json_row_types import COMMANDS, ROWS

Schema: TypeAlias = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
ERROR_ROW = "failure"
"""The row on stderr of every command that fails."""


@dataclass(frozen=True, slots=True)
class CommandRows:
    """The kinds of rows that a command prints on stdout."""

    command: str
    rows: tuple[str, ...]


def list_commands() -> list[CommandRows]:
    """Every command that takes `--json`, with its rows."""
    return [CommandRows(command, tuple(rows.split())) for command, rows in COMMANDS.items()]


def schema_of(command: str) -> Schema:
    """The JSON Schema of each line that `mqtui COMMAND --json` prints; of stderr with the command `errors`.

    A reader has to let fields pass that the schema does not have: later versions may add some.

    Raises:
        NotFound: there is no such command, or it prints no JSON.
    """
    rows = {each.command: each.rows for each in list_commands()} | {"errors": (ERROR_ROW,)}
    if command not in rows:
        raise NotFound(f"No JSON of {command!r} is known", "", f"There is that of {', '.join(rows)}.")
    return {
        "$schema": DIALECT,
        "title": f"A line of mqtui {command} --json",
        "anyOf": [{"$ref": f"#/$defs/{row}"} for row in rows[command]],
        "$defs": _definitions(rows[command]),
    }


def _definitions(rows: tuple[str, ...]) -> Schema:
    """The rows, and every row and type that they refer to."""
    made: Schema = {}
    waiting = list(rows)
    while waiting:
        name = waiting.pop()
        if name in made:
            continue
        made[name] = _row_schema(name) if name in ROWS else TYPES[name].schema
        waiting += _references(made[name])
    return dict(sorted(made.items()))


def _row_schema(name: str) -> Schema:
    row = ROWS[name]
    fields = {field: FIELDS[field].schema for field in (*row.required, *row.optional)}
    return {"description": row.about, "type": "object", "properties": fields, "required": list(row.required)}


def _references(schema: object) -> list[str]:
    """The names of the definitions that a schema refers to."""
    if isinstance(schema, dict):
        own = [schema["$ref"].removeprefix("#/$defs/")] if "$ref" in schema else []
        return own + [name for value in schema.values() for name in _references(value)]
    if isinstance(schema, list):
        return [name for value in schema for name in _references(value)]
    return []
