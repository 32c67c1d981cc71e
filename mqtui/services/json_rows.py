"""Everything else as JSON rows: plans, outcomes, causes, destinations, groups, pending entries, errors.

Rows are dictionaries for `orjson.dumps`. Names that are not UTF-8 are `{"base64"}`; figures are written by
`jsonlines.add_figures`; times are milliseconds since the epoch.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from mqtui.domain.audit import AuditEntry
from mqtui.domain.cause import Cause
from mqtui.domain.errors import MqtuiError
from mqtui.domain.group_offsets import OffsetMove
from mqtui.domain.message import Offset, Position
from mqtui.domain.plan import (
    AbortTransaction,
    Acknowledge,
    Claim,
    CreateStateTopic,
    DeleteGroup,
    Deliver,
    JoinScan,
    Listen,
    PeekUnacked,
    Plan,
    RegisterSchema,
    Remove,
    Result,
    Send,
    SetOffsets,
    SkipWithCopies,
    Step,
    Take,
    Unmark,
)
from mqtui.domain.reader_progress import ReaderProgress
from mqtui.domain.redrive import Outcome, Selection
from mqtui.domain.resource import Ref
from mqtui.domain.topology import Destination, Group, Member, PendingEntry
from mqtui.services.destination_rows import destination_step_row
from mqtui.services.jsonlines import Json, add_figures, name_or_base64

if TYPE_CHECKING:
    from mqtui.domain.shared_scan import RepeatedPart
    from mqtui.services.deadletters import DeadLetterDestination
    from mqtui.services.redrive.run.monitor_result import MonitorResult


def plan_row(plan: Plan) -> Json:
    """A plan: what a dry run prints."""
    row: Json = {
        "id": plan.id,
        "verb": plan.verb.value,
        "profile": plan.profile,
        "broker": plan.broker.value,
        "steps": [_step(step) for step in plan.steps],
        "summary": [{"label": label, "text": _clean(text)} for label, text in plan.facts],
        "risks": [
            {"name": risk.name, "text": _clean(risk.text), "severity": risk.severity.value, "final": risk.final}
            for risk in plan.risks
        ],
        "guarantee": None,
        "header_changes": {what: [name_or_base64(name) for name in names] for what, names in plan.headers},
        "hash": plan.hash,
    }
    if plan.guarantee:
        row["guarantee"] = {"strength": plan.guarantee.strength.value, "text": plan.guarantee.text}
    return add_figures(row, count=plan.count)


def result_row(result: Result) -> Json:
    """The last line of a run. Monitor counts (`passed`, `waiting`, `came_back`) are null where it was not monitored, or
    where it can't be known, as `verdict` says.
    """
    return (
        {
            "run": result.run,
            "planned": result.planned,
            "moved": result.moved,
            "refused": result.refused,
            "unknown": result.unknown,
            "skipped": result.skipped,
            "left": result.left,
            "duplicates_suspected": len(result.suspects),
            "came_back": result.came_back,
            "passed": result.passed,
            "waiting": result.waiting,
            "readers": [reader_row(reader) for reader in result.readers],
            "seconds": round(result.seconds, 3),
        }
        | ({"reasons": dict(result.reasons)} if result.reasons else {})
        | ({"why": result.why} if result.why else {})
        | ({"verdict": _clean(result.verdict), "watched": result.watched} if result.verdict else {})
        | ({"back": [_clean(letter) for letter in result.back]} if result.back else {})
    )


def reader_row(reader: ReaderProgress) -> Json:
    """One group that reads a target. `alive` is null where the broker does not tell."""
    return {
        "group": name_or_base64(reader.group),
        "resource": name_or_base64(reader.target),
        "state": reader.state,
        "alive": reader.alive,
        "passed": reader.passed,
        "waiting": reader.waiting,
        "must_pass": reader.counts,
    }


def monitor_row(result: MonitorResult) -> Json:
    """What the monitor of published messages found; figures are null where they can't be known, as `verdict` says."""
    return {
        "came_back": result.returned_count,
        "passed": result.passed,
        "waiting": result.waiting,
        "readers": [reader_row(reader) for reader in result.readers],
        "watched": round(result.seconds, 1),
        "verdict": _clean(result.describe()),
    } | ({"back": [_clean(letter) for letter in result.returned_letters]} if result.returned_letters else {})


def repeated_part_row(repeated: RepeatedPart) -> Json:
    """What a shared search perhaps scanned twice."""
    part = repeated.part
    place: Json = {"resource": name_or_base64(part.ref.name), "partition": part.range.partition}
    return place | {
        "offset": part.range.start[0],
        "end_offset": part.range.end[0],
        "why": _clean(repeated.why),
    }


def suspect_rows(result: Result) -> list[Json]:
    """A row for each possible duplicate; they come before the result."""
    return [{"suspect": _clean(suspect)} for suspect in result.suspects]


def unknown_rows(result: Result) -> list[Json]:
    """A row for each letter whose outcome no broker knows; they come before the result."""
    return [{"letter": _clean(name), "outcome": Outcome.UNKNOWN.value} for name in result.unknowns]


def cause_row(cause: Cause) -> Json:
    """A cause. `message` is a sample's own, `cause` the normalised line; `origin` is a name without its kind."""
    return {
        "cause_id": cause.id,
        "cause": _clean(cause.text),
        "exception": _clean(cause.exception) or None,
        "message": _clean(cause.sample) or None,
        "origin": name_or_base64(cause.origin.partition(":")[2]) if cause.origin else None,
        "letters": cause.count,
        "first": cause.first,
        "last": cause.last,
    }


def dead_letters_row(destination: DeadLetterDestination) -> Json:
    """A destination that holds dead letters; `letters` are the unhandled ones."""
    row = _ref_fields(destination.ref)
    row |= {
        "origins": [name_or_base64(ref.name) for ref in destination.origins],
        "detected_by": destination.detected_by,
    }
    row |= {"groups": None if destination.readers is None else [name_or_base64(name) for name in destination.readers]}
    return add_figures(row, letters=destination.letters)


def destination_row(destination: Destination) -> Json:
    """A destination in a list."""
    row = _ref_fields(destination.ref)
    row |= {"type": destination.type, "partitions": destination.partitions, "internal": destination.internal}
    row["facts"] = {
        name: name_or_base64(fact) if isinstance(fact, str) else fact for name, fact in destination.facts.items()
    }
    row["dead_letters_to"] = [_ref_fields(ref) for ref in destination.dead_letters_to]
    return add_figures(row, messages=destination.messages, backlog=destination.backlog, bytes=destination.size)


def group_row(group: Group) -> Json:
    """A consumer group."""
    row: Json = {
        "group": name_or_base64(group.ref.name),
        "type": group.type,
        "state": group.state,
        "members": [_member(member) for member in group.members],
        "reads": [_ref_fields(ref) for ref in group.reads],
    }
    add_figures(row, pending=group.pending)
    if group.why:
        row["why"] = group.why
    return row


def offset_move_row(move: OffsetMove) -> Json:
    """One partition of an offsets preview."""
    row: Json = {
        "resource": name_or_base64(move.resource.name),
        "partition": move.partition,
        "from": _position(move.before),
        "to": _position(move.after),
        "from_time": move.before_time,
        "to_time": move.after_time,
    }
    return add_figures(row, skips=move.skips, reads_again=move.reads_again)


def _position(position: Position | None) -> int | str | None:
    """An offset as a number, an id as text."""
    if position is None:
        return None
    return position.offset if isinstance(position, Offset) else str(position)


def pending_row(stream: Ref, group: str, entry: PendingEntry) -> Json:
    """A pending entry; `read_at` is the server's time."""
    return {
        "resource": name_or_base64(stream.name),
        "group": name_or_base64(group),
        "id": str(entry.id),
        "consumer": name_or_base64(entry.consumer),
        "idle_ms": entry.idle,
        "deliveries": entry.deliveries,
        "read_at": entry.read_at,
    }


def audit_row(entry: AuditEntry) -> Json:
    """A line of the audit. `ending` says how a write ended; of a note it is the text."""
    row = asdict(entry)
    row["ending"] = row.pop("result")
    return row


def error_row(error: MqtuiError, exit_code: int) -> Json:
    """What went wrong, and the exit code it ends with."""
    told = {"title": _clean(error.title), "detail": _clean(error.detail), "hint": _clean(error.hint)}
    return {"error": told | {"exit": exit_code}}


def selection_row(selection: Selection) -> Json:
    """The criteria of a selection; unset ones are left out."""
    asked = {
        "cause_id": selection.cause or None,
        "where": selection.where or None,
        "partition": selection.partition,
        "since": selection.since,
        "until": selection.until,
        "limit": selection.limit,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _step(step: Step) -> Json:
    match step:
        case Send(target, count, note):
            return add_figures(_to("send", target, note), count=count)
        case Deliver(target, count, note, keys):
            row = _to("deliver", target, note)
            if keys:
                row["routing_keys"] = [name_or_base64(key) for key in keys]
            return add_figures(row, count=count)
        case Remove(count):
            return add_figures({"step": "remove"}, count=count)
        case Listen(source):
            return {"step": "listen"} | _ref_fields(source.ref)
        case PeekUnacked(queue, number, spends):
            return {"step": "peek"} | _ref_fields(queue) | {"count": number, "spends": spends}
        case Claim():
            told = {
                "group": name_or_base64(step.group),
                "consumer": name_or_base64(step.consumer),
                "min_idle_ms": step.min_idle,
            }
            return (
                {"step": "claim"} | _ref_fields(step.stream) | told | {"ids": [str(entry) for entry, _, _ in step.seen]}
            )
        case Acknowledge(stream, group, ids):
            named: Json = {"step": "ack"} | _ref_fields(stream)
            return named | {"group": name_or_base64(group), "ids": [str(entry) for entry in ids]}
        case Take(source, selection):
            row = {"step": "take"} | _ref_fields(source.ref) | {"selection": selection_row(selection)}
            return add_figures(row, count=source.count)
        case Unmark(source, run, offsets):
            return (
                {"step": "unmark"} | _ref_fields(source) | {"run": run, "offsets": [str(offset) for offset in offsets]}
            )
        case CreateStateTopic(name):
            return {"step": "create", "resource": name, "kind": "topic"}
        case RegisterSchema(subject, schema):
            return {"step": "register", "subject": subject, "language": schema.kind.value}
        case SetOffsets(group, moves):
            return {"step": "set", "group": name_or_base64(group.name), "count": len(moves)}
        case DeleteGroup(group, moves):
            return {"step": "delete", "group": name_or_base64(group.name), "count": len(moves)}
        case JoinScan(group, _, ranges):
            return {"step": "share", "group": name_or_base64(group.name), "count": sum(map(len, ranges.values()))}
        case SkipWithCopies(group, _, copies):
            counted: Json = {"group": name_or_base64(group.name), "count": len(copies)}
            return {"step": "skip"} | _ref_fields(step.target) | counted
        case AbortTransaction(transaction):
            named = {"transactional_id": transaction.transactional_id, "producer_id": transaction.producer_id}
            return {"step": "abort"} | named
        case _:
            return _ref_fields(step.ref) | destination_step_row(step)


def _to(step: str, target: Ref, note: str) -> Json:
    return {"step": step} | _ref_fields(target) | ({"note": _clean(note)} if note else {})


def _ref_fields(ref: Ref) -> Json:
    return {"resource": name_or_base64(ref.name), "kind": ref.kind.value}


def _member(member: Member) -> Json:
    return {
        "name": name_or_base64(member.name),
        "client": name_or_base64(member.client),
        "host": member.host,
        "assigned": [[name_or_base64(name), partition] for name, partition in member.assigned],
        "pending": member.pending,
        "idle_ms": member.idle,
        "inactive_ms": member.inactive,
    }


def _clean(text: str) -> str:
    """Text for people: bytes of a name that are not UTF-8 become replacement signs."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
