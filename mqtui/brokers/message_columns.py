"""Messages by column, as tests of records take them: for readers whose client gives whole messages."""

from __future__ import annotations

from collections.abc import Iterable

from mqtui.brokers.header_values import untyped_value
from mqtui.brokers.port import Batch
from mqtui.domain.message import Message
from mqtui.domain.resource import name_bytes


class MessageColumns:
    """Messages by column. An entry's value is its fields, of which bytes alone tell nothing."""

    def __init__(self, messages: Batch) -> None:
        self._messages = messages
        self.values = [b"" if message.fields else message.value for message in messages]

    def keys(self) -> list[bytes | None]:
        """The keys of all."""
        return [message.key for message in self._messages]

    def times(self) -> list[int | None]:
        """The timestamps of all, in ms."""
        return [message.timestamp for message in self._messages]

    def messages(self, indexes: Iterable[int]) -> list[Message]:
        """The messages of some."""
        return [self._messages[index] for index in indexes]

    def extras(self) -> list[list[bytes | None]]:
        """Headers, properties and fields of all."""
        return list(map(extras_of, self._messages))


def extras_of(message: Message) -> list[bytes | None]:
    """Names and untyped values of headers, properties and fields of a message, and its routing key."""
    found: list[bytes | None] = []
    for name, value, kind in message.headers:
        found += (name_bytes(name), untyped_value(value, kind))
    if message.envelope is not None:
        found.append(name_bytes(message.envelope.routing_key))
        for name, content in message.envelope.properties:
            found += (name.encode(), name_bytes(content) if isinstance(content, str) else b"%d" % content)
    for field in message.fields:
        found += field
    return found
