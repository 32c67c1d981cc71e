"""A plan as text: the same lines before a run and in a dry run."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from mqtui.domain.destination_change import (
    AddPartitions,
    AlterSettings,
    CreateDestination,
    DeleteDestination,
    DestinationStep,
    PurgeMessages,
)
from mqtui.domain.figure import pluralize
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
    Send,
    SetOffsets,
    Severity,
    SkipWithCopies,
    Step,
    Take,
    Unmark,
)

MAX_HEADERS = 8
"""Names of headers that are listed before the rest is counted."""

STEPS = "steps"
SAID_BY: dict[type, frozenset[str]] = {
    Take: frozenset({"from", "resumes"}),
    Deliver: frozenset({"to"}),
    Remove: frozenset({"to"}),
    Send: frozenset({"to"}),
    Listen: frozenset({"first"}),
    PeekUnacked: frozenset({"price"}),
    Claim: frozenset({"to"}),
    Acknowledge: frozenset({"group"}),
    Unmark: frozenset({"effect"}),
    SetOffsets: frozenset({"effect"}),
    JoinScan: frozenset({"effect"}),
}
"""The facts that tell what a kind of step does; a step that none of them tells is read before the plan is agreed to."""


class RowKind(StrEnum):
    """What a row of a plan says."""

    REFUSED = "refused"
    WARNING = "warning"
    TERM = "term"
    """What has to be known before the plan is agreed to: from, to, first, a price, an effect."""

    DETAIL = "detail"
    """What can be looked up: sizes, headers, the promise in full, the steps."""


DETAIL_FACTS = frozenset(
    {
        "size",
        "opened",
        "stored",
        "copies",
        "shape",
        "properties",
        "headers",
        "timestamps",
        "partition",
        "seen",
        "lock",
        "idle",
    }
)
"""Labels of facts that are details; every other fact is a term."""

FIRST_TERMS = ("resumes", "run", "price", "from", "selected", "to", "first")
"""Labels of the terms that are read first, in order."""


LABEL_WIDTH = 10
TEXT_COLUMN = LABEL_WIDTH + 3
"""Where the text behind a label begins."""


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One row of a plan. `label` is empty for a step and a risk, which say it in their text."""

    kind: RowKind
    label: str
    text: str
    group: str
    """What a detail belongs to, named where it is folded: its label, or `steps`."""

    @property
    def line(self) -> str:
        """The row as it is printed and drawn."""
        return f"  {self.label:<{LABEL_WIDTH}} {self.text}" if self.label else f"  {self.text}"


def plan_lines(plan: Plan) -> Iterator[str]:
    """The lines of a plan as they are printed: steps, facts, headers, guarantee and risks."""
    yield f"{plan.verb} on {plan.profile}, plan {plan.id[:4].upper()}: {plan.count} to do"
    for row in plan_rows(plan):
        yield row.line


def plan_rows(plan: Plan) -> list[PlanRow]:
    """All rows of a plan, in the order in which they are printed."""
    told = {label for label, _ in plan.facts}
    rows = [_step_row(number, step, told) for number, step in enumerate(plan.steps, 1)]
    rows += [
        PlanRow(RowKind.DETAIL if label in DETAIL_FACTS else RowKind.TERM, label, text, label)
        for label, text in plan.facts
    ]
    for label, names in plan.headers:
        if names:
            shown = ", ".join(names[:MAX_HEADERS]) + (
                f" and {len(names) - MAX_HEADERS} more" if len(names) > MAX_HEADERS else ""
            )
            rows.append(PlanRow(RowKind.DETAIL, label, shown, f"{label} {len(names)}"))
    if plan.guarantee is not None:
        strength, text = plan.guarantee.strength.value, plan.guarantee.text
        promise = text if text.startswith(strength) else f"{strength}: {text}"
        rows.append(PlanRow(RowKind.DETAIL, "promise", promise, "promise"))
    for risk in plan.risks:
        refused = risk.severity is Severity.REFUSE
        text = f"{'✗' if refused else '▲'} {risk.name}: {risk.text}"
        rows.append(PlanRow(RowKind.REFUSED if refused else RowKind.WARNING, "", text, risk.name))
    return rows


def rows_to_agree_to(plan: Plan) -> list[PlanRow]:
    """The rows that must be read before the plan is agreed to: risks first, then the terms."""
    order = {label: place for place, label in enumerate(FIRST_TERMS)}
    rows = plan_rows(plan)
    terms = [row for row in rows if row.kind is RowKind.TERM]
    return [
        *(row for row in rows if row.kind is RowKind.REFUSED),
        *(row for row in rows if row.kind is RowKind.WARNING),
        *sorted(terms, key=lambda row: order.get(row.label, len(order))),
    ]


def detail_rows(plan: Plan) -> list[PlanRow]:
    """The rows that may be folded."""
    return [row for row in plan_rows(plan) if row.kind is RowKind.DETAIL]


def describe_details(plan: Plan) -> str:
    """What the details of a plan are, in a few words: `size, keep 1, strip 9, add 5, promise, 3 steps`."""
    steps = sum(row.group == STEPS for row in detail_rows(plan))
    named = [row.group for row in detail_rows(plan) if row.group != STEPS]
    return ", ".join([*named, *([pluralize(steps, "step")] if steps else [])])


def _step_row(number: int, step: Step, told: Collection[str]) -> PlanRow:
    """A step as a row: a term where the facts say nothing of it."""
    kind = RowKind.DETAIL if SAID_BY.get(type(step), frozenset()) & set(told) else RowKind.TERM
    return PlanRow(kind, "", f"{number:>2}. {describe_step(step)}", STEPS)


def describe_step(step: Step) -> str:
    """One step in words."""
    match step:
        case Take(source, _):
            return f"take from {source.ref}, which holds {source.count}"
        case Deliver(target, count, note, keys):
            by = f" with the routing key {', '.join(keys)}" if keys else ""
            return f"deliver {count} to {target}{by}, each removed once it is stored" + _in_parentheses(note)
        case Remove(count):
            return f"remove {count} from there"
        case Send(target, count, note):
            return f"publish {count} to {target}" + _in_parentheses(note)
        case Listen(source):
            return f"listen to {source.ref} for dead letters of the target"
        case PeekUnacked(queue, count, _):
            return f"read {count} of {queue} and requeue them"
        case Claim():
            return f"claim {len(step.seen)} of {step.group} of {step.stream} for {step.consumer}"
        case Acknowledge(stream, group, ids):
            return f"acknowledge {len(ids)} for {group} of {stream}"
        case Unmark(source, run, offsets):
            return f"mark {pluralize(len(offsets), 'letter')} of {source} unhandled that run {run[:4].upper()} handled"
        case CreateStateTopic(name):
            return f"create the topic {name}, which keeps what was handled"
        case RegisterSchema(subject, schema):
            return f"register {schema.kind} schema of {len(schema.text):,} characters in the subject {subject}"
        case SetOffsets(group, moves):
            return f"set {pluralize(len(moves), 'offset')} of {group}"
        case DeleteGroup(group, moves):
            return f"delete {group} with its {pluralize(len(moves), 'offset')}"
        case JoinScan(group, _, ranges):
            return f"scan {', '.join(map(str, ranges))} as a member of {group}, with progress committed there"
        case SkipWithCopies(group, move, copies):
            where = f"{move.resource}, partition {move.partition}"
            return f"copy {pluralize(len(copies), 'message')} to {step.target}, and set {group} behind them in {where}"
        case AbortTransaction(transaction):
            return f"abort the transaction of {transaction.transactional_id or f'producer {transaction.producer_id}'}"
        case _:
            return _describe_change(step)


def _describe_change(step: DestinationStep) -> str:
    """A step that changes a destination itself."""
    match step:
        case CreateDestination(ref, kind, partitions, replicas, _):
            parts = [
                pluralize(count, noun) for count, noun in ((partitions, "partition"), (replicas, "replica")) if count
            ]
            return f"create the {kind} {ref.name}" + _in_parentheses(", ".join(parts))
        case AlterSettings(ref, _, changes):
            return f"set {', '.join(each.name for each in changes)} of {ref}"
        case AddPartitions(ref, _, before, after):
            return f"add {pluralize(after - before, 'partition')} to {ref}"
        case DeleteDestination(ref):
            return f"delete {ref} with all that is in it"
        case PurgeMessages(ref, _, _, count):
            return f"delete {pluralize(count, 'message')} of {ref}"


def _in_parentheses(note: str) -> str:
    return f" ({note})" if note else ""
