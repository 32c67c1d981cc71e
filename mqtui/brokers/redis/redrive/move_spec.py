"""What a move does to entries, and the chunks of entries that one script call may take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mqtui.brokers.redis.connection.resp import Entry, encode_entry_id, entry_sizes, flatten_fields
from mqtui.domain.message import EntryId, Header, Message
from mqtui.domain.resource import Ref, name_bytes

CHUNK_LETTERS = 500
CHUNK_BYTES = 1_000_000
CHUNK_PARTS = 50_000
"""Limits of one script call (D4). A part is a field name or a field value."""

Letter = TypeVar("Letter", Message, Entry)


@dataclass(frozen=True, slots=True)
class MoveSpec:
    """Source and target of a move, and the fields that are removed and added on the way."""

    source: Ref
    target: Ref
    stripped: frozenset[str] = frozenset()
    added: tuple[Header, ...] = ()

    def target_parts(self, letter: Message) -> list[bytes]:
        """The flat fields of a letter as they are stored in the target."""
        fields = letter.fields
        if self.stripped:
            names = {name_bytes(name) for name in self.stripped}
            fields = tuple(pair for pair in fields if pair[0] not in names)
        return flatten_fields(fields) + self.added_parts()

    def added_parts(self) -> list[bytes]:
        """The flat fields that are added."""
        return [part for name, content, _ in self.added for part in (name_bytes(name), content or b"")]


def entry_ids(letters: Sequence[Message]) -> list[bytes]:
    return [encode_entry_id(letter.position) for letter in letters if isinstance(letter.position, EntryId)]


def is_in_order(letters: Sequence[Message]) -> bool:
    """Whether the ids ascend, as the move script needs them."""
    last_ms = last_seq = -1
    for letter in letters:
        position = letter.position
        if not isinstance(position, EntryId):
            return False
        ms, seq = position.ms, position.seq
        if ms < last_ms or (ms == last_ms and seq <= last_seq):
            return False
        last_ms, last_seq = ms, seq
    return True


def split_entries(entries: Sequence[Entry], largest: int = CHUNK_BYTES) -> Iterator[Sequence[Entry]]:
    """`split_chunks` for raw entries."""
    if largest * CHUNK_LETTERS <= CHUNK_BYTES:
        return _split_by_count(entries)
    return _split_by_size(entries, entry_sizes(entries), [len(flat) for _, flat in entries])


def split_chunks(letters: Sequence[Message], largest: int = CHUNK_BYTES) -> Iterator[Sequence[Message]]:
    """Letters in chunks of at most 500, 1 MB and 50,000 parts (D4). No letter has more than `largest` bytes."""
    if largest * CHUNK_LETTERS <= CHUNK_BYTES:
        return _split_by_count(letters)
    return _split_by_size(letters, [letter.size for letter in letters], [2 * len(letter.fields) for letter in letters])


def _split_by_count(letters: Sequence[Letter]) -> Iterator[Sequence[Letter]]:
    for start in range(0, len(letters), CHUNK_LETTERS):
        yield letters[start : start + CHUNK_LETTERS]


def _split_by_size(
    letters: Sequence[Letter], sizes: Sequence[int], part_counts: Sequence[int]
) -> Iterator[Sequence[Letter]]:
    start = size = parts = 0
    for index, (letter_size, letter_parts) in enumerate(zip(sizes, part_counts, strict=True)):
        is_full = (
            index - start == CHUNK_LETTERS or size + letter_size > CHUNK_BYTES or parts + letter_parts > CHUNK_PARTS
        )
        if is_full and index > start:
            yield letters[start:index]
            start, size, parts = index, 0, 0
        size += letter_size
        parts += letter_parts
    if start < len(letters):
        yield letters[start:]
