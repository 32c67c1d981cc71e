"""Adding to a stream and reading from it for a group."""

from __future__ import annotations

from typing import Any

import redis

from mqtui.demo.shop.payments import Fields

Entry = tuple[bytes, dict[bytes, bytes]]


def add(client: redis.Redis, stream: str, fields: Fields, entry: str = "*") -> None:
    """XADD with the fields in their order, duplicates included; on a pipeline it is queued."""
    send: Any = client
    send.execute_command("XADD", stream, entry, *(part for pair in fields for part in pair))


def take(
    client: redis.Redis, stream: str, reader: tuple[str, str], after: str, *, count: int, block: int | None = None
) -> list[Entry]:
    """XREADGROUP for a group and consumer; ``after`` is ``>`` for new entries, ``0`` for those pending.

    ``block`` is how many milliseconds to wait for a new entry. A pending entry that was deleted has no fields.
    """
    answer: Any = client.xreadgroup(*reader, {stream: after}, count=count, block=block)
    return [(entry, fields or {}) for _, entries in answer or [] for entry, fields in entries]
