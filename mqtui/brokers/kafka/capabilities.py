"""Which verbs Kafka has at all, and which this principal's ACLs allow."""

from __future__ import annotations

from confluent_kafka.admin import AclOperation

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.read.topic_metadata import describe_topic, topic_name
from mqtui.domain.capability import SUPPORTED, Support, Verb, not_supported
from mqtui.domain.resource import Kind, Ref

NO_PENDING = not_supported("Kafka has no pending entries list: an offset is committed, not acknowledged one by one")
UNSUPPORTED = {
    Verb.PENDING: NO_PENDING,
    Verb.CLAIM: NO_PENDING,
    Verb.ACK: NO_PENDING,
    Verb.SPEND: not_supported("not applicable: reading a topic does not consume"),
}
REQUIRED_ACL = {
    Verb.PEEK: AclOperation.READ,
    Verb.TAIL: AclOperation.READ,
    Verb.DEAD_LETTERS: AclOperation.READ,
    Verb.REDRIVE: AclOperation.READ,
    Verb.DISCARD: AclOperation.READ,
    Verb.PUBLISH: AclOperation.WRITE,
    Verb.DELETE: AclOperation.DELETE,
    Verb.PURGE: AclOperation.DELETE,
}
"""The ACL operation on the topic that a verb needs."""


async def can(clients: KafkaClients, verb: Verb, ref: Ref | None) -> Support:
    """Whether the verb can be used, on that topic if one is given; else the reason.

    Raises:
        NotFound: the topic does not exist.
    """
    if verb in UNSUPPORTED:
        return UNSUPPORTED[verb]
    needed = REQUIRED_ACL.get(verb)
    if ref is None or ref.kind is Kind.GROUP or needed is None:
        return SUPPORTED
    topic = await describe_topic(clients, topic_name(ref))
    if needed in topic.rights:
        return SUPPORTED
    right = needed.name.capitalize()
    return not_supported(
        f"the right to {right.lower()} {topic.name} is missing", f"Needed: {right} on topic {topic.name}."
    )
