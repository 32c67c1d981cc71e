"""How a message differs in form from those before it: fields, types, encoding, key, headers, size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

MAX_DEPTH = 3
"""Levels of nested objects whose fields are compared."""

MAX_NAMED = 4
"""Differences of one kind that are named."""

MUCH_LARGER = 10
"""How many times the largest one before a message's size is told of."""

MIN_BYTES = 1_024


@dataclass(frozen=True, slots=True)
class MessageShape:
    """The form of a message. `fields` has the type of each field by its path, of an object's value only."""

    codec: str
    size: int
    has_key: bool = True
    schema: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    headers: frozenset[str] = frozenset()


def field_types(value: object, path: str = "", depth: int = 0) -> dict[str, str]:
    """The type of each field of a decoded value by its path: `order.total` -> `number`."""
    if not isinstance(value, dict) or depth >= MAX_DEPTH:
        return {}
    found: dict[str, str] = {}
    for name, inner in value.items():
        at = f"{path}.{name}" if path else str(name)
        found[at] = _type_name(inner)
        found |= field_types(inner, at, depth + 1)
    return found


def describe_differences(one: MessageShape, others: Sequence[MessageShape], where: str = "before it") -> str:
    """What sets a message apart from all of the others, in a phrase; "" where nothing does.

    `where` says which those are: `before it`, `after it`.
    """
    if not others:
        return ""
    phrases = [
        *_encoding(one, others),
        *_fields(one, others),
        *_names("header", one.headers, others),
        *_rest(one, others),
    ]
    return f"unlike the {len(others):,} {where}: {', '.join(phrases)}" if phrases else ""


def _encoding(one: MessageShape, others: Sequence[MessageShape]) -> Iterable[str]:
    codecs = Counter(other.codec for other in others)
    if one.codec not in codecs:
        yield f"{one.codec}, not {codecs.most_common(1)[0][0]}"
    schemas = Counter(other.schema for other in others if other.schema)
    if one.schema and schemas and one.schema not in schemas:
        yield f"schema {one.schema}, not {schemas.most_common(1)[0][0]}"


def _fields(one: MessageShape, others: Sequence[MessageShape]) -> Iterable[str]:
    with_fields = [other for other in others if other.fields]
    if not one.fields or len(with_fields) < len(others):
        return
    everywhere = set(with_fields[0].fields).intersection(*(other.fields for other in with_fields))
    somewhere = set().union(*(other.fields for other in with_fields))
    yield from _listed("without", _outermost(everywhere - set(one.fields)))
    yield from _listed("with", _outermost(set(one.fields) - somewhere))
    for name in sorted(everywhere & set(one.fields)):
        types = {other.fields[name] for other in with_fields}
        if one.fields[name] not in types and len(types) == 1:
            yield f'"{name}" is {one.fields[name]}, not {types.pop()}'


def _names(what: str, own: frozenset[str], others: Sequence[MessageShape]) -> Iterable[str]:
    everywhere = others[0].headers.intersection(*(other.headers for other in others))
    somewhere = frozenset().union(*(other.headers for other in others))
    yield from _listed(f"without the {what}", everywhere - own)
    yield from _listed(f"with the {what}", own - somewhere)


def _rest(one: MessageShape, others: Sequence[MessageShape]) -> Iterable[str]:
    if one.has_key not in {other.has_key for other in others}:
        yield "with a key" if one.has_key else "without a key"
    largest = max(other.size for other in others)
    if one.size > MIN_BYTES and one.size > MUCH_LARGER * largest:
        yield f"{one.size:,} bytes, the largest of the others {largest:,}"


def _listed(how: str, names: Iterable[str]) -> Iterable[str]:
    found = sorted(names)
    if found:
        more = f" and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else ""
        quoted = ", ".join(f'"{name}"' for name in found[:MAX_NAMED])
        yield f"{how} {quoted}{more}"


def _outermost(paths: set[str]) -> list[str]:
    """Without the fields of an object that is named itself."""
    return [path for path in paths if not any(path.startswith(f"{other}.") for other in paths)]


def _type_name(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "text"
        case dict():
            return "an object"
        case list():
            return "a list"
        case _:
            return "a number"
