"""A plan as styled rows: what must be read before it is agreed to, and details that may be folded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mqtui.domain.figure import pluralize
from mqtui.domain.plan import Plan, StepResult, Take
from mqtui.services.plan_text import PlanRow, RowKind, describe_details, detail_rows, rows_to_agree_to
from mqtui.ui.render.styled_text import StyledLine

RISK_TONES = {RowKind.REFUSED: "danger", RowKind.WARNING: "warn"}


class PlanText(NamedTuple):
    """What a plan screen shows: `required` is read before the plan is agreed to, `details` are named by `summary`."""

    required: Sequence[StyledLine] = ()
    details: Sequence[StyledLine] = ()
    summary: str = ""


def render_plans(plans: Sequence[Plan]) -> PlanText:
    """The rows of plans that are agreed to together: all risks and terms first."""
    required = [row for plan in plans for row in rows_to_agree_to(plan)]
    risks = [row for row in required if row.kind in RISK_TONES]
    terms = [row for row in required if row.kind not in RISK_TONES]
    return PlanText(
        [*map(_style_row, risks), *map(_style_row, terms)],
        [_style_row(row) for plan in plans for row in detail_rows(plan)],
        ", ".join(filter(None, map(describe_details, plans))),
    )


def render_result(result: StepResult, counted: str) -> list[StyledLine]:
    """How many were done of what was asked for, as `counted` calls it, and what was not done."""
    whole = result.done == result.asked
    head = (f"{'✓' if whole else '▲'} {result.done:,} of {counted}", "ok" if whole else "warn")
    return [[head], *([(f"▲ {note}", "warn")] for note in result.notes)]


def _style_row(row: PlanRow) -> StyledLine:
    """A row in the tone of what it says; a label is muted."""
    if row.kind in RISK_TONES:
        return [(row.line, RISK_TONES[row.kind])]
    if row.label:
        head = len(row.line) - len(row.text)
        return [(row.line[:head], "muted"), (row.text, "")]
    return [(row.line, "")]


def plan_place(plan: Plan, *, with_broker: bool) -> str:
    """Where a plan is carried out: the profile's name, with the broker where it has several; never a URL."""
    if "://" in plan.profile:
        return str(plan.broker)
    return f"{plan.profile}/{plan.broker}" if with_broker else plan.profile


def plan_title(plan: Plan, place: str, things: str = "") -> str:
    """What a plan does: `shop/kafka: redrive 14 of 21 letters`. `things` is what it counts, such as `letter`."""
    held = next((step.source.count for step in plan.steps if isinstance(step, Take)), None)
    count = pluralize(plan.count, things) if things else str(plan.count)
    if held is not None and held.known and plan.count.known and held.number != plan.count.number:
        count = f"{plan.count} of {pluralize(held, things)}"
    return f"{place}: {plan.verb} {count}"


def plan_identity(plan: Plan) -> str:
    """Its id and what it guarantees: `plan 3C6E · at least once`."""
    return f"plan {plan.id[:4].upper()}{guarantee_suffix(plan)}"


def guarantee_suffix(plan: Plan) -> str:
    """` · exactly once`, to stand behind something else; "" where the plan has no guarantee."""
    return f" · {plan.guarantee.strength}" if plan.guarantee is not None else ""
