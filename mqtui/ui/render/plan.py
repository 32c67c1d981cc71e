"""The printed lines of a plan as styled lines."""

from __future__ import annotations

import re

from mqtui.domain.plan import Plan
from mqtui.ui.render.styled_text import StyledLine

TITLED = re.compile(r"  \S.{9} \S")
"""A line of a plan that begins with what it is about: `  from       orders.DLQ`."""


def style_plan_line(line: str) -> StyledLine:
    """A line of a plan in the tone of its sign: `✗` a refused risk, `▲` a warning; the title of a line is muted."""
    bare = line.lstrip()
    if bare.startswith("✗"):
        return [(line, "danger")]
    if bare.startswith("▲"):
        return [(line, "warn")]
    if TITLED.match(line):
        return [(line[:13], "muted"), (line[13:], "")]
    return [(line, "")]


def guarantee_suffix(plan: Plan) -> str:
    """` · exactly once`, to stand behind something else; "" where the plan has no guarantee."""
    return f" · {plan.guarantee.strength}" if plan.guarantee is not None else ""
