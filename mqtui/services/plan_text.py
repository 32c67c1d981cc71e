"""A plan as text: the same lines before a run and in a dry run."""

from __future__ import annotations

from collections.abc import Iterator

from mqtui.domain.figure import pluralize
from mqtui.domain.plan import (
    Acknowledge,
    Claim,
    CreateStateTopic,
    Deliver,
    Listen,
    PeekUnacked,
    Plan,
    Remove,
    Send,
    Severity,
    Step,
    Take,
    Unmark,
)

MAX_HEADERS = 8
"""Names of headers that are listed before the rest is counted."""


def plan_lines(plan: Plan) -> Iterator[str]:
    """The lines of a plan: steps, facts, headers, guarantee and risks."""
    yield f"{plan.verb} on {plan.profile}, plan {plan.id[:4].upper()}: {plan.count} to do"
    for number, step in enumerate(plan.steps, 1):
        yield f"  {number:>2}. {describe_step(step)}"
    for label, text in plan.facts:
        yield f"  {label:<10} {text}"
    for label, names in plan.headers:
        if names:
            shown = ", ".join(names[:MAX_HEADERS]) + (
                f" and {len(names) - MAX_HEADERS} more" if len(names) > MAX_HEADERS else ""
            )
            yield f"  {label:<10} {shown}"
    if plan.guarantee is not None:
        strength, text = plan.guarantee.strength.value, plan.guarantee.text
        yield f"  {'promise':<10} {text if text.startswith(strength) else f'{strength}: {text}'}"
    for risk in plan.risks:
        yield f"  {'✗' if risk.severity is Severity.REFUSE else '▲'} {risk.name}: {risk.text}"


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


def _in_parentheses(note: str) -> str:
    return f" ({note})" if note else ""
