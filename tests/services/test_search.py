"""Searching: what matches, in which order, what could not be tested, and where it stopped."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from mqtui.domain.errors import BadInput, NotFound, OverBudget
from mqtui.domain.figure import about
from mqtui.domain.message import Message, Outgoing
from mqtui.domain.policy import Consent
from mqtui.domain.read_range import Edge
from mqtui.domain.resource import ParsedName, Ref
from mqtui.domain.scan import OffsetWindows, ScanRange, split_ranges
from mqtui.services.search import saved_search
from mqtui.services.search.places import SearchPlace, find_places
from mqtui.services.search.progress import SearchProgress, count_row
from mqtui.services.search.query import SearchQuery
from mqtui.services.search.search import Search
from mqtui.services.session import Session, open_session
from tests.services.memory_fixtures import KafkaFixture, MemoryFixture, RabbitMQFixture, RedisFixture

GOLDEN = Path(__file__).parent / "golden"
DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
BODIES = (
    b'{"id": 1, "user": "u1", "total": 7.5}',
    b'{"id": 2, "user": "u2", "total": 250}',
    b"plain text about u2",
    gzip.compress(b'{"id": 4, "user": "u2", "total": 9}'),
    b"\xff\xfe\0not text",
    None,
    b'{"id": 7, "user": "M\xc3\xbcller", "total": null}',
    b'{"id": 8, "user": "u2", "total": 251} trailing',
)


def topic(values: Sequence[bytes | None] = BODIES, partitions: int = 1) -> tuple[KafkaFixture, Ref]:
    """A topic of its own, a millisecond between records."""
    fixture = KafkaFixture()
    ref = fixture.server.make("found", partitions)
    for number, value in enumerate(values):
        fixture.world.clock.advance(1)
        headers = (("trace-id", f"t{number}".encode(), ""),)
        fixture.server.put(Outgoing(ref, value, f"k{number}".encode(), headers, partition=number % partitions))
    return fixture, ref


async def prepared(
    session: Session, query: SearchQuery, *names: str, depth: int = 1000, **options: Any
) -> tuple[Search, list[SearchPlace]]:
    places, _ = await find_places(session, [ParsedName(name, typed=name) for name in names], query, depth)
    return Search(session, query, places, **{"limit": 100, **options}), places


async def taken(search: Search, consent: Consent | None = None) -> list[Message]:
    async with aclosing(search.hits(consent)) as batches:
        return [hit async for batch in batches for hit in batch]


def places_of(hits: Sequence[Message]) -> list[str]:
    return [str(hit.position) for hit in hits]


@pytest.mark.parametrize(
    ("query", "found", "undecodable", "failed"),
    [
        (SearchQuery(grep="u2"), "7 3 2 1", 1, 0),
        (SearchQuery(grep='"user": ?"u2"'), "7 3 1", 1, 0),
        (SearchQuery(grep="Müller"), "6", 1, 0),
        (SearchQuery(".total > 8"), "3 1", 1, 2),
        (SearchQuery(".total == null"), "6 5", 1, 2),
        (SearchQuery('.user == "u2" and .total < 100'), "3", 1, 2),
        (SearchQuery('.user | test("^u")'), "3 1 0", 1, 3),
        (SearchQuery("$m.offset == 2"), "2", 1, 0),
        (SearchQuery(".total > 8", grep="u2"), "3 1", 1, 2),
        (SearchQuery(key="^k[12]$"), "2 1", 0, 0),
        (SearchQuery(headers=(("trace-id", "^t5"),)), "5", 0, 0),
        (SearchQuery(headers=(("absent", ""),)), "", 0, 0),
        (SearchQuery(grep="u2", key="k3"), "3", 0, 0),
    ],
)
async def test_what_matches(query: SearchQuery, found: str, undecodable: int, failed: int) -> None:
    """Newest first; what can't be decoded, and what the program fails on, is counted and never found."""
    fixture, _ = topic()
    async with open_session(fixture.url, adapters=fixture.connect) as session:
        search, _ = await prepared(session, query, "found")
        hits = await taken(search)
    assert places_of(hits) == [f"0/{offset}" for offset in found.split()]
    assert (search.progress.undecodable, search.progress.failed) == (undecodable, failed)
    assert search.progress.scanned == len(BODIES) and search.is_complete


async def test_times_and_partitions() -> None:
    fixture, ref = topic([b'{"n":%d}' % number for number in range(40)], 4)
    times = [record.timestamp or 0 for record in sorted(fixture.server.records(ref), key=lambda r: r.timestamp or 0)]
    async with open_session(fixture.url, adapters=fixture.connect) as session:
        timed, _ = await prepared(session, SearchQuery(since=times[10], until=times[20]), "found")
        assert [hit.timestamp for hit in await taken(timed)] == times[10:20][::-1]
        one, _ = await prepared(session, SearchQuery(".n >= 0", partition=3), "found")
        assert len(await taken(one)) == 10 == one.progress.scanned


async def test_a_search_stops_at_its_limit_and_goes_on_there() -> None:
    """Nothing is found twice, nothing is left out, and the figures go on too."""
    fixture, _ = topic([b'{"n":%d}' % number for number in range(25)], 2)
    query = SearchQuery(".n >= 0")
    seen: list[int | None] = []
    async with open_session(fixture.url, adapters=fixture.connect) as session:
        for turn in range(3):
            search, places = await prepared(session, query, "found", limit=10)
            name = saved_search.search_id(session.target, [place.ref for place in places], query, "", Edge.NEWEST)
            assert await saved_search.resume_search(name, search, places) is (turn > 0)
            hits = await taken(search)
            seen += [hit.timestamp for hit in hits]
            assert len(hits) == (10, 10, 5)[turn]
            assert await saved_search.save_search(name, search) is (turn < 2)
            assert search.progress.found == 25
        assert not await saved_search.resume_search(name, search, places)
    assert seen == sorted(seen, key=lambda time: -(time or 0)) and len(set(seen)) == 25


async def test_many_entries_of_one_millisecond_are_all_found() -> None:
    """A stream is read from its end by ids; thousands may share a millisecond."""
    fixture = RedisFixture()
    ref = fixture.create("burst")
    for number in range(3500):
        if number in (100, 3400):
            fixture.world.clock.advance(1)
        fixture.server.store(Outgoing(ref, fields=((b"value", b"%d" % number), (b"kind", b"order"))))
    async with open_session(fixture.url, adapters=fixture.connect) as session:
        search, _ = await prepared(session, SearchQuery('.kind == "order"'), "burst", limit=None)
        hits = await taken(search)
    values = [int(dict(hit.fields)[b"value"]) for hit in hits]
    assert sorted(values) == list(range(3500)) and values[0] == 3499
    assert search.progress.scanned == 3500


async def test_several_destinations_by_name_and_glob() -> None:
    fixture, _ = topic()
    fixture.server.put(Outgoing(fixture.server.make("found.too"), b'{"user":"u2"}', partition=0))
    async with open_session(fixture.url, adapters=fixture.connect) as session:
        search, places = await prepared(session, SearchQuery(grep="u2"), "found*")
        assert [place.ref.name for place in places] == ["found", "found.too"]
        assert {hit.resource.name for hit in await taken(search)} == {"found", "found.too"}
        for missing in ("nothing", "nothing*"):
            with pytest.raises(NotFound):
                await prepared(session, SearchQuery(grep="u2"), missing)


async def test_a_queue_is_read_once_to_a_depth_and_returned() -> None:
    """Its price is known before; what lies behind the depth is said."""
    fixture = RabbitMQFixture()
    ref = fixture.create("jobs")
    for number in range(12):
        fixture.server.store(Outgoing(ref, b'{"n":%d}' % number))
    async with open_session(fixture.url, adapters=fixture.connect) as session:
        search, (place,) = await prepared(session, SearchQuery(".n > 7"), "jobs", depth=10)
        assert place.peek is not None and place.peek.price.lends
        hits = await taken(search)
        assert [hit.value for hit in hits] == [b'{"n":8}', b'{"n":9}']
        assert search.progress.not_looked_at == 2 and "--depth" in search.progress.notes[0]
        extent = await session.broker.reader.extent(ref)
        assert extent.count.number == 12


async def test_bad_input_is_said_before_anything_is_read() -> None:
    fixture, _ = topic()
    async with open_session(fixture.url, adapters=fixture.connect) as session:
        for query in (SearchQuery(grep="(?=x)"), SearchQuery(".a ="), SearchQuery(key="[")):
            search, _ = await prepared(session, query, "found")
            with pytest.raises(BadInput):
                await taken(search)
            assert not search.progress.scanned


async def test_hostile_values_and_programs() -> None:
    """JSON nested 100,000 deep, a body that unpacks to a large one and an expression of the catastrophic kind end; a
    program without end is given up.
    """
    bomb = gzip.compress(gzip.compress(bytes(80_000_000), 1), 1)
    fixture, _ = topic([DEEP, b"a" * 50_000 + b"!", b'{"a": 1}', bomb])
    async with open_session(fixture.url, adapters=fixture.connect) as session:
        search, _ = await prepared(session, SearchQuery(grep="(a+)+$"), "found")
        assert await taken(search) == [] and search.progress.undecodable == 1
        deep, _ = await prepared(session, SearchQuery(".a == 1"), "found")
        assert places_of(await taken(deep)) == ["0/2"]
        assert deep.progress.failed + deep.progress.undecodable == 3
        endless, _ = await prepared(session, SearchQuery("def f: f; f"), "found")
        with pytest.raises(OverBudget):
            await taken(endless)


async def test_a_destination_that_is_deleted_meanwhile_costs_only_itself() -> None:
    fixture, ref = topic([b'{"n":1}'] * 3)
    other = fixture.server.make("found.too")
    fixture.server.put(Outgoing(other, b'{"n":1}', partition=0))
    async with open_session(fixture.url, adapters=fixture.connect) as session:
        search, _ = await prepared(session, SearchQuery(".n == 1"), "found", "found.too")
        fixture.server.remove(ref)
        assert [hit.resource for hit in await taken(search)] == [other]
        ((gone, error),) = search.errors
        assert gone == ref and isinstance(error, NotFound) and "deleted" in error.title
        assert not search.is_complete


@pytest.fixture
async def session(broker: MemoryFixture) -> AsyncIterator[Session]:
    async with open_session(broker.url, adapters=broker.connect) as one:
        yield one


async def test_stopping_keeps_what_was_found(broker: MemoryFixture, session: Session) -> None:
    """Leaving after the first hits: the rest is named as not looked at, and nothing is in flight any more."""
    broker.add_dead_letters(range(30))
    search, _ = await prepared(session, SearchQuery(". != null"), broker.source.name, limit=1)
    async with aclosing(search.hits(Consent(spend=True))) as batches:
        assert len(await anext(batches)) == 1
    assert search.waiting or not search.is_complete or broker.kind == "rabbitmq"


def test_figures_as_published() -> None:
    progress = SearchProgress(about(8_000_000), 3_100_000, 82_000_000, 7, 2, 1, 12)
    progress.ended = progress.began + 2
    assert count_row(progress) == json.loads((GOLDEN / "search-count.json").read_text())
    told = "3.1M of ≈ 8.0M, 41 MB/s, 7 found, 2 undecodable, 1 failed, 12 not looked at"
    assert progress.describe() == told


def test_more_scanned_than_was_told_of_is_what_there_is() -> None:
    """A message may come between the question how many there are and the one where they end."""
    progress = SearchProgress(about(10))
    progress.add_scanned(4)
    assert progress.describe().startswith("4 of ≈ 10,")
    progress.add_scanned(8)
    assert progress.describe().startswith("12 of ≈ 12,")


def test_windows_cover_each_offset_once() -> None:
    """From the newest on, wider each time; what is left is always what was not scanned."""
    ranges = [ScanRange(0, (5, 0), (90_000, 0)), ScanRange(1, (0, 0), (70, 0)), ScanRange(0, (90_100, 0), (90_200, 0))]
    windows, seen, widths = OffsetWindows(ranges, Edge.NEWEST), dict[int, set[int]](), list[int]()
    while window := windows.next_window():
        for number, (start, end) in window.items():
            assert not seen.setdefault(number, set()) & set(range(start, end))
            seen[number] |= set(range(start, end))
        widths.append(sum(end - start for start, end in window.values()))
        left = {(each.partition, n) for each in windows.left({}) for n in range(each.start[0], each.end[0])}
        done = windows.left({number: end for number, (_, end) in window.items()})
        assert len(left) - sum(each.end[0] - each.start[0] for each in done) == widths[-1]
    assert seen == {0: {*range(5, 90_000), *range(90_100, 90_200)}, 1: set(range(70))}
    assert widths[1] < widths[2]


def test_shares_cover_each_offset_once() -> None:
    """They are of about the same size, however unequal the partitions are."""
    ranges = [ScanRange(0, (5, 0), (90_005, 0)), ScanRange(1, (0, 0), (70, 0)), ScanRange(2, (7, 0), (7, 0))]
    shares = split_ranges(ranges, 4)
    sizes = [sum(each.end[0] - each.start[0] for each in share) for share in shares]
    covered = [(each.partition, n) for share in shares for each in share for n in range(each.start[0], each.end[0])]
    assert len(shares) == 4 and max(sizes) - min(sizes) < 4
    assert sorted(covered) == [*((0, n) for n in range(5, 90_005)), *((1, n) for n in range(70))]
    assert split_ranges(ranges[1:], 400)[0] == (ScanRange(1, (0, 0), (1, 0)),)
