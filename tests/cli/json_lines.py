"""Checks what a command prints with `--json` against the JSON Schema that `mqtui schema-of` prints."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from mqtui.services.json_row_types import COMMANDS
from mqtui.services.json_schema import schema_of

MOST = 100
"""Lines of one answer that are checked: the first and the last."""


def check_lines(words: Sequence[object], out: bytes, err: str) -> None:
    """Each line of stdout is one of the command, and each error on stderr an error."""
    lines = out.splitlines()
    if len(lines) > MOST:
        lines = [*lines[: MOST // 2], *lines[-MOST // 2 :]]
    if lines:
        command = command_of(list(map(str, words)))
        for line in lines:
            check(command, line)
    for text in err.splitlines():
        if text.startswith('{"error"'):
            check("errors", text.encode())


def command_of(words: Sequence[str]) -> str:
    """The longest command that the words begin with, options left out."""
    named = [word for word in words if not word.startswith("-")]
    first = next(number for number, word in enumerate(named) if word in COMMANDS or word in ("profile", "schema"))
    return max(
        (" ".join(named[first : first + length]) for length in (1, 2)), key=lambda name: (name in COMMANDS, len(name))
    )


def check(command: str, line: bytes) -> None:
    problems = [best.message for best in validator_of(command).iter_errors(json.loads(line))]
    if problems:
        told = [
            context.message
            for error in validator_of(command).iter_errors(json.loads(line))
            for context in error.context or ()
        ]
        raise AssertionError(f"mqtui {command} --json: {line[:2000]!r}: {problems + told}")


@cache
def validator_of(command: str) -> Draft202012Validator:
    """Strict: a field that the schema does not have is a fault too."""
    closed = close(schema_of(command))
    Draft202012Validator.check_schema(closed)
    return Draft202012Validator(closed)


def close(schema: Any) -> Any:
    """The schema with no other fields in any object than those it names."""
    if isinstance(schema, list):
        return [close(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: close(value) for name, value in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        closed["additionalProperties"] = False
    return closed


def all_fields(schema: Any) -> Iterator[tuple[str, Any]]:
    """Every field of every object in a schema, with its own."""
    if isinstance(schema, list):
        for each in schema:
            yield from all_fields(each)
    elif isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
            yield from schema["properties"].items()
        for value in schema.values():
            yield from all_fields(value)
