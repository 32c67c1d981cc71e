"""Finds out what became of entries whose reply was lost, by looking for them in the target stream (D2)."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence

from mqtui.brokers.redis.connection.resp import encode_entry_id, next_id, parse_entries, parse_entry_id
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.read.page_size import PageSizer
from mqtui.domain.message import EntryId

MAX_ENTRIES = 20_000
MAX_BYTES = 64 << 20


async def find_entries(
    router: Router, key: bytes, since: EntryId, wanted: Sequence[Sequence[bytes]]
) -> tuple[list[EntryId | None], bool]:
    """The ids of the entries after `since` with exactly these flat fields; None for one that is not found.

    Of equal fields each one has an entry of its own. The second value says whether the search was complete: it found
    them all or came to the end of the stream.
    """
    positions: list[EntryId | None] = [None] * len(wanted)
    unmatched: dict[tuple[bytes, ...], deque[int]] = defaultdict(deque)
    for index, parts in enumerate(wanted):
        unmatched[tuple(parts)].append(index)
    sizer, seen, size, start, missing = PageSizer(), 0, 0, next_id(since), len(wanted)
    while missing and seen < MAX_ENTRIES and size < MAX_BYTES:
        count = sizer.count
        entries = parse_entries(await router.execute(key, "XRANGE", key, encode_entry_id(start), "+", "COUNT", count))
        seen += len(entries)
        size += sizer.record_reply(entries)
        for raw, flat in entries:
            indexes = unmatched.get(tuple(flat))
            if indexes:
                positions[indexes.popleft()] = parse_entry_id(raw)
                missing -= 1
        if len(entries) < count:
            return positions, True
        start = next_id(parse_entry_id(entries[-1][0]))
    return positions, not missing
