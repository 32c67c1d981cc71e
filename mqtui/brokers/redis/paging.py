"""How many entries to ask for at once, so that a reply stays near 1 MiB whatever the entries weigh."""

from __future__ import annotations

from mqtui.brokers.redis.building import Entry
from mqtui.brokers.redis.replies import weights

REPLY_BYTES = 1 << 20
REPLY_ENTRIES = 1000
FIRST = 8


class Pace:
    """Starts small, doubles while replies are light. Redis has no limit by bytes, so the last reply is the measure."""

    def __init__(self, most: int = REPLY_ENTRIES) -> None:
        self._most = max(1, min(most, REPLY_ENTRIES))
        self.count = min(FIRST, self._most)
        """What to ask for next."""

        self.heaviest = 0
        """Bytes of the largest entry so far."""

    def after(self, found: list[Entry]) -> int:
        """Learn from a reply; gives its bytes."""
        if not found:
            return 0
        each = weights(found)
        size = sum(each)
        self.heaviest = max(self.heaviest, *each)
        fitting = REPLY_BYTES * len(found) // max(size, 1)
        self.count = max(1, min(self.count * 2, fitting, self._most))
        return size


def portions(found: list[Entry], most: int = REPLY_BYTES) -> list[list[Entry]]:
    """Entries in parts of at most so many bytes each, by default 1 MiB; one that is larger is alone."""
    sizes = weights(found)
    if sum(sizes) <= most:
        return [found] if found else []
    parts: list[list[Entry]] = [[]]
    room = most
    for entry, size in zip(found, sizes, strict=True):
        if size > room and parts[-1]:
            parts.append([])
            room = most
        parts[-1].append(entry)
        room -= size
    return parts
