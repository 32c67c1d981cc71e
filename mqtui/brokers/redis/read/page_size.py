"""The COUNT of the next XRANGE, so that a reply stays near 1 MiB whatever the size of the entries."""

from __future__ import annotations

from mqtui.brokers.redis.connection.resp import Entry, entry_sizes

REPLY_BYTES = 1 << 20
REPLY_ENTRIES = 1000
FIRST_COUNT = 8


class PageSizer:
    """Starts small and doubles while replies are small: Redis has no limit by bytes, so a reply sizes the next."""

    def __init__(self, max_count: int = REPLY_ENTRIES) -> None:
        self._max_count = max(1, min(max_count, REPLY_ENTRIES))
        self.count = min(FIRST_COUNT, self._max_count)
        """The COUNT of the next request."""

        self.largest_entry = 0
        """Bytes of the largest entry so far."""

    def record_reply(self, entries: list[Entry]) -> int:
        """Set the next COUNT by a reply; returns the bytes of the reply."""
        if not entries:
            return 0
        sizes = entry_sizes(entries)
        total = sum(sizes)
        self.largest_entry = max(self.largest_entry, *sizes)
        fitting = REPLY_BYTES * len(entries) // max(total, 1)
        self.count = max(1, min(self.count * 2, fitting, self._max_count))
        return total


def split_by_bytes(entries: list[Entry], max_bytes: int = REPLY_BYTES) -> list[list[Entry]]:
    """Entries in parts of at most so many bytes each, by default 1 MiB; a larger entry is a part of its own."""
    sizes = entry_sizes(entries)
    if sum(sizes) <= max_bytes:
        return [entries] if entries else []
    parts: list[list[Entry]] = [[]]
    bytes_left = max_bytes
    for entry, size in zip(entries, sizes, strict=True):
        if size > bytes_left and parts[-1]:
            parts.append([])
            bytes_left = max_bytes
        parts[-1].append(entry)
        bytes_left -= size
    return parts
