"""JSON documents validated by a JSON Schema, with the path of what does not fit.

jsonschema alone would fetch what a schema refers to from the network, and match its patterns with expressions that may
never end: here a reference leads to a registered schema or nowhere, and patterns run in linear time.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mqtui.codecs.decoded import NotDecoded
from mqtui.codecs.json_schema_patterns import KEYWORDS, LONGEST
from mqtui.codecs.misfit import NotEncoded, join_path
from mqtui.domain.schema import Schema

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

MAX_BYTES = 1024 * 1024
"""The largest document that is validated."""


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
    found: Validator = _in_linear_time(kind)(source, registry=registries.Registry(retrieve=retrieve))
    return found


@lru_cache(maxsize=32)
def _in_linear_time(kind: Any) -> Any:
    """A class of validators with our keywords; also for the inner schemas, whichever draft they name."""
    import jsonschema.validators

    untyped: Any = jsonschema.validators
    made = untyped.extend(kind, {name: check for name, check in KEYWORDS.items() if name in kind.VALIDATORS})

    def evolve(validator: Any, **changes: Any) -> Any:
        named = untyped.validator_for(changes.setdefault("schema", validator.schema), default=kind)
        for each in made.__attrs_attrs__:
            if each.init:
                changes.setdefault(each.alias, getattr(validator, each.name))
        return _in_linear_time(named)(**changes)

    made.evolve = evolve
    return made
