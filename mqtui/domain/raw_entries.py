"""Entries of a Redis stream as the server sends them, without a `Message` of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mqtui.domain.message import EntryId, Message
from mqtui.domain.resource import Ref

RawEntry: TypeAlias = tuple[bytes, list[bytes]]
"""A stream entry as the server sends it: its id and a flat list of field names and values."""


@dataclass(frozen=True, slots=True)
class RawEntries:
    """Entries of one stream, as the server sends them."""

    stream: Ref
    entries: Sequence[RawEntry]

    def __len__(self) -> int:
        return len(self.entries)

    def ids(self) -> list[bytes]:
        """The id of each entry."""
        return [raw for raw, _ in self.entries]

    def letters(self) -> list[Message]:
        """A message of each entry. Its timestamp is the milliseconds of its id."""
        found = []
        for raw, flat in self.entries:
            position = EntryId.parse(raw)
            fields = tuple(zip(flat[::2], flat[1::2], strict=True))
            found.append(Message(self.stream, position, None, None, (), position.ms, fields))
        return found
