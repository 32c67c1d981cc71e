"""Which verbs are available on a queue, stream or exchange, and the reason where one is not."""

from __future__ import annotations

from mqtui.brokers.rabbitmq.config import HINT
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.read.queue_info import describe_queue
from mqtui.domain.capability import SUPPORTED, Support, Verb, not_supported
from mqtui.domain.resource import Kind, Ref

NO_PENDING = not_supported(
    "RabbitMQ keeps no list of pending entries: what a consumer holds is requeued when its connection ends",
    "See `mqtui groups`: the consumers of a queue and what they hold.",
)
NO_TAIL = not_supported(
    "a queue gives each message to one reader: following it would take messages from its consumers",
    "Streams can be followed.",
)
NO_MESSAGES = not_supported("an exchange holds no messages", "Look at the queues bound to it.")
NO_OFFSETS = not_supported(
    "a queue has no offsets: what was acknowledged is gone from it, and cannot be read again",
    "A reader of a stream says where it begins when it subscribes (x-stream-offset); what the stream protocol stores "
    "under a consumer's name can be set by that protocol alone.",
)
NO_TRANSACTIONS = not_supported(
    "a transaction of AMQP belongs to its channel and holds back nobody: it can't be listed",
    "It ends with the channel.",
)
NO_ALTERATION = not_supported(
    "the arguments of a queue are fixed when it is declared",
    "A policy changes most of them: rabbitmqctl set_policy. Else make a new queue, and move the messages.",
)
NO_PURGE = not_supported("a stream deletes by its own limits only", "Set max-age or max-length-bytes by a policy.")
CHANGING_VERBS = frozenset({Verb.CREATE, Verb.DELETE, Verb.PURGE})
NO_EXCHANGE = not_supported("exchanges are neither made nor deleted here", "Queues and streams are.")
NO_SHARE = not_supported("only Kafka's groups divide what is scanned among processes", "Search it by one.")
READING_VERBS = frozenset({Verb.PEEK, Verb.SPEND, Verb.TAIL})
REMOVING_VERBS = frozenset({Verb.REDRIVE, Verb.DISCARD, Verb.PUT_BACK})
NEED_MANAGEMENT = frozenset({Verb.LIST, Verb.GROUPS, Verb.LAG, Verb.DEAD_LETTERS})
NO_REMOVAL = not_supported("single messages can't be removed from a stream", "Publish copies instead.")


async def can(session: RabbitSession, verb: Verb, ref: Ref | None = None) -> Support:
    """Whether the verb is available, or the reason why not."""
    if verb in NEED_MANAGEMENT and not session.management.is_configured:
        return not_supported(f"{verb} needs the management API, and none was given", HINT)
    queue_type = ""
    if ref is not None and ref.kind is Kind.QUEUE and verb in READING_VERBS | REMOVING_VERBS | {Verb.PURGE}:
        queue_type = (await describe_queue(session, ref.name)).type
    refusal = why_not(verb, ref, queue_type)
    return SUPPORTED if refusal is None else refusal


def why_not(verb: Verb, ref: Ref | None, queue_type: str) -> Support | None:
    """Why a verb is not available there, by kind and `queue_type` alone; None where it is."""
    if verb in (Verb.PENDING, Verb.CLAIM, Verb.ACK):
        return NO_PENDING
    if verb is Verb.OFFSETS:
        return NO_OFFSETS
    if verb in (Verb.TRANSACTIONS, Verb.ABORT):
        return NO_TRANSACTIONS
    if verb is Verb.ALTER:
        return NO_ALTERATION
    if verb is Verb.SHARE:
        return NO_SHARE
    if ref is None:
        return None
    if ref.kind is Kind.EXCHANGE and verb in READING_VERBS:
        return NO_MESSAGES
    if ref.kind is Kind.EXCHANGE and verb in CHANGING_VERBS:
        return NO_EXCHANGE
    stream = ref.kind is Kind.STREAM or queue_type == "stream"
    if verb is Verb.TAIL and not stream:
        return NO_TAIL
    if verb in REMOVING_VERBS and stream:
        return NO_REMOVAL
    return NO_PURGE if verb is Verb.PURGE and stream else None
