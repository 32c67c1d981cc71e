"""Joins a registered schema with those that it refers to into one that bodies can be decoded by."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mqtui.domain.schema import RegisteredSchema, Schema, SchemaKind, SchemaNotFound, SchemaReference
from mqtui.schemas.protoc import compile_sources

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

MAX_DEPTH = 32
"""Levels of references."""

MAX_SCHEMAS = 256
"""Schemas that one refers to, over all levels."""

MAIN_FILE = "schema.proto"
WELL_KNOWN = "google/protobuf/"

ReadVersion = Callable[[SchemaReference], RegisteredSchema]


def join_references(root: RegisteredSchema, name: str, read: ReadVersion) -> Schema:
    """The schema with all that it refers to. `read` gets a version of a subject; `name` is shown to people.

    Raises:
        SchemaNotFound: references lead in a circle, are too deep or too many, or are of another kind.
        MqtuiError: as `read`.
    """
    found = _ReferenceWalk(root.kind, name, read)
    found.walk(root, ())
    if root.kind is SchemaKind.PROTOBUF:
        content = _descriptor_set(root, found.by_name, name)
        return Schema(root.kind, content, name)
    references = tuple(Schema(each.kind, each.text.encode(), used) for used, each in found.by_name.items())
    return Schema(root.kind, root.text.encode(), name, references)


class _ReferenceWalk:
    """Visits references depth first. `by_name` has each before those that use it."""

    def __init__(self, kind: SchemaKind, root: str, read: ReadVersion) -> None:
        self.by_name: dict[str, RegisteredSchema] = {}
        self._kind = kind
        self._root = root
        self._read = read
        self._versions: dict[tuple[str, int], RegisteredSchema] = {}

    def walk(self, schema: RegisteredSchema, path: tuple[SchemaReference, ...]) -> None:
        for reference in schema.references:
            place = (reference.subject, reference.version)
            if any((each.subject, each.version) == place for each in path):
                circle = " → ".join(map(str, (*path, reference)))
                raise SchemaNotFound(f"the references of {self._root} lead in a circle: {circle}")
            if len(path) == MAX_DEPTH:
                raise SchemaNotFound(f"the references of {self._root} are deeper than {MAX_DEPTH} levels")
            if reference.name in self.by_name:
                continue
            found = self._versions.get(place)
            if found is None:
                if len(self._versions) == MAX_SCHEMAS:
                    raise SchemaNotFound(f"{self._root} refers to more than {MAX_SCHEMAS} schemas")
                found = self._versions[place] = self._read(reference)
            if found.kind is not self._kind:
                raise SchemaNotFound(f"{self._root} is of the kind {self._kind}, and {reference} of {found.kind}")
            self.walk(found, (*path, reference))
            self.by_name[reference.name] = found


def _descriptor_set(root: RegisteredSchema, references: Mapping[str, RegisteredSchema], name: str) -> bytes:
    """A serialized FileDescriptorSet, the schema's own file last. Sources are compiled where there is one."""
    from google.protobuf.descriptor_pb2 import FileDescriptorSet

    files = {used: _descriptor(each.text, used) for used, each in references.items()}
    main = _descriptor(root.text, MAIN_FILE)
    described = [file for file in (*files.values(), main) if file is not None]
    if len(described) == len(files) + 1:
        found = FileDescriptorSet()
        _add_well_known(found, described)
        found.file.extend(described)
        return found.SerializeToString()
    if described:
        raise SchemaNotFound(f"{name} came partly as its source and partly as a descriptor")
    sources = {used: each.text for used, each in references.items()}
    return compile_sources({**sources, MAIN_FILE: root.text}, MAIN_FILE, name)


def _descriptor(text: str, path: str) -> FileDescriptorProto | None:
    """The file of a descriptor in base64; None where the text is a source."""
    from google.protobuf.descriptor_pb2 import FileDescriptorProto
    from google.protobuf.message import DecodeError

    try:
        found = FileDescriptorProto.FromString(base64.b64decode(text, validate=True))
    except (binascii.Error, DecodeError, ValueError):
        return None
    found.name = path
    return found


def _add_well_known(found: FileDescriptorSet, files: list[FileDescriptorProto]) -> None:
    """Add the files of the Protobuf library itself, which no registry holds."""
    from google.protobuf import descriptor_pool

    added: set[str] = set()

    def add(path: str) -> None:
        if path in added or not path.startswith(WELL_KNOWN):
            return
        added.add(path)
        _import_well_known(path)
        try:
            known = descriptor_pool.Default().FindFileByName(path)
        except KeyError:
            return
        for dependency in known.dependencies:
            add(dependency.name)
        known.CopyToProto(found.file.add())

    for file in files:
        for dependency in file.dependency:
            add(dependency)


def _import_well_known(path: str) -> None:
    """Load the module that puts a file of the library into its pool."""
    import contextlib
    import importlib

    module = path.removesuffix(".proto").replace("/", ".") + "_pb2"
    if module.replace(".", "").replace("_", "").isalnum():
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
