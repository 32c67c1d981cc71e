"""The snapshot of a source: how many messages are ready, and the broker's time (R8)."""

from __future__ import annotations

from mqtui.brokers.rabbitmq import capabilities
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.read import queue_fingerprint
from mqtui.brokers.rabbitmq.read.groups import RabbitGroups
from mqtui.brokers.rabbitmq.read.queue_info import describe_queue
from mqtui.domain.capability import Verb
from mqtui.domain.errors import Unsupported
from mqtui.domain.figure import exact, pluralize
from mqtui.domain.redrive import CountBound, Source
from mqtui.domain.resource import Kind, Ref

DATE_AGE = 1
"""Seconds by which the management API's `Date` may be behind: letters that were counted must not seem to die later."""


async def take_snapshot(session: RabbitSession, groups: RabbitGroups, source: Ref) -> Source:
    """Ready messages, consumers, fingerprint and broker time of a queue as of now.

    Raises:
        NotFound: there is no such queue.
        Unsupported: it is a stream or an exchange, from which no single message can be removed.
    """
    support = capabilities.why_not(Verb.REDRIVE, source, "")
    if support is None and source.kind is not Kind.QUEUE:
        support = capabilities.NO_MESSAGES
    if support is not None:
        raise Unsupported(f"{source} can't be a source", support.reason, support.hint)
    queue = await describe_queue(session, source.name)
    if queue.type == "stream":
        raise Unsupported(f"{source} can't be a source", capabilities.NO_REMOVAL.reason, capabilities.NO_REMOVAL.hint)
    fingerprint = await queue_fingerprint.take_fingerprint(session, queue)
    clock = queue_fingerprint.broker_time(session)
    at = None if clock is None else (clock + DATE_AGE) * 1000
    readers = (await groups.readers_of([source]))[source] if queue.consumers else ()
    if queue.consumers and not readers:
        readers = (pluralize(queue.consumers, "consumer"),)
    identity = f"{await session.identity()}/{source.name}"
    if fingerprint is not None:
        identity += f" {fingerprint.declaration}"
    bound = CountBound(queue.ready, at, "" if fingerprint is None else fingerprint.encode())
    return Source(source, identity, bound, exact(queue.ready), readers=readers)
