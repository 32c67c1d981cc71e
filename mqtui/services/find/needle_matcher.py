"""Decides which candidates have the text, by decoding them, and in which of their parts."""

from __future__ import annotations

from collections.abc import Sequence

from mqtui.domain.message import Message
from mqtui.domain.resource import Ref
from mqtui.services.decode_batch import decode_each, decode_keys
from mqtui.services.decoding import Decoder
from mqtui.services.search.match_places import find_text
from mqtui.services.search.matcher import is_undecodable
from mqtui.services.search.text_needle import TextNeedle


class NeedleMatcher:
    """One text in the messages of one broker. It counts values of which only the bytes could be searched."""

    def __init__(self, needle: TextNeedle, decoder: Decoder) -> None:
        self._needle, self._decoder = needle, decoder
        self.undecodable = 0

    def has_rules_for(self, ref: Ref) -> bool:
        """Whether the profile's rules say how values of a place are decoded."""
        return self._decoder.has_rules_for(ref.name)

    async def select(self, candidates: Sequence[Message]) -> list[tuple[Message, tuple[str, ...]]]:
        """The messages that have the text, and the parts that it is in."""
        if not candidates:
            return []
        values = await decode_each(self._decoder, candidates)
        keys = await decode_keys(self._decoder, candidates)
        found: list[tuple[Message, tuple[str, ...]]] = []
        for message, value, key in zip(candidates, values, keys, strict=True):
            if message.value is not None and is_undecodable(value):
                self.undecodable += 1
            if places := find_text(self._needle, message, value, key):
                found.append((message, places))
        return found
