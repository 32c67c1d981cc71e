"""Single steps of a plan: queues and streams are declared, deleted and purged."""

from __future__ import annotations

from mqtui.brokers.rabbitmq.capabilities import NO_PENDING
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.destination_steps import apply_destination_step
from mqtui.domain.destination_change import CreateDestination, DeleteDestination, PurgeMessages
from mqtui.domain.errors import Unsupported
from mqtui.domain.plan import Step, StepResult


async def apply_step(session: RabbitSession, step: Step) -> StepResult:
    """Carry out one step.

    Raises:
        Unsupported: RabbitMQ has no such step.
    """
    match step:
        case CreateDestination() | DeleteDestination() | PurgeMessages():
            return await apply_destination_step(session, step)
        case _:
            raise Unsupported(f"RabbitMQ has no {type(step).__name__.lower()}", NO_PENDING.reason, NO_PENDING.hint)
