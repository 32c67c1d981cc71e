"""What Kafka offers, and what this principal may do."""

from __future__ import annotations

from confluent_kafka.admin import AclOperation

from mqtui.brokers.kafka.connection.clients import Connection
from mqtui.brokers.kafka.read.topic_metadata import describe, topic_name
from mqtui.domain.capability import SUPPORTED, Support, Verb, not_supported
from mqtui.domain.resource import Kind, Ref

NO_PENDING = not_supported("Kafka has no pending entries list: an offset is committed, not acknowledged one by one")
NEVER = {
    Verb.PENDING: NO_PENDING,
    Verb.CLAIM: NO_PENDING,
    Verb.ACK: NO_PENDING,
    Verb.SPEND: not_supported("Kafka lends nothing: looking at a topic is free"),
}
NEEDED = {
    Verb.PEEK: AclOperation.READ,
    Verb.TAIL: AclOperation.READ,
    Verb.DEAD_LETTERS: AclOperation.READ,
    Verb.REDRIVE: AclOperation.READ,
    Verb.DISCARD: AclOperation.READ,
    Verb.PUBLISH: AclOperation.WRITE,
}
"""The right a verb needs on the topic it is asked of."""


async def supported(connection: Connection, verb: Verb, ref: Ref | None) -> Support:
    """Whether the verb can be done.

    Raises:
        NotFound: the topic does not exist.
    """
    if verb in NEVER:
        return NEVER[verb]
    needed = NEEDED.get(verb)
    if ref is None or ref.kind is Kind.GROUP or needed is None:
        return SUPPORTED
    topic = await describe(connection, topic_name(ref))
    if needed in topic.rights:
        return SUPPORTED
    right = needed.name.capitalize()
    return not_supported(
        f"the right to {right.lower()} {topic.name} is missing", f"Needed: {right} on topic {topic.name}."
    )
