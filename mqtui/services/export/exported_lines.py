"""What an export that did not end has already: how many messages, and where it goes on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from mqtui.domain.errors import BadInput
from mqtui.domain.message import EntryId
from mqtui.domain.read_range import At, ReadRange
from mqtui.domain.resource import Ref

LAST_SEQUENCE = 2**64 - 1
NO_PARTITION = -1
"""The partition of an offset in a stream of RabbitMQ."""


class ExportedLine(msgspec.Struct):
    """The parts of a line that say where its message was."""

    resource: object
    partition: int | None = None
    offset: int | None = None
    id: str | None = None


@dataclass(slots=True)
class Exported:
    """The messages of a part file: their number, the next offset by partition, the last entry's id."""

    messages: int = 0
    after: dict[int, int] = field(default_factory=dict)
    last: EntryId | None = None

    def rest_of(self, span: ReadRange) -> ReadRange:
        """The range without what there is already."""
        if self.last is not None:
            return replace(span, start=At(_next_id(self.last)))
        return replace(span, after=self.after) if self.after else span


def read_exported(path: Path, ref: Ref) -> Exported:
    """Read what a part file has; its last line is whole. It blocks.

    Raises:
        BadInput: it is no export of this destination.
        OSError: it can't be read.
    """
    found, decoder = Exported(), msgspec.json.Decoder(ExportedLine)
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = decoder.decode(line)
                _add(found, row)
            except (msgspec.DecodeError, ValueError, RecursionError) as error:
                raise _no_export(path, f"line {number:,}: {error}") from error
            if row.resource != ref.name and not isinstance(row.resource, dict):
                raise _no_export(path, f"line {number:,} is of {row.resource}, not of {ref.name}")
    return found


def _add(found: Exported, row: ExportedLine) -> None:
    found.messages += 1
    if row.offset is not None:
        partition = NO_PARTITION if row.partition is None else row.partition
        found.after[partition] = max(found.after.get(partition, 0), row.offset + 1)
    elif row.id is not None:
        ms, _, sequence = row.id.partition("-")
        found.last = EntryId(int(ms), int(sequence))


def _next_id(entry: EntryId) -> EntryId:
    return EntryId(entry.ms + 1, 0) if entry.seq == LAST_SEQUENCE else EntryId(entry.ms, entry.seq + 1)


def _no_export(path: Path, why: str) -> BadInput:
    return BadInput(f"{path} can't be gone on with", why, "Remove it, or give another name with --out.")
