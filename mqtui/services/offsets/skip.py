"""Plans to skip messages of a group, with copies that lead home where a dead-letter destination is named."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from time import time

from mqtui.brokers.optional_port import SetsGroupOffsets
from mqtui.brokers.registry import traits_of
from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput, NotFound, Refused, Unsupported
from mqtui.domain.figure import exact, pluralize
from mqtui.domain.group_offsets import OffsetMove, OffsetPreview, OffsetTarget, Positions, Shift
from mqtui.domain.message import Header, Message, MessageFormat, Offset, Outgoing
from mqtui.domain.plan import SetOffsets, SkipWithCopies, Step
from mqtui.domain.read_range import At, ReadRange
from mqtui.domain.redrive import Guarantee, Strength
from mqtui.domain.resource import Ref
from mqtui.machine.process import operator
from mqtui.services.browse import find_target
from mqtui.services.offsets.plan import PlannedOffsets, make_plan
from mqtui.services.offsets.request import OffsetsRequest
from mqtui.services.session import Session

SKIPPED = "x-mqtui-skipped"
"""The header of a copy: where the message lies, and who skipped it (`conventions/mqtui-skipped.toml`)."""

MAX_SKIP = 10_000
MAX_COPIES = 1_000
"""More would keep a transaction open for long (K4)."""

ONE_TRANSACTION = "copies and offset are committed in one transaction: both are there, or neither"


async def plan_skip(
    session: Session, broker: SetsGroupOffsets, request: OffsetsRequest, resource: Ref
) -> PlannedOffsets:
    """Plan to skip the next messages of one partition.

    Raises:
        BadInput: of which partition, or too many.
        NotFound: the group has no offset there, or nothing is left to skip.
        Unsupported: copies that lead home are not offered here.
    """
    assert request.skip is not None
    _check(session, request)
    here = await _only_partition(broker, request, resource)
    messages: Sequence[Message] = ()
    target: OffsetTarget = Shift(request.skip)
    if isinstance(here.before, Offset):
        messages = await read_skipped(session, resource, here.before, request.skip)
        if not messages:
            raise NotFound("There is nothing to skip", f"The group stands at the end of partition {here.partition}.")
        last = messages[-1].position
        assert isinstance(last, Offset)
        target = Positions({(resource, here.partition): Offset(here.partition, last.offset + 1)})
    preview = await broker.preview_offsets(request.ref, resource, target, here.partition)
    if messages:
        preview = replace(preview, moves=(replace(preview.moves[0], skips=exact(len(messages))),))
    if not preview.moves[0].changes:
        raise NotFound("There is nothing to skip", f"The group {request.group} has read all of {resource.name}.")
    return await _planned(session, request, preview, messages)


def _check(session: Session, request: OffsetsRequest) -> None:
    most = MAX_COPIES if request.copy_to else MAX_SKIP
    assert request.skip is not None
    if not 0 < request.skip <= most:
        copies = " with copies" if request.copy_to else ""
        raise BadInput(f"--skip takes 1 to {most:,}{copies}", "", "Skip in parts, or give --to.")
    if request.copy_to and traits_of(session.broker.kind).message_format is not MessageFormat.RECORD:
        raise Unsupported(
            "Copies are not offered here",
            "An entry has no headers that could lead a copy home; it stays in its stream.",
            "Leave --copy-to out: `mqtui runs putback` reads the entries again.",
        )


async def _only_partition(broker: SetsGroupOffsets, request: OffsetsRequest, resource: Ref) -> OffsetMove:
    """Where the group stands in the one partition that is meant."""
    preview = await broker.preview_offsets(request.ref, resource, Shift(0), request.partition)
    if not preview.moves:
        raise NotFound(f"The group {request.group} has no offset there", "; ".join(preview.notes))
    if len(preview.moves) > 1:
        numbers = ", ".join(str(move.partition) for move in preview.moves)
        raise BadInput("In which partition?", f"The group has offsets in {numbers}.", "Add --partition.")
    return preview.moves[0]


async def read_skipped(session: Session, resource: Ref, start: Offset, limit: int) -> list[Message]:
    """The messages that are skipped: at most `limit` from an offset on."""
    found: list[Message] = []
    span = ReadRange(At(start), partition=start.partition)
    async for batch in session.broker.reader.read(resource, span, limit=limit):
        found += batch
    return found


async def _planned(
    session: Session, request: OffsetsRequest, preview: OffsetPreview, messages: Sequence[Message]
) -> PlannedOffsets:
    moves, command = preview.moves, request.command(session.target)
    if request.copy_to is None:
        step: Step = SetOffsets(preview.group, moves)
        return PlannedOffsets(make_plan(session, preview, Verb.OFFSETS, (step,), moves), preview, command)
    target = (await find_target(session.broker, request.copy_to)).ref
    if target == moves[0].resource:
        raise Refused("The copies would go where the messages are", "", "Name a dead-letter topic with --copy-to.")
    step = SkipWithCopies(preview.group, moves[0], copies_of(preview.group, target, messages))
    plan = make_plan(session, preview, Verb.OFFSETS, (step,), moves)
    copied = (
        "copies",
        f"{pluralize(len(messages), 'message')} to {target.name}; redriven from there, each group of "
        f"{moves[0].resource.name} reads it again",
    )
    risks = tuple(risk for risk in plan.risks if risk.name != "skipped")
    plan = replace(
        plan,
        facts=(*plan.facts, copied),
        risks=(*risks, *await session.broker.check_publish([target])),
        guarantee=Guarantee(Strength.EXACTLY_ONCE, ONE_TRANSACTION),
    )
    return PlannedOffsets(plan, preview, command)


def copies_of(group: Ref, target: Ref, messages: Sequence[Message]) -> tuple[Outgoing, ...]:
    """Copies of messages, each with a header that says where it lies."""
    who, at = operator(), int(time() * 1000)
    return tuple(
        Outgoing(target, message.value, message.key, (*_kept(message), _skipped(group, message, who, at)))
        for message in messages
    )


def _kept(message: Message) -> tuple[Header, ...]:
    return tuple(header for header in message.headers if header[0] != SKIPPED)


def _skipped(group: Ref, message: Message, who: str, at: int) -> Header:
    position = message.position
    assert isinstance(position, Offset)
    told = {
        "v": 1,
        "resource": message.resource.name,
        "partition": position.partition,
        "offset": position.offset,
        "time": message.timestamp,
        "group": group.name,
        "by": who,
        "at": at,
        "why": f"skipped for group {group.name} by {who}",
    }
    return (SKIPPED, json.dumps(told, ensure_ascii=True, separators=(",", ":")).encode(), "")
