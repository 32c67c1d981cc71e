"""librdkafka's errors in the words of the domain."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

from mqtui.domain.errors import (
    BadInput,
    BrokerTrouble,
    CannotConnect,
    MqtuiError,
    NotAuthenticated,
    NotAuthorised,
    NotFound,
    TimedOut,
    TlsRefused,
    Unreachable,
)

MISSING = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNKNOWN_TOPIC_ID,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.GROUP_ID_NOT_FOUND,
        KafkaError.TOPIC_EXCEPTION,
    }
)
RIGHTS = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "a right on the topic",
    KafkaError._UNKNOWN_GROUP: "a right on the group",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "Describe or Read on the group",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "a right on the cluster (to write: IdempotentWrite, or Write on a topic)",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "Write and Describe on the TransactionalId",
    KafkaError.DELEGATION_TOKEN_AUTHORIZATION_FAILED: "Describe on the delegation token",
}
LOGIN = frozenset(
    {
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError._AUTHENTICATION,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError.ILLEGAL_SASL_STATE,
    }
)
AWAY = frozenset({KafkaError._RESOLVE, KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT})
SLOW = frozenset(
    {KafkaError._TIMED_OUT, KafkaError.REQUEST_TIMED_OUT, KafkaError._MSG_TIMED_OUT, KafkaError._TIMED_OUT_QUEUE}
)
WRONG = frozenset({KafkaError._INVALID_ARG, KafkaError._CONFLICT, KafkaError.INVALID_PARTITIONS})
TOO_LARGE = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})
FENCED = frozenset(
    {
        KafkaError._FENCED,
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.INVALID_PRODUCER_ID_MAPPING,
        KafkaError.INVALID_TXN_STATE,
    }
)
"""Another producer has the transactional id, or the coordinator ended our transaction by its time-out."""


def error_of(error: KafkaException | KafkaError) -> KafkaError:
    """The error itself, out of an exception."""
    if isinstance(error, KafkaError):
        return error
    inner: KafkaError = error.args[0]
    return inner


def underlying(error: KafkaException | SystemError) -> KafkaException:
    """The exception behind a call of a producer.

    A fatal error is raised by poll, flush and commit; delivery reports that are called with it pending turn it into a
    SystemError [confluent-kafka 2.16.1].
    """
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, KafkaException):
            return found
        found = found.__cause__ or found.__context__
    raise error


def translate(error: KafkaException | KafkaError, doing: str) -> MqtuiError:
    """The domain's error for librdkafka's; `doing` is what was tried, as in "reading orders"."""
    inner = error_of(error)
    code, said = inner.code(), said_of(inner)
    if code in MISSING:
        return NotFound(f"Not found while {doing}", said, "`mqtui ls` shows what there is.")
    if code in RIGHTS:
        return NotAuthorised(f"A right is missing for {doing}", said, f"Needed: {RIGHTS[code]}.")
    if code in LOGIN:
        return NotAuthenticated(
            "The broker refused the user or the password", said, "Check user, password and sasl.mechanism."
        )
    if code == KafkaError._SSL:
        return TlsRefused("TLS was refused", said, "See tls.ca, tls.cert, tls.server-name and tls.verify.")
    if code in AWAY:
        return unreachable(said)
    if code in SLOW:
        return TimedOut(f"No answer in time while {doing}", said, "The broker is busy or gone; try again.")
    if code in WRONG:
        return BadInput(f"Refused by the client library while {doing}", said)
    if code in TOO_LARGE:
        return BrokerTrouble(f"Too large: {doing}", said, "The topic's max.message.bytes is the limit.")
    return BrokerTrouble(f"The broker answered with an error while {doing}", said)


def topic_right(error: KafkaError, right: str, name: str) -> NotAuthorised:
    """A right on one topic is missing."""
    return NotAuthorised(
        f"The topic {name} is closed to this user", said_of(error), f"Needed: {right} on topic {name}."
    )


def said_of(error: KafkaError) -> str:
    """The library's own words, with the broker's name for the error."""
    return f"{error.name()}: {error.str()}"


def unreachable(said: str) -> CannotConnect:
    """Nobody answers. A listener of the other kind drops the connection, which librdkafka words as a protocol doubt."""
    if "security.protocol" in said or "SSL_HANDSHAKE" in said:
        return TlsRefused(
            "The broker dropped the connection",
            said,
            "One side speaks TLS and the other does not: kafka+ssl:// for a TLS listener, kafka:// for a plain one.",
        )
    return Unreachable("The broker can't be reached", said, "Check host and port, and that the broker runs.")
