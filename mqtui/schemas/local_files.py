"""Schemas in files of this machine, as a profile names them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from mqtui.domain.schema import IdKind, RegisteredSchema, Schema, SchemaKind, SchemaNotFound, SchemaRef, SchemaReference
from mqtui.schemas.protoc import compile_proto

MAX_BYTES = 16 * 1024 * 1024
"""The largest schema file."""

DESCRIPTOR_SUFFIXES = (".desc", ".pb", ".protoset", ".binpb")
AVRO_TYPES = frozenset({"record", "enum", "fixed", "array", "map"})


class LocalSchemas:
    """The schemas of some files, read once. It finds them by the name they were asked for with."""

    def __init__(self, folder: Path, names: Iterable[str] = ()) -> None:
        """Read the files. Relative names are below `folder`. It may block, and runs the Protobuf compiler."""
        self._found: dict[str, Schema | str] = {}
        for name in names:
            try:
                self._found[name] = _load((folder / Path(name).expanduser()).resolve())
            except SchemaNotFound as error:
                self._found[name] = str(error)

    def find(self, ref: SchemaRef) -> Schema:
        """The schema of a file.

        Raises:
            SchemaNotFound: it can't be read, or the reference is no file.
        """
        found = self._found.get(ref.id) if ref.kind is IdKind.FILE else None
        if isinstance(found, Schema):
            return found
        raise SchemaNotFound(found or f"{ref} is needed, and no registry or file is given")

    @property
    def problems(self) -> tuple[str, ...]:
        """Why files could not be read."""
        return tuple(found for found in self._found.values() if isinstance(found, str))


def read_definition(path: Path, references: Iterable[SchemaReference] = ()) -> RegisteredSchema:
    """The source of a schema file, as a registry takes it, with the registered schemas that it uses. It blocks.

    Raises:
        SchemaNotFound: it can't be read, or no registry takes such a file.
    """
    suffix = path.suffix.lower()
    if suffix not in (".avsc", ".json", ".proto"):
        raise SchemaNotFound(f"{path.name} is no .avsc, .json or .proto file")
    content = _read(path)
    kind = SchemaKind.PROTOBUF if suffix == ".proto" else _kind_of_json(content, path)
    try:
        return RegisteredSchema(kind, content.decode("utf-8-sig"), tuple(references))
    except UnicodeDecodeError as error:
        raise SchemaNotFound(f"{path} is not UTF-8, at byte {error.start}") from error


def _load(path: Path) -> Schema:
    content = _read(path)
    suffix = path.suffix.lower()
    if suffix == ".proto":
        return Schema(SchemaKind.PROTOBUF, compile_proto(path), path.name)
    if suffix in DESCRIPTOR_SUFFIXES:
        return Schema(SchemaKind.PROTOBUF, content, path.name)
    if suffix not in (".avsc", ".json"):
        raise SchemaNotFound(f"{path.name} is no .avsc, .proto, .desc or .json file")
    return Schema(_kind_of_json(content, path), content, path.name)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SchemaNotFound(f"{path} is larger than {MAX_BYTES // 1024 // 1024} MiB")
        return path.read_bytes()
    except OSError as error:
        raise SchemaNotFound(f"{path} can't be read: {error.strerror or error}") from error


def _kind_of_json(content: bytes, path: Path) -> SchemaKind:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SchemaNotFound(f"{path} is no JSON: {error}") from error
    if path.suffix.lower() == ".avsc" or not isinstance(found, dict | bool):
        return SchemaKind.AVRO
    return (
        SchemaKind.AVRO if isinstance(found, dict) and found.get("type") in AVRO_TYPES - {"array"} else SchemaKind.JSON
    )
