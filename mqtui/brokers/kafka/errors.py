"""Translates librdkafka's errors to domain errors."""

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

NOT_FOUND = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNKNOWN_TOPIC_ID,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.GROUP_ID_NOT_FOUND,
        KafkaError.TOPIC_EXCEPTION,
    }
)
MISSING_RIGHTS = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "a right on the topic",
    KafkaError._UNKNOWN_GROUP: "a right on the group",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "Describe or Read on the group",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "a right on the cluster (to write: IdempotentWrite, or Write on a topic)",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "Write and Describe on the TransactionalId",
    KafkaError.DELEGATION_TOKEN_AUTHORIZATION_FAILED: "Describe on the delegation token",
}
AUTHENTICATION = frozenset(
    {
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError._AUTHENTICATION,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError.ILLEGAL_SASL_STATE,
    }
)
UNREACHABLE = frozenset({KafkaError._RESOLVE, KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT})
TIMED_OUT = frozenset(
    {KafkaError._TIMED_OUT, KafkaError.REQUEST_TIMED_OUT, KafkaError._MSG_TIMED_OUT, KafkaError._TIMED_OUT_QUEUE}
)
INVALID_REQUEST = frozenset({KafkaError._INVALID_ARG, KafkaError._CONFLICT, KafkaError.INVALID_PARTITIONS})
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
"""Another producer took over the transactional id, or our transaction exceeded its timeout: both look the same."""


def unwrap(error: KafkaException | KafkaError) -> KafkaError:
    """The KafkaError inside a KafkaException; a KafkaError is returned as it is."""
    if isinstance(error, KafkaError):
        return error
    kafka_error: KafkaError = error.args[0]
    return kafka_error


def kafka_cause(error: KafkaException | SystemError) -> KafkaException:
    """The KafkaException behind an error of a producer call.

    poll, flush and commit raise a fatal error; if delivery callbacks run while it is pending, it surfaces as a
    SystemError instead [confluent-kafka 2.16.1].
    """
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, KafkaException):
            return found
        found = found.__cause__ or found.__context__
    raise error


def translate(error: KafkaException | KafkaError, action: str) -> MqtuiError:
    """The domain error for a librdkafka error; `action` says what was attempted, such as "reading orders"."""
    kafka_error = unwrap(error)
    code, text = kafka_error.code(), describe_error(kafka_error)
    if code in NOT_FOUND:
        return NotFound(f"Not found while {action}", text, "`mqtui ls` shows what there is.")
    if code in MISSING_RIGHTS:
        return NotAuthorised(f"A right is missing for {action}", text, f"Needed: {MISSING_RIGHTS[code]}.")
    if code in AUTHENTICATION:
        return NotAuthenticated(
            "The broker refused the user or the password", text, "Check user, password and sasl.mechanism."
        )
    if code == KafkaError._SSL:
        return TlsRefused("TLS was refused", text, "See tls.ca, tls.cert, tls.server-name and tls.verify.")
    if code in UNREACHABLE:
        return unreachable_error(text)
    if code in TIMED_OUT:
        return TimedOut(f"No answer in time while {action}", text, "The broker is busy or gone; try again.")
    if code in INVALID_REQUEST:
        return BadInput(f"Refused by the client library while {action}", text)
    if code in TOO_LARGE:
        return BrokerTrouble(f"Too large: {action}", text, "The topic's max.message.bytes is the limit.")
    return BrokerTrouble(f"The broker answered with an error while {action}", text)


def missing_topic_right(error: KafkaError, right: str, name: str) -> NotAuthorised:
    """The error for a missing ACL on one topic; `right` is the operation, such as "Read"."""
    return NotAuthorised(
        f"The topic {name} is closed to this user", describe_error(error), f"Needed: {right} on topic {name}."
    )


def describe_error(error: KafkaError) -> str:
    """Name and text of the error as librdkafka gives them, such as "UNKNOWN_TOPIC_OR_PART: ..."."""
    return f"{error.name()}: {error.str()}"


def unreachable_error(text: str) -> CannotConnect:
    """The error for a connection that failed.

    A TLS listener drops a plaintext client and the reverse; librdkafka then hints at security.protocol.
    """
    if "security.protocol" in text or "SSL_HANDSHAKE" in text:
        return TlsRefused(
            "The broker dropped the connection",
            text,
            "One side speaks TLS and the other does not: kafka+ssl:// for a TLS listener, kafka:// for a plain one.",
        )
    return Unreachable("The broker can't be reached", text, "Check host and port, and that the broker runs.")
