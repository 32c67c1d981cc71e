"""A schema as its parts by their paths, so that a person reads it, and sees what differs between two."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from mqtui.domain.schema import Schema, SchemaKind

MAX_PARTS = 5_000
"""Parts of a schema that are listed."""

DEEPEST = 40
"""Levels of a schema that are listed."""

AVRO_TYPE = frozenset({"type", "name", "namespace", "fields", "items", "values", "symbols", "doc", "aliases", "size"})
"""Attributes of an Avro type that its text has already, or that say nothing of its values."""

JSON_PARTS = ("properties", "patternProperties", "$defs", "definitions")
JSON_NESTED = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")
JSON_LISTS = ("oneOf", "anyOf", "allOf", "prefixItems")
JSON_SAID = frozenset({*JSON_PARTS, *JSON_NESTED, *JSON_LISTS, "type", "required", "title", "description", "$schema"})

OutlinePart: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """A part of a schema that differs. `before` is None where it was added, `after` where it was removed."""

    path: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"+ {self.path}  {self.after}"
        return f"- {self.path}  {self.before}" if self.after is None else f"~ {self.path}  {self.before} → {self.after}"


def outline(schema: Schema) -> dict[str, str]:
    """The parts of a schema: what each is, by its path. Nothing where it can't be read."""
    try:
        match schema.kind:
            case SchemaKind.PROTOBUF:
                parts = _protobuf(schema.content)
            case SchemaKind.AVRO:
                parts = _avro(_load_avro(schema.content), "", frozenset(), 0)
            case SchemaKind.JSON:
                parts = _json(json.loads(schema.content), "", "", 0)
        found: dict[str, str] = {}
        for path, text in parts:
            if len(found) == MAX_PARTS:
                break
            found[path or "·"] = text
    except (ValueError, RecursionError, TypeError, AttributeError, KeyError):
        return {}
    return found


def compare(before: Schema, after: Schema) -> list[SchemaChange]:
    """What differs between two schemas, in their order: what is changed or removed where it stood, then what is new."""
    old, new = outline(before), outline(after)
    changed = [SchemaChange(path, text, new.get(path)) for path, text in old.items() if new.get(path) != text]
    return changed + [SchemaChange(path, None, text) for path, text in new.items() if path not in old]


def _load_avro(content: bytes) -> Any:
    try:
        return json.loads(content)
    except json.JSONDecodeError:
        return content.decode().strip()


def _avro(schema: Any, path: str, known: frozenset[str], depth: int, default: str = "") -> Iterator[OutlinePart]:
    """The parts of an Avro type; one that is defined further up is its name."""
    yield path, _avro_text(schema) + default
    if depth < DEEPEST:
        for place, inner, text in _avro_inside(schema, path):
            name = inner.get("name") if isinstance(inner, Mapping) else None
            if name not in known:
                yield from _avro(inner, place, known | {name} if isinstance(name, str) else known, depth + 1, text)


def _avro_inside(schema: Any, path: str) -> Iterator[tuple[str, Any, str]]:
    match schema:
        case list():
            complex_ones = [each for each in schema if isinstance(each, Mapping)]
            for each in complex_ones:
                place = path if len(complex_ones) == 1 else f"{path}<{_avro_text(each)}>"
                yield from _avro_inside(each, place)
        case {"type": "record" | "error", "fields": list() as fields}:
            for field in fields:
                default = f", default {_compact(field['default'])}" if "default" in field else ""
                yield _join(path, str(field["name"])), field["type"], default
        case {"type": "array", "items": items}:
            yield f"{path}[]", items, ""
        case {"type": "map", "values": values}:
            yield f"{path}{{}}", values, ""
        case {"type": (Mapping() | list()) as inner}:
            yield from _avro_inside(inner, path)


def _avro_text(schema: Any) -> str:
    match schema:
        case str():
            return schema
        case list():
            return " | ".join(map(_avro_text, schema))
        case {"type": "enum", "symbols": symbols}:
            return f"enum {_full_name(schema)}: {', '.join(map(str, symbols))}" + _rest(schema)
        case {"type": "fixed", "size": size}:
            return f"fixed {_full_name(schema)} of {size} bytes" + _rest(schema)
        case {"type": "array", "items": items}:
            return f"array of {_avro_text(items)}"
        case {"type": "map", "values": values}:
            return f"map of {_avro_text(values)}"
        case {"type": str() as kind}:
            return f"{kind} {_full_name(schema)}".rstrip() + _rest(schema)
        case {"type": inner}:
            return _avro_text(inner) + _rest(schema)
    return _compact(schema)


def _full_name(schema: Mapping[str, Any]) -> str:
    name, space = str(schema.get("name", "")), schema.get("namespace")
    return f"{space}.{name}" if space and "." not in name else name


def _rest(schema: Mapping[str, Any]) -> str:
    """Logical type, precision and other attributes."""
    told = [
        str(value) if name == "logicalType" else f"{name} {_compact(value)}"
        for name, value in schema.items()
        if name not in AVRO_TYPE
    ]
    return f" ({', '.join(told)})" if told else ""


def _json(schema: Any, path: str, needed: str, depth: int) -> Iterator[OutlinePart]:
    """The parts of a JSON schema; `needed` says whether the property is required."""
    if not isinstance(schema, Mapping):
        yield path, _compact(schema) + needed
        return
    kind = schema.get("type")
    text = " | ".join(map(str, kind)) if isinstance(kind, list) else str(kind or "any")
    told = [f"{name} {_compact(value)}" for name, value in schema.items() if name not in JSON_SAID]
    yield path, ", ".join([text, *told]) + needed
    if depth == DEEPEST:
        return
    required = schema.get("required") or ()
    for group in JSON_PARTS:
        for name, inner in (schema.get(group) or {}).items():
            place = name if group == "properties" else f"{group}.{name}"
            mark = (", required" if name in required else "") if group == "properties" else ""
            yield from _json(inner, _join(path, place), mark, depth + 1)
    for name in JSON_NESTED:
        if name in schema:
            yield from _json(schema[name], f"{path}[]" if name == "items" else _join(path, name), "", depth + 1)
    for name in JSON_LISTS:
        for number, inner in enumerate(schema.get(name) or ()):
            yield from _json(inner, _join(path, f"{name}[{number}]"), "", depth + 1)


def _protobuf(content: bytes) -> Iterator[OutlinePart]:
    from google.protobuf.descriptor_pb2 import FileDescriptorSet
    from google.protobuf.message import DecodeError

    try:
        files = FileDescriptorSet.FromString(content).file
    except DecodeError as error:
        raise ValueError(str(error)) from error
    file = files[-1]
    yield "package", f"{file.package or 'none'} ({file.syntax or 'proto2'})"
    for dependency in file.dependency:
        yield f"import {dependency}", "imported"
    for message in file.message_type:
        yield from _proto_message(message, "")
    for enum in file.enum_type:
        yield from _proto_enum(enum, "")


def _proto_message(message: Any, path: str) -> Iterator[OutlinePart]:
    place = _join(path, message.name)
    if message.options.map_entry:
        return
    yield place, "message"
    maps = {each.name: each for each in message.nested_type if each.options.map_entry}
    for field in message.field:
        entry = maps.get(field.type_name.rpartition(".")[2])
        text = _proto_type(field) if entry is None else f"map of {_proto_type(entry.field[1])}"
        label = {2: "required ", 3: "repeated " if entry is None else ""}.get(field.label, "")
        choice = f", one of {message.oneof_decl[field.oneof_index].name}" if field.HasField("oneof_index") else ""
        yield _join(place, field.name), f"{label}{text} = {field.number}" + ("" if field.proto3_optional else choice)
    for nested in message.nested_type:
        yield from _proto_message(nested, place)
    for enum in message.enum_type:
        yield from _proto_enum(enum, place)


def _proto_type(field: Any) -> str:
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto

    named: str = FieldDescriptorProto.Type.Name(field.type)
    return field.type_name.lstrip(".") or named.removeprefix("TYPE_").lower()


def _proto_enum(enum: Any, path: str) -> Iterator[OutlinePart]:
    place = _join(path, enum.name)
    yield place, "enum"
    for value in enum.value:
        yield _join(place, value.name), f"= {value.number}"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def describe_changes(changes: Sequence[SchemaChange]) -> str:
    """How many parts are added, removed and changed, in a few words."""
    if not changes:
        return "nothing"
    counts = {
        "added": sum(each.before is None for each in changes),
        "removed": sum(each.after is None for each in changes),
        "changed": sum(each.before is not None and each.after is not None for each in changes),
    }
    return ", ".join(f"{number} {word}" for word, number in counts.items() if number)
