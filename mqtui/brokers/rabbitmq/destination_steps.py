"""Plan steps that declare, delete and purge queues and streams, on throw-away channels."""

from __future__ import annotations

from mqtui.brokers.rabbitmq.connection.channel import Channel
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.read.change_preview import TYPE_ARGUMENT
from mqtui.brokers.rabbitmq.read.queue_fingerprint import decode, is_different_queue, take_fingerprint
from mqtui.brokers.rabbitmq.read.queue_info import describe_queue
from mqtui.domain.destination_change import CreateDestination, DeleteDestination, PurgeMessages
from mqtui.domain.errors import BrokerTrouble, NotFound, Refused
from mqtui.domain.plan import StepResult
from mqtui.domain.resource import Ref


async def apply_destination_step(
    session: RabbitSession, step: CreateDestination | DeleteDestination | PurgeMessages
) -> StepResult:
    """Carry out one step.

    Raises:
        NotFound: the queue is gone.
        Refused: it is another one, or not empty or unused any more; or it is there already.
        NotAuthorised: the permission configure, or read for a purge, is missing.
    """
    match step:
        case CreateDestination():
            return await _declare(session, step)
        case DeleteDestination(ref, identity, is_empty, is_unused):
            await _require_same(session, ref, identity)
            return await _delete(session, ref.name, is_empty=is_empty, is_unused=is_unused)
        case PurgeMessages(ref, identity, _, count):
            await _require_same(session, ref, identity)
            return await _purge(session, ref.name, int(count.number or 0))


async def _require_same(session: RabbitSession, ref: Ref, identity: str) -> None:
    queue = await describe_queue(session, ref.name)
    before, now = decode(identity), await take_fingerprint(session, queue)
    if before is not None and now is not None and is_different_queue(before, now):
        raise Refused(f"{ref.name} is another queue now", "It was made again since the plan.", "Plan it again.")


async def _declare(session: RabbitSession, step: CreateDestination) -> StepResult:
    """Declare a queue that is not there: one that is would be answered as if it had been made."""
    name = step.ref.name
    try:
        await session.queue_counts(name)
    except NotFound:
        pass
    else:
        raise Refused(f"There is a queue {name}", "It came since the plan.")
    arguments = {TYPE_ARGUMENT: step.type} | {key: _typed(value) for key, value in step.settings}

    async def declare(channel: Channel) -> None:
        await channel.call(
            lambda back: channel.raw.queue_declare(name, durable=True, arguments=arguments, callback=back),
            f"Declaring queue {name}",
            f"configure on queue {name}",
        )

    await session.on_channel(f"declare queue {name}", declare)
    return StepResult(1, 1)


def _typed(text: str) -> str | int | bool:
    """An argument as its text looks: numbers and truth values are typed in AMQP."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if text.removeprefix("-").isdecimal() and len(text) < 20 else text


async def _delete(session: RabbitSession, name: str, *, is_empty: bool, is_unused: bool) -> StepResult:
    async def delete(channel: Channel) -> int:
        frame = await channel.call(
            lambda back: channel.raw.queue_delete(name, if_unused=is_unused, if_empty=is_empty, callback=back),
            f"Deleting queue {name}",
            f"configure on queue {name}",
        )
        return int(frame.method.message_count)

    try:
        count = await session.on_channel(f"delete queue {name}", delete)
    except BrokerTrouble as error:
        if "406" in error.detail:
            raise Refused(f"{name} is in use again", error.detail, "Plan it again.") from error
        raise
    return StepResult(1, 1, (f"{count:,} messages were deleted with it",) if count else ())


async def _purge(session: RabbitSession, name: str, planned: int) -> StepResult:
    async def purge(channel: Channel) -> int:
        frame = await channel.call(
            lambda back: channel.raw.queue_purge(name, callback=back), f"Purging queue {name}", f"read on queue {name}"
        )
        return int(frame.method.message_count)

    count = await session.on_channel(f"purge queue {name}", purge)
    note = f"{count:,} messages were deleted, {planned:,} were planned" if count != planned else ""
    return StepResult(1, 1, (note,) if note else ())
