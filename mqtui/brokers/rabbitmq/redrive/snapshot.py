"""The bounds of a move: how many messages are ready, and the broker's time (R8)."""

from __future__ import annotations

from mqtui.brokers.rabbitmq import capabilities
from mqtui.brokers.rabbitmq.connection.session import Access
from mqtui.brokers.rabbitmq.read import queue_fingerprint
from mqtui.brokers.rabbitmq.read.groups import RabbitGroups
from mqtui.brokers.rabbitmq.read.queue_info import queue_facts
from mqtui.domain.capability import Verb
from mqtui.domain.errors import Unsupported
from mqtui.domain.figure import exact, pluralize
from mqtui.domain.redrive import CountBound, Source
from mqtui.domain.resource import Kind, Ref

DATE_AGE = 1
"""Seconds by which the management API's `Date` may be behind the clock: what was counted before it is not later."""


async def take_snapshot(access: Access, groups: RabbitGroups, source: Ref) -> Source:
    """How many messages are ready as of now, and who reads them.

    Raises:
        NotFound: there is no such queue.
        Unsupported: it is a stream or an exchange, from which no single message can be removed.
    """
    support = capabilities.refusal(Verb.REDRIVE, source, "")
    if support is None and source.kind is not Kind.QUEUE:
        support = capabilities.NO_MESSAGES
    if support is not None:
        raise Unsupported(f"{source} can't be a source", support.reason, support.hint)
    facts = await queue_facts(access, source.name)
    if facts.sort == "stream":
        raise Unsupported(f"{source} can't be a source", capabilities.NO_REMOVAL.reason, capabilities.NO_REMOVAL.hint)
    made = await queue_fingerprint.creation_of(access, facts)
    clock = queue_fingerprint.broker_time(access)
    at = None if clock is None else (clock + DATE_AGE) * 1000
    readers = (await groups.readers_of([source]))[source] if facts.consumers else ()
    if facts.consumers and not readers:
        readers = (pluralize(facts.consumers, "consumer"),)
    identity = f"{await access.identity()}/{source.name}" + ("" if made is None else f" {made.shape}")
    bound = CountBound(facts.ready, at, "" if made is None else made.encoded())
    return Source(source, identity, bound, exact(facts.ready), readers=readers)
