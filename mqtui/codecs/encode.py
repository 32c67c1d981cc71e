"""Encodes JSON by a schema of a registry: the reverse of `decode`, in the form that `--decode` shows.

Numbers are never rounded: what a type can't hold exactly is refused, but for binary fractions (`float`, `double`).
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from mqtui.codecs.decoded import NotDecoded
from mqtui.codecs.framing import confluent_frame
from mqtui.codecs.json_text import one_line
from mqtui.codecs.misfit import NotEncoded
from mqtui.domain.schema import Schema, SchemaKind


def encode_framed(schema: Schema, number: int, text: bytes, message: str = "") -> bytes:
    """A body in Confluent's frame with the id of its schema. `message` is the name of a Protobuf message, "" the first.

    Raises:
        NotEncoded: the text is no JSON, or does not fit the schema; with the path of what does not.
    """
    try:
        return confluent_frame(number) + _encode(schema, text, message)
    except NotDecoded as error:
        raise NotEncoded("", str(error)) from error
    except RecursionError as error:
        raise NotEncoded("", "it is nested too deep") from error


def _encode(schema: Schema, text: bytes, message: str) -> bytes:
    content = one_line(text)
    match schema.kind:
        case SchemaKind.AVRO:
            from mqtui.codecs import avro_encode

            return avro_encode.encode(schema, _parse_exactly(content))
        case SchemaKind.PROTOBUF:
            from mqtui.codecs import protobuf_encode

            return protobuf_encode.encode(schema, _parse_exactly(content), message)
    from mqtui.codecs.json_schema import require_valid

    require_valid(schema, content)
    return text


def _parse_exactly(content: bytes) -> Any:
    return json.loads(content, parse_float=Decimal, object_pairs_hook=_without_doubles)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise NotEncoded(double, "it stands twice in one object")
    return found
