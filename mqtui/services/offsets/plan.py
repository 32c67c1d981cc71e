"""Plans what becomes of a group's offsets: a preview by partition, who is in the way, what is read again or never."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from mqtui.brokers.optional_port import SetsGroupOffsets
from mqtui.domain.capability import Verb
from mqtui.domain.errors import Unsupported
from mqtui.domain.figure import Figure, exact, pluralize, total
from mqtui.domain.group_offsets import OffsetMove, OffsetPreview
from mqtui.domain.message import Offset, Position
from mqtui.domain.plan import Plan, Risk, SetOffsets, Severity, Step
from mqtui.domain.resource import Ref
from mqtui.domain.times import format_age, format_time
from mqtui.domain.topology import Member
from mqtui.services.browse import require_verb
from mqtui.services.session import Session

MAX_NAMED = 8
"""Members that are named."""

MAX_ROWS = 50
"""Partitions that the plan's text lists; `--json` lists all."""


@dataclass(frozen=True, slots=True)
class PlannedOffsets:
    """A plan, and the preview it was made of. `command` is the equivalent command line.

    `put_back_of` is the run that it puts back; `resumes`: the run of the plan's id is in the journal already.
    """

    plan: Plan
    preview: OffsetPreview
    command: str
    put_back_of: str = ""
    resumes: bool = False

    @property
    def is_blocked(self) -> bool:
        """Whether members have to leave first."""
        return any(risk.name == "active" for risk in self.plan.risks)


async def require_offsets(session: Session, resource: Ref | None = None) -> SetsGroupOffsets:
    """The part of the broker that sets offsets.

    Raises:
        Unsupported: it has none, with the reason.
    """
    await require_verb(session.broker, Verb.OFFSETS, resource)
    if not isinstance(session.broker, SetsGroupOffsets):
        raise Unsupported("offsets is not offered here", f"{session.broker.kind} keeps no offsets of groups.")
    return session.broker


def plan_moves(session: Session, preview: OffsetPreview, verb: Verb) -> Plan:
    """The plan of a preview; without steps where the group stands there already."""
    moves = tuple(move for move in preview.moves if move.changes)
    step = (SetOffsets(preview.group, moves),) if moves else ()
    return make_plan(session, preview, verb, step, moves)


def make_plan(
    session: Session, preview: OffsetPreview, verb: Verb, steps: tuple[Step, ...], moves: Sequence[OffsetMove]
) -> Plan:
    """A plan with the preview as its facts, and with the risks that every change of offsets has."""
    facts = [("group", f"{preview.group.name}{f', {preview.state}' if preview.state else ''}")]
    with_resource = len({move.resource for move in preview.moves}) > 1
    facts += [_fact(move, with_resource=with_resource) for move in preview.moves[:MAX_ROWS]]
    if len(preview.moves) > MAX_ROWS:
        facts.append(("and", f"{pluralize(len(preview.moves) - MAX_ROWS, 'partition')} more"))
    facts.append(("effect", describe_effect(preview.moves, steps)))
    return Plan(
        id=secrets.token_hex(16),
        verb=verb,
        profile=session.policy.profile,
        broker=session.broker.kind,
        steps=steps,
        count=exact(len(moves)),
        facts=tuple(facts),
        risks=tuple(_risks(preview, moves)) if steps else (),
    )


def _fact(move: OffsetMove, *, with_resource: bool) -> tuple[str, str]:
    label = f"part. {move.partition}" if isinstance(move.before or move.after, Offset) else "id"
    return label, f"{f'{move.resource.name} ' if with_resource else ''}{describe_move(move)}"


def describe_move(move: OffsetMove) -> str:
    """One partition in words: `120440 → 115002: 5,438 are read again (1h 2m)`."""
    if not move.changes:
        return f"{describe_position(move.before)}: stays"
    way = f"{describe_position(move.before)} → {describe_position(move.after)}"
    parts = []
    if move.skips.number or not move.skips.known:
        parts.append(f"{move.skips} skipped")
    if move.reads_again.number or not move.reads_again.known:
        parts.append(f"{move.reads_again} read again")
    span = ""
    if move.before_time is not None and move.after_time is not None:
        span = f", {format_age(abs(move.after_time - move.before_time) / 1000, units=2)} of messages"
    if move.after_time is not None:
        parts.append(f"next {format_time(move.after_time, '%Y-%m-%d %H:%M:%S')}")
    ways = parts or (["deleted"] if move.after is None else ["nothing between"])
    return f"{way}: {', '.join(ways)}{span}"


def describe_position(position: Position | None) -> str:
    """A position without its partition; `none` without one."""
    if position is None:
        return "none"
    return str(position.offset) if isinstance(position, Offset) else str(position)


def describe_effect(moves: Sequence[OffsetMove], steps: Sequence[Step]) -> str:
    """What the change means to the group's consumers."""
    if not steps:
        return "nothing changes: the group stands there already"
    if all(move.after is None for move in moves):
        return "where its consumers begin then is their own setting (auto.offset.reset)"
    skipped, again = total(move.skips for move in moves), total(move.reads_again for move in moves)
    return f"{pluralize(again, 'message')} read again, {skipped} never read by this group"


def _risks(preview: OffsetPreview, moves: Sequence[OffsetMove]) -> list[Risk]:
    risks = []
    if preview.members and preview.must_leave:
        text = f"{describe_members(preview.members)}: stop them, or wait until they have left with --wait 60s"
        risks.append(Risk("active", text, Severity.REFUSE, final=True))
    elif preview.members:
        text = f"{describe_members(preview.members)}: they read on from there at once, what is pending stays pending"
        risks.append(Risk("readers", text))
    if not preview.exists:
        risks.append(Risk("new-group", f"the group {preview.group.name} does not exist: it is made by this"))
    if _is_some(again := total(move.reads_again for move in moves)):
        risks.append(Risk("again", f"{pluralize(again, 'message')}: processed a second time"))
    if _is_some(skipped := total(move.skips for move in moves)):
        risks.append(Risk("skipped", f"{pluralize(skipped, 'message')}: never read by this group"))
    risks += [Risk("left-out", note) for note in preview.notes]
    return risks


def _is_some(figure: Figure) -> bool:
    return not figure.known or bool(figure.number)


def describe_members(members: Sequence[Member]) -> str:
    """`3 members are active: ship-1 (10.1.4.7), ship-2 (10.1.4.8) and 1 more`."""
    named = [f"{member.client or member.name}{f' ({member.host})' if member.host else ''}" for member in members]
    more = f" and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
    count = "1 member is active" if len(named) == 1 else f"{len(named)} members are active"
    return f"{count}: {', '.join(named[:MAX_NAMED])}{more}"
