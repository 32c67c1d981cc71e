"""Single steps of a plan, such as acknowledging pending entries: RabbitMQ has none."""

from __future__ import annotations

from mqtui.brokers.rabbitmq.capabilities import NO_PENDING
from mqtui.domain.errors import Unsupported
from mqtui.domain.plan import Step, StepResult


async def apply_step(step: Step) -> StepResult:
    """Refuse every step.

    Raises:
        Unsupported: always.
    """
    raise Unsupported(f"RabbitMQ has no {type(step).__name__.lower()}", NO_PENDING.reason, NO_PENDING.hint)
