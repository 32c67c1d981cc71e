"""Where a search stopped, kept on this machine so that the same search can go on there."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
from msgspec import structs

from mqtui.brokers.blocking import run_in_thread
from mqtui.domain.figure import Exactness, Figure
from mqtui.domain.read_range import Edge
from mqtui.domain.resource import Kind, Ref, name_bytes, name_text
from mqtui.domain.scan import ScanRange
from mqtui.services.search.places import SearchPlace
from mqtui.services.search.query import SearchQuery
from mqtui.services.search.search import Search
from mqtui.state.message_codec import decode_messages, encode_messages
from mqtui.state.searches import StoredSearches


class SavedSearch(msgspec.Struct, array_like=True):
    """What is left of a search: stretches by destination, hits that were not given, and its counts."""

    left: list[tuple[Kind, bytes, tuple[ScanRange, ...]]]
    waiting: bytes
    whole: int | float | None
    exactness: Exactness
    why: str
    scanned: int
    found: int
    undecodable: int
    failed: int


def search_id(target: str, refs: Sequence[Ref], query: SearchQuery, typed_times: str, first: Edge) -> str:
    """A hash of what is looked for and where. Times are taken as typed: `-2h` is another time at each call."""
    timeless = structs.replace(query, since=None, until=None)
    places = sorted((ref.kind, name_bytes(ref.name)) for ref in refs)
    asked = msgspec.msgpack.encode((name_bytes(target), places, timeless, typed_times, first))
    return hashlib.sha256(asked).hexdigest()


async def save_search(search_id: str, search: Search) -> bool:
    """Keep what is left of a search, or forget one that came to its end; whether anything is left.

    Raises:
        StorageFailed: it can't be written.
    """
    if search.is_complete:
        await run_in_thread("search", lambda: _forget(search_id))
        return False
    progress = search.progress
    saved = SavedSearch(
        [(ref.kind, name_bytes(ref.name), ranges) for ref, ranges in search.left.items() if ranges],
        encode_messages(search.waiting, [""] * len(search.waiting)),
        progress.whole.number,
        progress.whole.sort,
        progress.whole.why,
        progress.scanned,
        progress.found,
        progress.undecodable,
        progress.failed,
    )
    body = msgspec.msgpack.encode(saved)
    await run_in_thread("search", lambda: _save(search_id, body))
    return True


async def resume_search(search_id: str, search: Search, places: Sequence[SearchPlace]) -> bool:
    """Let a search that has not begun go on where the same one stopped; False where none did.

    Raises:
        StorageFailed: it can't be read.
    """
    body = await run_in_thread("search", lambda: _load(search_id))
    if body is None:
        return False
    saved = msgspec.msgpack.decode(body, type=SavedSearch)
    left = {Ref(kind, name_text(name)): ranges for kind, name, ranges in saved.left}
    for place in places:
        if place.peek is None:
            search.left[place.ref] = left.get(place.ref, ())
    search.waiting = [message for _, message in decode_messages(saved.waiting)]
    progress = search.progress
    progress.whole = Figure(saved.whole, saved.exactness, saved.why)
    progress.scanned = progress.scanned_before = saved.scanned
    progress.found = saved.found
    progress.undecodable, progress.failed = saved.undecodable, saved.failed
    return True


def _save(search_id: str, body: bytes) -> None:
    searches = StoredSearches()
    try:
        searches.save(search_id, body)
    finally:
        searches.close()


def _load(search_id: str) -> bytes | None:
    searches = StoredSearches()
    try:
        return searches.load(search_id)
    finally:
        searches.close()


def _forget(search_id: str) -> None:
    searches = StoredSearches()
    try:
        searches.remove(search_id)
    finally:
        searches.close()
