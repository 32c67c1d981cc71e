"""Decodes messages with schemas that are fetched on the way. A registry that fails costs the decoding only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from mqtui.brokers.loop_yield import TimeSlices
from mqtui.codecs.decoded import Decoded
from mqtui.domain.convention import Conventions
from mqtui.domain.message import Message
from mqtui.services.decoding import Decoder

ROUNDS = 4
"""How often a body is decoded, each time with newly fetched schemas: one may be inside another."""

Result = TypeVar("Result")


async def decode_each(decoder: Decoder, messages: Sequence[Message]) -> list[Decoded]:
    """The values of messages. A registry that fails costs the decoding only: the reports say why."""
    return await _with_schemas(decoder, messages, decoder.decode)


async def decode_keys(decoder: Decoder, messages: Sequence[Message]) -> list[Decoded | None]:
    """The keys of messages, each where it is encoded in some way."""
    return await _with_schemas(decoder, messages, decoder.decode_key)


async def with_decoded_values(decoder: Decoder, letters: Sequence[Message], conventions: Conventions) -> list[Message]:
    """The letters with their decoded values, where headers do not tell their origin. They must never be sent."""

    def decode(letter: Message) -> Message:
        told = "origin" in conventions.layout(letter).slots
        return letter if told else decoder.with_decoded_value(letter)

    return await _with_schemas(decoder, letters, decode)


async def _with_schemas(
    decoder: Decoder, messages: Sequence[Message], decode: Callable[[Message], Result]
) -> list[Result]:
    """What `decode` makes of each; of those that lack a schema again, once it is fetched."""
    registry, slices = decoder.registry, TimeSlices()
    found: dict[int, Result] = {}
    places: Sequence[int] = range(len(messages))
    for _ in range(ROUNDS if registry is not None else 1):
        lacking: list[int] = []
        for place in places:
            if slices.is_over:
                await slices.yield_to_loop()
            misses = registry.misses if registry is not None else 0
            found[place] = decode(messages[place])
            if registry is not None and registry.misses > misses:
                lacking.append(place)
        if registry is None or not lacking:
            break
        from mqtui.services.schema_registry import fetch_schemas  # loads the client: most brokers have no registry

        await fetch_schemas(registry)
        places = lacking
    return [found[place] for place in range(len(messages))]
