"""The plan of an offsets run as the journal keeps it: what a put back restores, and a resume goes on with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mqtui.domain.figure import unknown
from mqtui.domain.group_offsets import OffsetMove
from mqtui.domain.message import Offset, Position
from mqtui.domain.plan import DeleteGroup, SetOffsets, SkipWithCopies, Step
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.times import parse_entry_id
from mqtui.state.journal import RunRecord

VERSION = 1
NOT_KEPT = unknown("the journal keeps positions only")


@dataclass(frozen=True, slots=True)
class SavedOffsets:
    """What the journal says of an offsets run. `copies` is where copies of what was skipped are stored."""

    group: Ref
    moves: tuple[OffsetMove, ...]
    deletes_group: bool
    copies: Ref | None
    command: str


def encode_offsets(step: Step, command: str) -> bytes:
    """The journal's form of the step of a run.

    Raises:
        TypeError: it is no step of an offsets run.
    """
    match step:
        case SetOffsets(group, moves) | DeleteGroup(group, moves):
            copies = None
        case SkipWithCopies(group, move, _):
            moves, copies = (move,), step.target.name
        case _:
            raise TypeError(type(step).__name__)
    saved = {
        "v": VERSION,
        "group": group.name,
        "moves": [_encode_move(move) for move in moves],
        "deletes_group": isinstance(step, DeleteGroup),
        "copies": copies,
        "command": command,
    }
    return json.dumps(saved, ensure_ascii=True).encode()


def _encode_move(move: OffsetMove) -> list[Any]:
    ends = [None if at is None else _encode_position(at) for at in (move.before, move.after)]
    return [move.resource.kind.value, move.resource.name, move.partition, *ends]


def _encode_position(position: Position) -> str:
    return str(position.offset) if isinstance(position, Offset) else str(position)


def decode_offsets(record: RunRecord) -> SavedOffsets:
    """What `encode_offsets` wrote."""
    saved = json.loads(record.plan)
    moves = tuple(_decode_move(*row) for row in saved["moves"])
    copies = None if saved["copies"] is None else Ref(Kind.TOPIC, saved["copies"])
    return SavedOffsets(Ref(Kind.GROUP, saved["group"]), moves, saved["deletes_group"], copies, saved["command"])


def _decode_move(kind: str, name: str, partition: int, before: str | None, after: str | None) -> OffsetMove:
    start, goal = (None if at is None else parse_entry_id(at) or Offset(partition, int(at)) for at in (before, after))
    return OffsetMove(Ref(Kind(kind), name), partition, start, goal, NOT_KEPT, NOT_KEPT)


def move_names(moves: Sequence[OffsetMove]) -> list[str]:
    """The journal's names of moves, as `StepResult.ids` has them."""
    return [f"{move.resource.name}/{move.partition}" for move in moves]
