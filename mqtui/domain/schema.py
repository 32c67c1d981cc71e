"""Schemas of message bodies, and how a message says which one it was written with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SchemaKind(StrEnum):
    """The language a schema is written in."""

    AVRO = "avro"
    PROTOBUF = "protobuf"
    JSON = "json"


class IdKind(StrEnum):
    """What a schema is found by: a registry's id, or the name of a file."""

    ID = "id"
    GUID = "guid"
    GLOBAL_ID = "globalId"
    CONTENT_ID = "contentId"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class SchemaRef:
    """A schema as a message or a profile names it. A GUID has the 8-4-4-4-12 form."""

    kind: IdKind
    id: str

    def __str__(self) -> str:
        return self.id if self.kind is IdKind.FILE else f"schema {self.kind} {self.id}"


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema. `name` is shown to people.

    `content` is the JSON text of an Avro or JSON schema, or a serialized FileDescriptorSet (descriptor.proto) whose
    last file is the schema and whose other files are its imports. `references` are named types of an Avro schema that
    it uses and does not define, in the order in which they need each other.
    """

    kind: SchemaKind
    content: bytes
    name: str
    references: tuple[Schema, ...] = ()


@dataclass(frozen=True, slots=True)
class SchemaReference:
    """A schema that another one uses. `name` is how that one calls it: a type, the path of an import, a URI."""

    name: str
    subject: str
    version: int

    def __str__(self) -> str:
        return f"{self.subject} v{self.version}"


@dataclass(frozen=True, slots=True)
class RegisteredSchema:
    """A schema as a registry holds it. `text` is its source, or a Protobuf file's descriptor in base64."""

    kind: SchemaKind
    text: str
    references: tuple[SchemaReference, ...] = ()
    subject: str = ""
    version: int = 0
    id: int = 0


class SchemaNotFound(Exception):
    """A schema can't be had, with the reason."""
