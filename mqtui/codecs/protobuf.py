"""Protobuf's binary encoding, read with the descriptors of its schema.

Numbers stay numbers (64-bit ones too), enums are their names, bytes `{"base64"}`, fields have the names of the .proto
file. Well-known types have the JSON forms that the Protobuf documentation gives them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mqtui.codecs.decoded import Decoded, NotDecoded
from mqtui.codecs.framing import read_indexes
from mqtui.codecs.hints import CodecInput
from mqtui.codecs.json_writer import to_json_text
from mqtui.domain.schema import IdKind, Schema, SchemaKind, SchemaNotFound, SchemaRef

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FileDescriptor
    from google.protobuf.message import Message

WELL_KNOWN = frozenset({"Timestamp", "Duration", "FieldMask", "Struct", "Value", "ListValue", "Any", "Empty"})
WRAPPERS = frozenset(
    f"{name}Value" for name in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
)
PACKAGE = "google.protobuf."


def decode(value: bytes, given: CodecInput) -> Decoded:
    """Decode a body without a frame: the rule names the file, and the message after `#` where it isn't the first."""
    file, _, message = given.argument.partition("#")
    if not file:
        raise NotDecoded("it has no schema id, and no schema file is named for it")
    try:
        schema = given.schemas.find(SchemaRef(IdKind.FILE, file))
    except SchemaNotFound as error:
        raise NotDecoded(str(error)) from error
    return decode_with(schema, value, message)


def decode_framed(schema: Schema, content: bytes, indexes: bytes | None, message: str) -> Decoded:
    """Decode a body with message indexes before it, or in a header (`indexes`), or with the message's name."""
    if indexes is None:
        path, content = read_indexes(content)
    else:
        path = read_indexes(indexes)[0] if indexes else (0,)
    return _decode(schema, content, find_message(schema, message, path))


def decode_with(schema: Schema, content: bytes, message: str = "") -> Decoded:
    """Decode a body by its schema; without a message's name by the first one of the file.

    Raises:
        NotDecoded: it does not fit, or the schema has no such message.
    """
    return _decode(schema, content, find_message(schema, message))


def find_message(schema: Schema, name: str, path: tuple[int, ...] = (0,)) -> Descriptor:
    """A message by its name, or where that is "" by its message indexes.

    Raises:
        NotDecoded: the schema can't be used, or has no such message.
    """
    return _find_by_name(schema, name) if name else _find_by_path(schema, path)


def _decode(schema: Schema, content: bytes, descriptor: Descriptor) -> Decoded:
    from google.protobuf.message import DecodeError
    from google.protobuf.message_factory import GetMessageClass

    message = GetMessageClass(descriptor)()
    try:
        message.ParseFromString(content)
    except DecodeError as error:
        raise NotDecoded(f"it does not fit {descriptor.full_name}: {error}") from error
    if content and not message.ListFields():
        raise NotDecoded(f"{descriptor.full_name} has none of its fields")
    return Decoded(to_json_text(_to_value(message)), "protobuf", (), f"{schema.name} {descriptor.full_name}")


def _find_by_path(schema: Schema, path: tuple[int, ...]) -> Descriptor:
    main = _main_file(schema)
    siblings = list(main.message_types_by_name.values())
    found: Descriptor | None = None
    for index in path:
        if not 0 <= index < len(siblings):
            raise NotDecoded(f"{schema.name} has no message at {'.'.join(map(str, path))}")
        found = siblings[index]
        siblings = list(found.nested_types)
    if found is None:
        raise NotDecoded(f"{schema.name} has no message")
    return found


def _find_by_name(schema: Schema, name: str) -> Descriptor:
    pool = _main_file(schema).pool
    package = _main_file(schema).package
    for full in (name, f"{package}.{name}"):
        try:
            return pool.FindMessageTypeByName(full)
        except KeyError:
            continue
    raise NotDecoded(f"{schema.name} has no message {name}")


@lru_cache(maxsize=128)
def _main_file(schema: Schema) -> FileDescriptor:
    """The schema's own file, in a pool of its own with all that it imports."""
    from google.protobuf.descriptor_pb2 import FileDescriptorSet
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message import DecodeError

    if schema.kind is not SchemaKind.PROTOBUF:
        raise NotDecoded(f"{schema.name} is no Protobuf schema")
    try:
        files = FileDescriptorSet.FromString(schema.content).file
    except DecodeError as error:
        raise NotDecoded(f"{schema.name} is no FileDescriptorSet: {error}") from error
    if not files:
        raise NotDecoded(f"{schema.name} has no file")
    pool = DescriptorPool()
    try:
        for file in files:
            pool.Add(file)
        return pool.FindFileByName(files[-1].name)
    except (TypeError, KeyError, ValueError) as error:
        raise NotDecoded(f"{schema.name} can't be used: {error}") from error


def _to_value(message: Message) -> Any:
    name = message.DESCRIPTOR.full_name
    if name.startswith(PACKAGE):
        short = name.removeprefix(PACKAGE)
        if short in WRAPPERS:
            return message.value  # type: ignore[attr-defined]
        if short in WELL_KNOWN:
            return _well_known(message)
    row: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        if field.has_presence and not message.HasField(field.name):
            continue
        row[field.name] = _field_value(field, getattr(message, field.name))
    unknown = _unknown_fields(message)
    return row | {"?": unknown} if unknown else row


def _well_known(message: Message) -> Any:
    from google.protobuf.json_format import Error, MessageToDict

    pool: Any = message.DESCRIPTOR.file.pool
    try:
        return MessageToDict(message, descriptor_pool=pool)
    except (Error, TypeError, ValueError):
        return {field.name: getattr(message, field.name) for field in message.DESCRIPTOR.fields}


def _field_value(field: Any, value: Any) -> Any:
    inner = field.message_type
    if inner is not None and inner.GetOptions().map_entry:
        kind = inner.fields_by_name["value"]
        return {key: _single(kind, value[key]) for key in value}
    return [_single(field, each) for each in value] if field.is_repeated else _single(field, value)


def _single(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        return _to_value(value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return value if known is None else known.name
    return value


def _unknown_fields(message: Message) -> list[int]:
    """The numbers of fields that the schema does not know."""
    from google.protobuf.unknown_fields import UnknownFieldSet

    fields: Any = UnknownFieldSet(message)
    return sorted({field.field_number for field in fields})
