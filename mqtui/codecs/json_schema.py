"""JSON documents validated by a JSON Schema, with the path of what does not fit.

jsonschema alone would fetch what a schema refers to from the network, and match its patterns with expressions that may
never end: here a reference leads to a registered schema or nowhere, and patterns run in linear time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mqtui.codecs.decoded import NotDecoded
from mqtui.codecs.misfit import NotEncoded, join_path, shown
from mqtui.domain.schema import Schema

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

MAX_BYTES = 1024 * 1024
"""The largest document that is validated."""

LONGEST = 200


def require_valid(schema: Schema, content: bytes) -> None:
    """Check a JSON document.

    Raises:
        NotEncoded: it does not fit, with the path of the first part that does not.
        NotDecoded: the schema can't be used, or the document is too large.
    """
    if len(content) > MAX_BYTES:
        raise NotDecoded(f"it is larger than {MAX_BYTES // 1024 // 1024} MiB and not validated")
    from jsonschema.exceptions import best_match
    from referencing.exceptions import Unresolvable

    try:
        found = best_match(_validator(schema).iter_errors(json.loads(content)))
    except Unresolvable as error:
        raise NotDecoded(f"{schema.name} refers to what is not registered: {error}") from error
    except RecursionError as error:
        raise NotDecoded(f"{schema.name} can't be used: it refers to itself without end") from error
    if found is not None:
        path = ""
        for step in found.absolute_path:
            path = join_path(path, step)
        why = found.message if len(found.message) <= LONGEST else f"{found.message[: LONGEST - 1]}…"
        raise NotEncoded(path, why)


@lru_cache(maxsize=128)
def _validator(schema: Schema) -> Validator:
    import jsonschema.validators
    import referencing.exceptions
    from jsonschema import Draft7Validator
    from jsonschema.exceptions import SchemaError
    from referencing import Resource
    from referencing.jsonschema import DRAFT7

    untyped: Any = jsonschema.validators
    registries: Any = referencing

    def retrieve(uri: str) -> Resource[Any]:
        for name, resource in known.items():
            if uri == name or uri.endswith(f"/{name}"):
                return resource
        raise registries.exceptions.NoSuchResource(ref=uri)

    try:
        source = json.loads(schema.content)
        known = {each.name: Resource.from_contents(json.loads(each.content), DRAFT7) for each in schema.references}
    except (ValueError, RecursionError) as error:
        raise NotDecoded(f"{schema.name} is no JSON: {error}") from error
    kind = jsonschema.validators.validator_for(source, default=Draft7Validator)
    try:
        kind.check_schema(source)
    except SchemaError as error:
        raise NotDecoded(f"{schema.name} is no valid JSON Schema: {error.message[:LONGEST]}") from error
    bounded = untyped.extend(kind, {name: check for name, check in PATTERNS.items() if name in kind.VALIDATORS})
    found: Validator = bounded(source, registry=registries.Registry(retrieve=retrieve))
    return found


def _match_pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[Any]:
    from jsonschema.exceptions import ValidationError

    if isinstance(instance, str) and not _search(pattern, instance):
        yield ValidationError(f"{shown(instance)} does not match {pattern[:LONGEST]}")


def _match_names(validator: Any, patterns: Any, instance: Any, _: Any) -> Iterator[Any]:
    if not isinstance(instance, dict):
        return
    for pattern, inner in patterns.items():
        for name, value in instance.items():
            if _search(pattern, name):
                yield from validator.descend(value, inner, path=name, schema_path=pattern)


def _match_others(validator: Any, inner: Any, instance: Any, schema: Any) -> Iterator[Any]:
    """The properties that neither `properties` nor `patternProperties` name."""
    from jsonschema.exceptions import ValidationError

    if not isinstance(instance, dict):
        return
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    others = [name for name in instance if name not in named and not any(_search(each, name) for each in patterns)]
    if inner is False and others:
        yield ValidationError(f"{', '.join(others)[:LONGEST]}: no such properties are allowed")
    elif isinstance(inner, dict):
        for name in others:
            yield from validator.descend(instance[name], inner, path=name)


PATTERNS = {"pattern": _match_pattern, "patternProperties": _match_names, "additionalProperties": _match_others}
"""The keywords that match expressions."""


@lru_cache(maxsize=1_000)
def _search_in(pattern: str) -> Callable[[str], object] | None:
    """What searches with an expression; None for one that linear time does not allow: it is not checked."""
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        found: Callable[[str], object] = re2.compile(pattern, options).search
    except re2.error:
        return None
    return found


def _search(pattern: str, text: str) -> bool:
    found = _search_in(pattern)
    return found is None or found(text) is not None
