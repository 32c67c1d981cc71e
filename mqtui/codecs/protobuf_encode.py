"""JSON to Protobuf's binary encoding, field by field, so that what does not fit is named by its path.

Fields have the names of the .proto file or Protobuf's JSON names; bytes are `{"base64"}`, enums names or numbers,
well-known types the JSON forms that the Protobuf documentation gives them.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from mqtui.codecs.base64_hex import from_base64
from mqtui.codecs.framing import write_indexes
from mqtui.codecs.misfit import NotEncoded, join_path, shown
from mqtui.codecs.protobuf import PACKAGE, WELL_KNOWN, WRAPPERS, find_message
from mqtui.domain.schema import Schema

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message


def encode(schema: Schema, value: Any, name: str) -> bytes:
    """The message indexes and the body of a value; `name` is a message of the schema, "" for its first.

    Raises:
        NotEncoded: it does not fit, with the path of what does not.
        NotDecoded: the schema can't be used, or has no such message.
    """
    from google.protobuf.message_factory import GetMessageClass

    descriptor = find_message(schema, name)
    message = GetMessageClass(descriptor)()
    _fill(message, value, "")
    return write_indexes(_index_path(descriptor)) + message.SerializeToString()


def _index_path(descriptor: Descriptor) -> list[int]:
    """The message indexes that lead to a message."""
    outer = descriptor.containing_type
    siblings = outer.nested_types if outer is not None else descriptor.file.message_types_by_name.values()
    own = [each.full_name for each in siblings].index(descriptor.full_name)
    return [own] if outer is None else [*_index_path(outer), own]


def _fill(message: Message, value: Any, path: str) -> None:
    full = message.DESCRIPTOR.full_name
    short = full.removeprefix(PACKAGE) if full.startswith(PACKAGE) else ""
    if short in WELL_KNOWN:
        _fill_well_known(message, value, path)
        return
    if short in WRAPPERS:
        _set(message, message.DESCRIPTOR.fields_by_name["value"], value, path)
        return
    if not isinstance(value, dict):
        raise NotEncoded(path, f"{shown(value)} is no object ({full})")
    known = {field.json_name: field for field in message.DESCRIPTOR.fields} | dict(message.DESCRIPTOR.fields_by_name)
    for name, content in value.items():
        place = join_path(path, name)
        field = known.get(name)
        if field is None:
            raise NotEncoded(place, f"{full} has no such field")
        if content is not None:
            _fill_field(message, field, content, place)


def _fill_field(message: Message, field: Any, value: Any, path: str) -> None:
    inner = field.message_type
    if inner is not None and inner.GetOptions().map_entry:
        if not isinstance(value, dict):
            raise NotEncoded(path, f"{shown(value)} is no object")
        _fill_map(getattr(message, field.name), inner, value, path)
    elif field.is_repeated:
        if not isinstance(value, list):
            raise NotEncoded(path, f"{shown(value)} is no array")
        items = getattr(message, field.name)
        for number, each in enumerate(value):
            place = join_path(path, number)
            if inner is not None:
                _fill(items.add(), each, place)
            else:
                _call(items.append, _scalar(field, each, place), each, place)
    else:
        _set(message, field, value, path)


def _fill_map(found: Any, entry: Any, value: dict[str, Any], path: str) -> None:
    key_field, value_field = entry.fields_by_name["key"], entry.fields_by_name["value"]
    for name, content in value.items():
        place = join_path(path, name)
        key = _map_key(key_field, name, place)
        if value_field.message_type is not None:
            _fill(found[key], content, place)
        else:
            _call(partial(found.__setitem__, key), _scalar(value_field, content, place), content, place)


def _map_key(field: Any, name: str, path: str) -> Any:
    if field.cpp_type == field.CPPTYPE_STRING:
        return name
    if field.cpp_type == field.CPPTYPE_BOOL and name in ("true", "false"):
        return name == "true"
    try:
        return int(name)
    except ValueError:
        raise NotEncoded(path, f"{shown(name)} is no key of such a map") from None


def _set(message: Message, field: Any, value: Any, path: str) -> None:
    if field.message_type is not None:
        target = getattr(message, field.name)
        target.SetInParent()
        _fill(target, value, path)
    else:
        _call(partial(setattr, message, field.name), _scalar(field, value, path), value, path)


def _scalar(field: Any, value: Any, path: str) -> Any:
    if field.type == field.TYPE_BYTES:
        text = value.get("base64") if isinstance(value, dict) and len(value) == 1 else None
        content = from_base64(text) if isinstance(text, str) else None
        if content is None:
            raise NotEncoded(path, f'{shown(value)} is no bytes: write {{"base64": "…"}}')
        return content
    if field.enum_type is not None and isinstance(value, str):
        known = field.enum_type.values_by_name.get(value)
        if known is None:
            names = ", ".join(field.enum_type.values_by_name)
            raise NotEncoded(path, f"{shown(value)} is not one of {names}")
        return known.number
    is_fraction = field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE)
    if isinstance(value, bool) is not (field.cpp_type == field.CPPTYPE_BOOL):
        raise NotEncoded(path, f"{shown(value)} does not fit {field.full_name}")
    if isinstance(value, Decimal) and is_fraction:
        return float(value)
    if is_fraction and value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    return value


def _call(work: Any, item: Any, value: Any, path: str) -> None:
    try:
        work(item)
    except (TypeError, ValueError) as error:
        raise NotEncoded(path, f"{shown(value)} does not fit: {error}") from error


def _fill_well_known(message: Message, value: Any, path: str) -> None:
    import json

    from google.protobuf.json_format import Parse, ParseError

    pool: Any = message.DESCRIPTOR.file.pool
    try:
        Parse(json.dumps(value, default=str), message, descriptor_pool=pool)
    except (ParseError, ValueError, TypeError) as error:
        raise NotEncoded(path, f"{shown(value)} does not fit: {error}") from error
