"""What is asked of the offsets of a group, and where another group or a file says that it is to stand."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mqtui.brokers.blocking import run_in_thread
from mqtui.brokers.optional_port import SetsGroupOffsets
from mqtui.domain.errors import BadInput, NotFound
from mqtui.domain.group_offsets import (
    AsFile,
    AsGroup,
    OffsetPreview,
    OffsetTarget,
    Positions,
    RequestedTarget,
    Shift,
    parse_offset_target,
)
from mqtui.domain.message import Offset, Position
from mqtui.domain.name_quoting import join
from mqtui.domain.resource import Kind, ParsedName, Ref, parse_name
from mqtui.domain.times import parse_entry_id

FILE_FORMS = (
    "A line is topic,partition,offset as kafka-consumer-groups --export writes it, or of `mqtui offsets --json`."
)


@dataclass(frozen=True, slots=True)
class OffsetsRequest:
    """What is asked. Without a target and `skip` the offsets are deleted; without a resource the whole group.

    `options` are the words of the command line that say so.
    """

    group: str
    resource: ParsedName | None = None
    target: RequestedTarget | None = None
    partition: int | None = None
    skip: int | None = None
    copy_to: ParsedName | None = None
    options: tuple[str, ...] = ()

    @property
    def ref(self) -> Ref:
        """The group."""
        return Ref(Kind.GROUP, self.group)

    def command(self, target: str) -> str:
        """The equivalent command line."""
        names = (target, self.group, *((self.resource.typed or self.resource.name,) if self.resource else ()))
        if any(name.startswith("-") for name in names):
            return join(("mqtui", "offsets", *self.options, "--", *names))
        return join(("mqtui", "offsets", *names, *self.options))


def parse_offsets_request(text: str, group: Ref, resource: Ref, partition: int | None, now: datetime) -> OffsetsRequest:
    """What is typed in one line: a position, `skip:N`, `skip:N to DLQ`, or `delete`.

    Raises:
        BadInput: it is nothing of that kind.
    """
    named = ParsedName(resource.name, resource.kind)
    place = () if partition is None else ("--partition", str(partition))
    text = text.strip()
    if text == "delete":
        if partition is not None:
            raise BadInput("Offsets are deleted of a topic, not of a partition", "", "Leave the partitions: esc.")
        return OffsetsRequest(group.name, named if resource.kind is Kind.TOPIC else None, options=("--delete",))
    if found := re.fullmatch(r"skip:(\d{1,9})(?:\s+(?:to\s+)?(\S.*))?", text):
        copy_to = None if found[2] is None else parse_name(found[2])
        words = ("--skip", found[1], *(() if copy_to is None else ("--copy-to", found[2])), *place)
        return OffsetsRequest(group.name, named, None, partition, int(found[1]), copy_to, words)
    target = parse_offset_target(text, partition, now)
    return OffsetsRequest(group.name, named, target, partition, options=("--to", text, *place))


async def resolve_target(
    broker: SetsGroupOffsets, target: RequestedTarget, resource: Ref, partition: int | None
) -> OffsetTarget:
    """The target in positions, where it is another group or a file.

    Raises:
        NotFound: that group has no offsets there, or the file names none.
        BadInput: the file can't be read, with the line.
    """
    match target:
        case AsGroup(name):
            preview = await broker.preview_offsets(Ref(Kind.GROUP, name), resource, Shift(0), partition)
            return _as_positions(preview, resource, name)
        case AsFile(path):
            return await run_in_thread("offsets", lambda: read_positions(Path(path), resource))
        case _:
            return target


def _as_positions(preview: OffsetPreview, resource: Ref, name: str) -> Positions:
    found: dict[tuple[Ref, int], Position | None] = {
        (move.resource, move.partition): move.before for move in preview.moves if move.before is not None
    }
    if not found:
        raise NotFound(f"The group {name} has no offsets on {resource.name}", "", "mqtui lag shows what it has.")
    return Positions(found)


def read_positions(path: Path, resource: Ref) -> Positions:
    """The positions of a destination in a file. Blocks.

    Raises:
        BadInput: it can't be read, with the line.
        NotFound: it has none for that destination.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise BadInput(f"{path} can't be read", error.strerror or str(error)) from error
    found: dict[tuple[Ref, int], Position | None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            found |= {(resource, partition): at for partition, at in _positions_of(line, resource)}
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput(f"Line {number} of {path} is no offset", line[:200], FILE_FORMS) from error
    if not found:
        raise NotFound(f"{path} has no offset of {resource.name}", "", FILE_FORMS)
    return Positions(found)


def _positions_of(line: str, resource: Ref) -> Iterator[tuple[int, Position]]:
    """The position in one line, where it is about the destination."""
    if not line.strip():
        return
    if line.startswith("{"):
        row = json.loads(line)
        if "partition" in row and row.get("resource", resource.name) == resource.name and row["to"] is not None:
            yield int(row["partition"]), _position(int(row["partition"]), str(row["to"]))
        return
    (columns,) = csv.reader([line])
    topic, partition, position = columns[-3:]
    if topic == resource.name:
        yield int(partition), _position(int(partition), position.strip())


def _position(partition: int, text: str) -> Position:
    return parse_entry_id(text) or Offset(partition, int(text))
