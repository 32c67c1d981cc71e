"""The manual's page on `--json`, made from the rows and fields."""

from __future__ import annotations

from collections.abc import Iterator

from mqtui.services.json_fields import FIELDS, TYPES
from mqtui.services.json_row_types import ROWS
from mqtui.services.json_schema import list_commands

INTRODUCTION = (
    "# JSON lines\n\n"
    "Every verb takes `--json`: one object a line on stdout, nothing else there. Notes and errors are on stderr. "
    "This page is made from the JSON Schema that mqtui prints:\n\n"
    "```console\n"
    "$ mqtui schema-of peek\n"
    "$ mqtui schema-of runs show\n"
    "$ mqtui schema-of errors\n"
    "```\n\n"
    "`-o yaml` prints the same rows as YAML documents, `-o csv` under one head: text and numbers as they are, null as "
    "an empty cell, everything else as JSON.\n\n"
    "A field has one name and one type wherever it stands. Later versions may add fields: let those pass that you do "
    "not know."
)


def json_reference() -> str:
    """The page in Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield INTRODUCTION
    yield "\n## Types\n\n| type | means |\n|---|---|"
    for name, kind in TYPES.items():
        yield f"| {name} | {_cell(kind.schema['description'])} |"
    yield "\n## Lines of each command\n\n| command | lines |\n|---|---|"
    for each in list_commands():
        yield f"| `{each.command}` | {', '.join(map(_words, each.rows))} |"
    yield "\n## Objects\n\nWhat is in parentheses is not always there."
    for name, row in ROWS.items():
        optional = f" ({', '.join(f'`{field}`' for field in row.optional)})" if row.optional else ""
        yield f"\n**{_words(name)}**: {row.about}\n{', '.join(f'`{field}`' for field in row.required)}{optional}"
    yield "\n## Fields\n\n| field | type | means |\n|---|---|---|"
    for name, field in sorted(FIELDS.items()):
        yield f"| `{name}` | {_cell(field.type.words)} | {_cell(field.about)} |"


def _words(row: str) -> str:
    return row.replace("_", " ")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
