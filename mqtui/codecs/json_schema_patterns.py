"""The keywords of JSON Schema that match patterns, with patterns that run in linear time.

jsonschema's own use Python's expressions, which a stranger's pattern can keep busy for ever. A pattern that linear time
does not allow, such as one that looks ahead, is not checked: it refuses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from mqtui.codecs.misfit import shown

LONGEST = 200


def _match_pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[Any]:
    from jsonschema.exceptions import ValidationError

    if isinstance(instance, str) and not _may_match(pattern, instance):
        yield ValidationError(f"{shown(instance)} does not match {pattern[:LONGEST]}")


def _match_names(validator: Any, patterns: Any, instance: Any, _: Any) -> Iterator[Any]:
    if not isinstance(instance, dict):
        return
    for pattern, inner in patterns.items():
        for name, value in instance.items():
            if _search_in(pattern) is not None and _may_match(pattern, name):
                yield from validator.descend(value, inner, path=name, schema_path=pattern)


def _match_others(validator: Any, inner: Any, instance: Any, schema: Any) -> Iterator[Any]:
    """The properties that neither `properties` nor `patternProperties` name."""
    if isinstance(instance, dict):
        named = _named_here(instance, schema)
        yield from _check_rest(validator, inner, instance, named)


def _match_unevaluated(validator: Any, inner: Any, instance: Any, schema: Any) -> Iterator[Any]:
    """The properties that neither this schema nor one that it applies to the same object has looked at."""
    if isinstance(instance, dict):
        yield from _check_rest(validator, inner, instance, _evaluated(validator, instance, schema))


def _check_rest(validator: Any, inner: Any, instance: dict[str, Any], named: set[str]) -> Iterator[Any]:
    from jsonschema.exceptions import ValidationError

    others = [name for name in instance if name not in named]
    if inner is False and others:
        yield ValidationError(f"{', '.join(others)[:LONGEST]}: no such properties are allowed")
    elif isinstance(inner, dict):
        for name in others:
            yield from validator.descend(instance[name], inner, path=name)


def _named_here(instance: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    properties, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    return {name for name in instance if name in properties or any(_may_match(each, name) for each in patterns)}


def _evaluated(validator: Any, instance: dict[str, Any], schema: Any) -> set[str]:
    """The names of an object's properties that a schema has looked at."""
    if not isinstance(schema, dict):
        return set()
    found = _named_here(instance, schema)
    for keyword in ("additionalProperties", "unevaluatedProperties"):
        if keyword in schema:
            inner = schema[keyword]
            found |= {name for name, value in instance.items() if name in found or _fits(validator, value, inner)}
    for keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
        if keyword in schema:
            resolved = validator._resolver.lookup(schema[keyword])
            there = validator.evolve(schema=resolved.contents, _resolver=resolved.resolver)
            found |= _evaluated(there, instance, resolved.contents)
    for inner in _applied(validator, instance, schema):
        found |= _evaluated(validator, instance, inner)
    return found


def _applied(validator: Any, instance: dict[str, Any], schema: dict[str, Any]) -> Iterator[Any]:
    """The schemas that a schema applies to the same object, and that it fits."""
    for keyword in ("allOf", "oneOf", "anyOf"):
        yield from (inner for inner in schema.get(keyword, ()) if _fits(validator, instance, inner))
    for name, inner in schema.get("dependentSchemas", {}).items():
        if name in instance:
            yield inner
    if "if" in schema:
        fits = _fits(validator, instance, schema["if"])
        if fits:
            yield schema["if"]
        yield schema.get("then" if fits else "else", True)


def _fits(validator: Any, value: Any, schema: Any) -> bool:
    return next(iter(validator.descend(value, schema)), None) is None


KEYWORDS: dict[str, Callable[[Any, Any, Any, Any], Iterator[Any]]] = {
    "pattern": _match_pattern,
    "patternProperties": _match_names,
    "additionalProperties": _match_others,
    "unevaluatedProperties": _match_unevaluated,
}
"""What checks each keyword: validator, the keyword's value, the document's part, the schema that has the keyword."""


@lru_cache(maxsize=1_000)
def _search_in(pattern: str) -> Callable[[str], object] | None:
    """What searches with a pattern; None for one that linear time does not allow."""
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        found: Callable[[str], object] = re2.compile(pattern, options).search
    except re2.error:
        return None
    return found


def _may_match(pattern: str, text: str) -> bool:
    found = _search_in(pattern)
    return found is None or found(text) is not None
