"""Dead letters as Spring for Apache Kafka 3.x and 4.x writes them, byte for byte.

Sources: spring-kafka ``DeadLetterRecordManager`` (order of the headers, append or replace), ``KafkaHeaders`` (names),
``DeadLetterPublishingRecovererFactory`` and ``RetryTopicHeaders`` (the retry-topic family),
``KafkaMessageListenerContainer.decorateException`` (the wrapper and its "Restored Stack Trace") and
``internalHeaders`` (the delivery attempt). Summary: reference/kafka.md section 5.2.

Encodings: text is UTF-8; a partition and the attempts are int32, offset and timestamp int64, all big-endian;
``retry_topic-original-timestamp`` and ``retry_topic-backoff-timestamp`` are ``BigInteger.toByteArray()``: two's
complement, big-endian, as few bytes as the number needs (6 for today's milliseconds).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mqtui.demo.shop.failures import Failure

Header = tuple[str, bytes]
LISTENER_FAILED: Final = "org.springframework.kafka.listener.ListenerExecutionFailedException"
DELIVERY_ATTEMPT: Final = "kafka_deliveryAttempt"
_LISTENER: Final = "org.springframework.kafka.listener.KafkaMessageListenerContainer$ListenerConsumer"
_CONTAINER_FRAMES: Final = (
    f"{_LISTENER}.decorateException(KafkaMessageListenerContainer.java:2996)",
    f"{_LISTENER}.doInvokeOnMessage(KafkaMessageListenerContainer.java:2903)",
    f"{_LISTENER}.invokeOnMessage(KafkaMessageListenerContainer.java:2857)",
    f"{_LISTENER}.run(KafkaMessageListenerContainer.java:1405)",
    "java.base/java.util.concurrent.CompletableFuture$AsyncRun.run(CompletableFuture.java:1804)",
    "java.base/java.lang.Thread.run(Thread.java:1583)",
)
_RESTORED_FRAMES: Final = (
    "org.springframework.kafka.listener.adapter.MessagingMessageListenerAdapter.invokeHandler"
    "(MessagingMessageListenerAdapter.java:513)",
    "org.springframework.kafka.listener.adapter.RecordMessagingMessageListenerAdapter.onMessage"
    "(RecordMessagingMessageListenerAdapter.java:80)",
)


@dataclass(frozen=True, slots=True)
class FailedRecord:
    """The record a listener failed on: where it was, its own timestamp in epoch milliseconds, who read it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    group: str
    listener: str
    headers: tuple[Header, ...] = ()


def int32(number: int) -> bytes:
    """Encode as ``ByteBuffer.putInt``: 4 bytes, big-endian, signed."""
    return number.to_bytes(4, "big", signed=True)


def int64(number: int) -> bytes:
    """Encode as ``ByteBuffer.putLong``: 8 bytes, big-endian, signed."""
    return number.to_bytes(8, "big", signed=True)


def big_integer(number: int) -> bytes:
    """Encode as ``BigInteger.toByteArray()``: two's complement, big-endian, the fewest bytes that hold the sign."""
    magnitude = number if number >= 0 else ~number
    return number.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True)


def delivery_attempt(attempt: int) -> Header:
    """Give the header that a container with ``deliveryAttemptHeader`` adds to the record it hands out, from 1."""
    return (DELIVERY_ATTEMPT, int32(attempt))


def stack_trace(listener: str, failure: Failure) -> str:
    """Print the wrapped exception as Java does, with the suppressed "Restored Stack Trace" and its causes."""
    lines = [f"{LISTENER_FAILED}: {_wrapper_message(listener)}"]
    lines += [f"\tat {frame}" for frame in _CONTAINER_FRAMES]
    lines.append(f"\tSuppressed: {LISTENER_FAILED}: Restored Stack Trace")
    lines += [f"\t\tat {frame}" for frame in _RESTORED_FRAMES]
    return "\n".join(lines) + "\n" + failure.caused_by(frames_in_common=31)


def dead_letter_headers(delivery: FailedRecord, failure: Failure) -> list[Header]:
    """Give all headers of a letter by ``DeadLetterPublishingRecoverer``.

    The record's own headers come first. Exception headers replace those of an earlier death; the original
    coordinates are appended, so a letter that died twice has them twice and the first are the true origin.
    """
    headers = _replace(delivery.headers, _exception_headers("kafka_dlt-", delivery, failure))
    return headers + _original_headers("kafka_dlt-", delivery)


def retry_topic_headers(
    delivery: FailedRecord, failure: Failure, *, attempts: bytes, backoff_until: int
) -> list[Header]:
    """Give all headers of a letter by ``@RetryableTopic``; the original coordinates of the first hop are kept.

    ``attempts`` is the encoded header value: ``int32(n)``, or one byte as versions before 2.8.1 wrote it.
    ``backoff_until`` is epoch milliseconds.
    """
    headers = _replace(delivery.headers, _exception_headers("kafka_", delivery, failure))
    known = {name for name, _ in headers}
    headers += [header for header in _original_headers("kafka_", delivery) if header[0] not in known]
    first_seen = dict(headers).get("retry_topic-original-timestamp", big_integer(delivery.timestamp))
    return _replace(
        headers,
        [
            ("retry_topic-original-timestamp", first_seen),
            ("retry_topic-attempts", attempts),
            ("retry_topic-backoff-timestamp", big_integer(backoff_until)),
        ],
    )


def letter_partition(origin: int, partitions: int) -> int:
    """Give the letter's partition: the origin's where the target has it, else -1 (the producer chooses by key)."""
    return origin if origin < partitions else -1


def _wrapper_message(listener: str) -> str:
    return f"Listener method '{listener}' threw exception"


def _exception_headers(prefix: str, delivery: FailedRecord, failure: Failure) -> list[Header]:
    message = f"{_wrapper_message(delivery.listener)}; {failure.message}"
    texts = {
        "exception-fqcn": LISTENER_FAILED,
        "exception-cause-fqcn": failure.exception,
        "exception-message": message,
        "exception-stacktrace": stack_trace(delivery.listener, failure),
    }
    return [(prefix + name, text.encode()) for name, text in texts.items()]


def _original_headers(prefix: str, delivery: FailedRecord) -> list[Header]:
    return [
        (f"{prefix}original-topic", delivery.topic.encode()),
        (f"{prefix}original-partition", int32(delivery.partition)),
        (f"{prefix}original-offset", int64(delivery.offset)),
        (f"{prefix}original-timestamp", int64(delivery.timestamp)),
        (f"{prefix}original-timestamp-type", b"CreateTime"),
        ("kafka_dlt-original-consumer-group", delivery.group.encode()),
    ]


def _replace(headers: Iterable[Header], new: list[Header]) -> list[Header]:
    replaced = {name for name, _ in new}
    return [header for header in headers if header[0] not in replaced] + new
