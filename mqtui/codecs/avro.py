"""Avro's binary encoding (Apache Avro 1.12), read with the schema it was written with.

fastavro's compiled reader neither bounds the depth of a value nor the length of an array whose items take no bytes: a
schema that refers to itself is read by its Python reader, and a schema by which a few bytes have no end is refused.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mqtui.codecs.decoded import Decoded, NotDecoded
from mqtui.codecs.hints import CodecInput
from mqtui.codecs.json_writer import TOO_DEEP, to_json_text
from mqtui.domain.schema import IdKind, Schema, SchemaKind, SchemaNotFound, SchemaRef

SINGLE_OBJECT = b"\xc3\x01"
"""First bytes of Avro's single-object encoding; the schema's 64-bit Rabin fingerprint follows."""

FINGERPRINT_BYTES = 8
MIN_BYTES = {"null": 0, "float": 4, "double": 8}
"""Bytes of the smallest value of a primitive type; 1 for the others."""

NAMED = frozenset({"record", "error", "enum", "fixed"})
PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})


def decode(value: bytes, given: CodecInput) -> Decoded:
    """Decode a body without a frame by the schema file that the rule names."""
    if not given.argument:
        raise NotDecoded("it has no schema id, and no schema file is named for it")
    try:
        schema = given.schemas.find(SchemaRef(IdKind.FILE, given.argument))
    except SchemaNotFound as error:
        raise NotDecoded(str(error)) from error
    return decode_with(schema, value)


def decode_with(schema: Schema, content: bytes) -> Decoded:
    """Decode a body by its schema.

    Raises:
        NotDecoded: it does not fit, or the schema can't be used.
    """
    if schema.kind is not SchemaKind.AVRO:
        raise NotDecoded(f"{schema.name} is no Avro schema")
    parsed = parse(schema)
    if content.startswith(SINGLE_OBJECT) and _fingerprint(schema) == content[2 : 2 + FINGERPRINT_BYTES]:
        content = content[2 + FINGERPRINT_BYTES :]
    try:
        value = _read(parsed.schema, content, parsed.recursive)
    except (OverflowError, ValueError) as error:
        if not parsed.has_logical_types or "left over" in str(error):
            raise NotDecoded(f"it does not fit {schema.name}: {error}") from error
        value = _read_plain(schema, content, parsed.recursive)
    except RecursionError as error:
        raise NotDecoded(TOO_DEEP) from error
    except Exception as error:
        raise NotDecoded(f"it does not fit {schema.name}: {_describe(error)}") from error
    return Decoded(to_json_text(value), "avro", (), schema.name)


def _read_plain(schema: Schema, content: bytes, recursive: bool) -> object:  # noqa: FBT001
    """Read it without logical types: a time may lie outside of Python's years."""
    try:
        return _read(parse(schema, logical=False).schema, content, recursive)
    except Exception as error:
        raise NotDecoded(f"it does not fit {schema.name}: {_describe(error)}") from error


def _read(schema: Any, content: bytes, recursive: bool) -> object:  # noqa: FBT001
    if recursive:
        from fastavro._read_py import schemaless_reader
    else:
        from fastavro import schemaless_reader
    source = io.BytesIO(content)
    value: object = schemaless_reader(source, schema, None)
    if left := len(content) - source.tell():
        raise ValueError(f"{left:,} bytes are left over")
    return value


def _describe(error: Exception) -> str:
    if isinstance(error, EOFError | IndexError):
        return "it is cut off, or was written with another schema"
    return str(error) or type(error).__name__


@dataclass(frozen=True, slots=True)
class ParsedSchema:
    """A schema as fastavro takes it."""

    schema: Any
    recursive: bool
    has_logical_types: bool
    named: Mapping[str, Any]
    """The named types, by their full names."""


@lru_cache(maxsize=128)
def parse(schema: Schema, *, logical: bool = True) -> ParsedSchema:
    """A schema with those that it uses.

    Raises:
        NotDecoded: it is no valid Avro schema.
    """
    from fastavro import parse_schema
    from fastavro.schema import SchemaParseException

    named: dict[str, Any] = {}
    try:
        for each in schema.references:
            parse_schema(_load(each.content, logical), named_schemas=named)
        source = _load(schema.content, logical)
        walk = _SchemaWalk()
        for each in schema.references:
            walk.min_bytes(_load(each.content, logical), "", ())
        walk.min_bytes(source, "", ())
        parsed = parse_schema(source, named_schemas=named)
    except (SchemaParseException, KeyError, TypeError, AttributeError, ValueError) as error:
        raise NotDecoded(f"{schema.name} is no valid Avro schema: {error}") from error
    except RecursionError as error:
        raise NotDecoded(f"{schema.name} is nested too deep") from error
    return ParsedSchema(parsed, walk.recursive, b'"logicalType"' in schema.content, named)


@lru_cache(maxsize=128)
def _fingerprint(schema: Schema) -> bytes:
    """The fingerprint of its canonical form; none where it uses types of other schemas."""
    from fastavro.schema import SchemaParseException, fingerprint, to_parsing_canonical_form

    try:
        return bytes.fromhex(fingerprint(to_parsing_canonical_form(_load(schema.content, True)), "CRC-64-AVRO"))
    except (SchemaParseException, KeyError, TypeError, ValueError):
        return b""


def _load(content: bytes, logical: bool) -> Any:  # noqa: FBT001
    text = content.decode()
    if not logical:
        text = re.sub(r'"logicalType"\s*:', '"notLogicalType":', text)
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        if re.fullmatch(r"\s*[\w.]+\s*", text):
            return text.strip()
        raise


class _SchemaWalk:
    """Walks a schema for what a reader must know of it before it reads bytes that somebody else wrote."""

    def __init__(self) -> None:
        self.recursive = False
        self._types: dict[str, tuple[Any, str]] = {}
        self._sizes: dict[str, int] = {}

    def min_bytes(self, schema: Any, space: str, path: tuple[str, ...]) -> int:
        """The bytes of the smallest value.

        Raises:
            ValueError: a type contains itself, or the items of an array take no bytes.
        """
        match schema:
            case str():
                return self._min_of_name(schema, space, path)
            case list():
                return self._min_of_union(schema, space, path)
            case {"type": ("array" | "map") as kind}:
                inner = schema["items" if kind == "array" else "values"]
                if self._min_or_endless(inner, space, path) == 0 and kind == "array":
                    raise ValueError("the items of an array take no bytes, so a few bytes may hold any number")
                return 1
            case {"type": str() as kind} if kind in NAMED:
                return self._min_of_named(schema, kind, space, path)
            case Mapping():
                return self.min_bytes(schema["type"], space, path)
        raise ValueError(f"{str(schema)[:80]} is no type")

    def _min_or_endless(self, schema: Any, space: str, path: tuple[str, ...]) -> int | None:
        try:
            return self.min_bytes(schema, space, path)
        except _EndlessTypeError:
            return None

    def _min_of_name(self, name: str, space: str, path: tuple[str, ...]) -> int:
        if name in PRIMITIVES:
            return MIN_BYTES.get(name, 1)
        full = name if "." in name or not space else f"{space}.{name}"
        full = full if full in self._types or full in path else name
        if full in path:
            self.recursive = True
            raise _EndlessTypeError(f"{full} contains itself")
        return self._sizes.get(full, 1)

    def _min_of_union(self, branches: list[Any], space: str, path: tuple[str, ...]) -> int:
        sizes: list[int] = []
        for branch in branches:
            try:
                sizes.append(self.min_bytes(branch, space, path))
            except _EndlessTypeError as error:
                last = error
        if not sizes:
            raise last if branches else ValueError("a union has no branches")
        return 1 + min(sizes)

    def _min_of_named(self, schema: Any, kind: str, space: str, path: tuple[str, ...]) -> int:
        name = str(schema["name"])
        space = name.rpartition(".")[0] or str(schema.get("namespace", space) or "")
        full = name if "." in name or not space else f"{space}.{name}"
        self._types[full] = (schema, space)
        if kind in ("enum", "fixed"):
            size = 1 if kind == "enum" else int(schema["size"])
        else:
            size = sum(self.min_bytes(field["type"], space, (*path, full)) for field in schema["fields"])
        self._sizes[full] = size
        return size


class _EndlessTypeError(ValueError):
    """A type contains itself on every branch, so it has no value."""
