"""What became of entries whose reply was lost: looked up in the stream they were sent to (D2)."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence

from mqtui.brokers.redis.nodes import Nodes
from mqtui.brokers.redis.paging import Pace
from mqtui.brokers.redis.replies import after, entries, entry_id, id_bytes
from mqtui.domain.message import EntryId

READ_ENTRIES = 20_000
READ_BYTES = 64 << 20


async def found_in(
    nodes: Nodes, key: bytes, since: EntryId, wanted: Sequence[Sequence[bytes]]
) -> tuple[list[EntryId | None], bool]:
    """Where entries with exactly these parts are among those after an id, each entry standing for one of them.

    The second value says whether the search reached the end of the stream.
    """
    places: list[EntryId | None] = [None] * len(wanted)
    open_: dict[tuple[bytes, ...], deque[int]] = defaultdict(deque)
    for index, parts in enumerate(wanted):
        open_[tuple(parts)].append(index)
    pace, seen, size, start, missing = Pace(), 0, 0, after(since), len(wanted)
    while missing and seen < READ_ENTRIES and size < READ_BYTES:
        asked = pace.count
        found = entries(await nodes.ask(key, "XRANGE", key, id_bytes(start), "+", "COUNT", asked))
        seen += len(found)
        size += pace.after(found)
        for raw, flat in found:
            waiting = open_.get(tuple(flat))
            if waiting:
                places[waiting.popleft()] = entry_id(raw)
                missing -= 1
        if len(found) < asked:
            return places, True
        start = after(entry_id(found[-1][0]))
    return places, not missing
