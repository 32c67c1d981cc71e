"""Dead letters as a Kafka Connect sink writes them with ``errors.deadletterqueue.context.headers.enable=true``.

Source: Apache Kafka, ``connect/runtime/errors/DeadLetterQueueReporter``. All values are UTF-8 text, numbers in
decimal. Key, value, timestamp and headers of the record are kept; a context header that is already there stays as it
is (the first failure wins). Summary: reference/kafka.md section 5.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mqtui.demo.shop.failures import Failure

Header = tuple[str, bytes]
PREFIX: Final = "__connect.errors."


@dataclass(frozen=True, slots=True)
class SinkFailure:
    """What a sink task failed on: the record's coordinates, the stage (a ``Stage`` enum name) and the class at work."""

    topic: str
    partition: int
    offset: int
    connector: str
    task: int
    stage: str
    executing_class: str
    failure: Failure


def dead_letter_headers(own: tuple[Header, ...], sink: SinkFailure) -> list[Header]:
    """Give all headers of the letter: the record's own, then the context that is not there yet."""
    failure = sink.failure
    context = {
        "topic": sink.topic,
        "partition": str(sink.partition),
        "offset": str(sink.offset),
        "connector.name": sink.connector,
        "task.id": str(sink.task),
        "stage": sink.stage,
        "class.name": sink.executing_class,
        "exception.class.name": failure.exception,
        "exception.message": failure.message,
        "exception.stacktrace": failure.stack_trace(),
    }
    known = {name for name, _ in own}
    return [*own, *((PREFIX + name, text.encode()) for name, text in context.items() if PREFIX + name not in known)]
