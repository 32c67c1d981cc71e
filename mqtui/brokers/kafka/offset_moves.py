"""What a plan's offset moves are in Kafka's terms, and which of them are still to be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mqtui.brokers.kafka.read.offsets import TopicPartitionKey
from mqtui.domain.errors import Refused
from mqtui.domain.figure import pluralize
from mqtui.domain.group_offsets import OffsetMove
from mqtui.domain.message import Offset, Position


def offset_of(position: Position | None) -> int | None:
    """The offset of a position; None without one."""
    return position.offset if isinstance(position, Offset) else None


def key_of(move: OffsetMove) -> TopicPartitionKey:
    """Topic and partition of a move."""
    return move.resource.name, move.partition


def pending_moves(moves: Sequence[OffsetMove], commits: Mapping[TopicPartitionKey, int]) -> list[OffsetMove]:
    """The moves that are not done yet.

    Raises:
        Refused: the group stands neither where the plan found it nor where it is to stand.
    """
    left = [move for move in moves if commits.get(key_of(move)) != offset_of(move.after)]
    moved = [move for move in left if commits.get(key_of(move)) != offset_of(move.before)]
    if moved:
        (topic, number), now = key_of(moved[0]), commits.get(key_of(moved[0]))
        was = moved[0].before
        raise Refused(
            "The group moved since the plan",
            f"Partition {number} of {topic} was at {'none' if was is None else offset_of(was)}, now {now}; "
            f"so did {len(moved)} of {pluralize(len(moves), 'partition')}.",
            "Plan it again.",
        )
    return left


def in_use_error(group: str, detail: str) -> Refused:
    """The refusal where members came after the plan."""
    return Refused(f"The group {group} has members", detail, "Stop them first, or wait for it: --wait 60s.")
