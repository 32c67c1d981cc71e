"""Letters moved unseen arrive as those that were looked at, and what can't go so goes the ordinary way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from mqtui.brokers.kafka.redrive.state_topic import transactional_id
from mqtui.brokers.port import Adapter, BulkLease, Lease
from mqtui.domain.bulk import BulkResult, FencedDuringMove
from mqtui.domain.capability import Verb
from mqtui.domain.errors import Refused
from mqtui.domain.message import Message
from mqtui.domain.plan import Deliver, Plan
from mqtui.domain.redrive import PublishStatus, Receipt, Source, Transfer
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.services.conventions import load_for_profile
from mqtui.services.redrive.planning.mqtui_headers import COUNT, ORIGIN, RUN, HeaderStamper
from mqtui.services.redrive.planning.routing import RedriveRouter
from mqtui.services.redrive.request import RedriveRequest
from mqtui.services.redrive.run.bulk_routes import BulkRoutes
from mqtui.services.redrive.run.stored_copies import StoredCopies
from tests.contract.kafka_stage import Run, Stage

Sent = list[tuple[str, str | bytes | None]]
Row = tuple[bytes | None, bytes | None, list[tuple[str, bytes]], int]
ORIGIN_TOPIC = "kafka_dlt-original-topic"
GROUP = "kafka_dlt-original-consumer-group"


@pytest.fixture
def stage(kafka_url: str) -> Iterator[Stage]:
    made = Stage(kafka_url)
    yield made
    made.close()


@pytest.fixture
async def adapter(stage: Stage) -> AsyncIterator[Adapter]:
    made = stage.adapter()
    yield made
    await made.close()


@dataclass(slots=True)
class Way:
    """One order's router and lanes."""

    source: Ref
    target: Ref
    to: Ref | None = None
    keep_timestamp: bool = False
    further: tuple[Ref, ...] = ()

    def router(self) -> RedriveRouter:
        order = RedriveRequest(Verb.REDRIVE, self.source, to=self.to, keep_timestamp=self.keep_timestamp)
        stamps = HeaderStamper(BrokerKind.KAFKA, "ab" * 16, "ada", "2026-01-01T00:00:00+00:00")
        return RedriveRouter(
            order, BrokerKind.KAFKA, load_for_profile().conventions, stamps, frozenset({self.target, *self.further})
        )

    def lanes(self) -> BulkRoutes:
        order = RedriveRequest(Verb.REDRIVE, self.source, to=self.to, keep_timestamp=self.keep_timestamp)
        return BulkRoutes(order, self.router(), load_for_profile().conventions)


def put(stage: Stage, ref: Ref, letters: Sequence[tuple[bytes | None, bytes | None, Sent]]) -> None:
    producer = stage.producer(linger_ms=20)
    for number, (key, value, headers) in enumerate(letters):
        numbered = [*headers, ("n", b"%d" % number)]
        producer.produce(ref.name, value, key, number % 2, headers=numbered, timestamp=1_790_000_000_000 + number)
    assert producer.flush(30) == 0


def sound(home: Ref, count: int) -> list[tuple[bytes | None, bytes | None, Sent]]:
    """Letters of many shapes: with headers of an earlier run and without, without key or value."""
    found: list[tuple[bytes | None, bytes | None, Sent]] = []
    for number in range(count):
        headers: Sent = [("trace", b"%d" % number), (ORIGIN_TOPIC, home.name.encode()), ("trace", None)]
        if number % 3 == 0:
            headers = [(ORIGIN_TOPIC, home.name.encode()), (GROUP, b"payments")]
        if number % 4 == 0:
            headers += [(RUN, b"cd" * 16), (COUNT, b"%d" % (number % 3)), ("x-mqtui-by", b"grace")]
        if number % 8 == 0:
            headers.insert(0, (ORIGIN, b'{"v":1,"resource":"old","position":"0/%d"}' % number))
        value = None if number % 5 == 0 else b"letter %06d" % number
        found.append((None if number % 7 == 0 else b"key %d" % number, value, headers))
    return found


@asynccontextmanager
async def convoy(run: Run, planned: tuple[Source, Plan] | None = None) -> AsyncIterator[BulkLease]:
    async with run.lease(planned) as lease:
        assert isinstance(lease, BulkLease)
        yield lease


def seen(stage: Stage, ref: Ref) -> list[Row]:
    """Every record without its offset and time; without its partition too where it has no key."""
    return [
        (record.key(), record.value(), record.headers(), record.partition() if record.key() is not None else -1)
        for record in stage.records(ref)
    ]


async def one_by_one(lease: Lease, way: Way) -> list[Receipt]:
    router = way.router()
    receipts: list[Receipt] = []
    async for batch in lease.batches(64):
        transfers = [router.route(letter) for letter in batch]
        receipts += await lease.move([one for one in transfers if isinstance(one, Transfer)])
    return receipts


async def unseen(lease: BulkLease, way: Way, size: int = 64) -> list[BulkResult]:
    return [await lease.move_raw(load) async for load in lease.raw_batches(size, way.lanes())]


@pytest.mark.parametrize("named", [True, False])
async def test_letters_arrive_as_if_each_had_been_looked_at(stage: Stage, adapter: Adapter, named: bool) -> None:
    """Key, value, headers, partition and order; with each partition of the target in the order of its own letters."""
    dlq, twin = stage.topic("dlq", 2), stage.topic("twin", 2)
    home, beside = stage.topic("home", 3), stage.topic("beside", 3)
    for ref, target in ((dlq, home), (twin, beside)):
        put(stage, ref, sound(target, 200))
    async with Run(adapter, twin, beside).lease() as lease:
        receipts = await one_by_one(lease, Way(twin, beside, None if named else beside))
    assert {receipt.state for receipt in receipts} == {PublishStatus.STORED}
    async with convoy(Run(adapter, dlq, home)) as lease:
        told = await unseen(lease, Way(dlq, home, None if named else home))
    carried = seen(stage, home)
    assert sorted(map(repr, carried)) == sorted(repr(_moved_to(dlq, twin, row)) for row in seen(stage, beside))
    assert sum(len(each.moved) for each in told) == len(carried) == 200
    assert (await adapter.broker.snapshot(dlq)).count.number == 0
    origins = [(row[3], *_lay(row[2])) for row in carried]
    assert all(
        [offset for *here, offset in origins if here == [target, partition]]
        == sorted(offset for *here, offset in origins if here == [target, partition])
        for target in range(3)
        for partition in range(2)
    )


def _moved_to(dlq: Ref, twin: Ref, row: Row) -> Row:
    """The row of a letter as it would be from the other topic."""
    key, value, headers, partition = row
    changed = [
        (name, told.replace(twin.name.encode(), dlq.name.encode()) if name == ORIGIN else told)
        for name, told in headers
    ]
    return (key, value, changed, partition)


def _lay(headers: list[tuple[str, bytes]]) -> tuple[int, int]:
    """Where a letter lay: they were put turn by turn into two partitions."""
    number = int(dict(headers)["n"])
    return number % 2, number // 2


async def test_the_place_of_each_copy_is_told(stage: Stage, adapter: Adapter) -> None:
    """K11, K12: the journal names it. Two homes in one load, and the offsets of both."""
    dlq, home, other = stage.topic("dlq", 2), stage.topic("home", 3), stage.topic("other", 2)
    put(stage, dlq, [letter for pair in zip(sound(home, 60), sound(other, 60), strict=True) for letter in pair])
    run = Run(adapter, dlq, home)
    source, plan = await run.planned()
    plan = replace(plan, steps=(*plan.steps, Deliver(other, source.count)))
    async with convoy(run, (source, plan)) as lease:
        lanes = Way(dlq, home, keep_timestamp=True, further=(other,)).lanes()
        told = [(load, await lease.move_raw(load)) async for load in lease.raw_batches(50, lanes)]
    watched = StoredCopies(load_for_profile().conventions)
    for load, carried in told:
        watched.add_raw_batch(load, carried)
    assert watched.stored == 120
    assert (watched.count(home), watched.count(other)) == (60, 60)
    assert {group for _, group in watched.by_group} == {"payments", ""}
    assert all(
        watched.contains({home.name: home, other.name: other}[topic], copy)
        for _, each in told
        for _, topic, copy in each.moved
        if copy
    )
    copies = {f"{topic} {copy}": str(place) for _, each in told for place, topic, copy in each.moved}
    assert len(copies) == 120
    for ref in (home, other):
        for record in stage.records(ref):
            partition, offset = _lay(record.headers())
            place = copies.pop(f"{ref.name} {record.partition()}/{record.offset()}")
            assert place == f"{partition}/{offset}"
            assert record.timestamp()[1] == 1_790_000_000_000 + offset * 2 + partition
    assert copies == {}


@pytest.mark.parametrize(
    "odd",
    [
        [("x", b"1")],
        [(ORIGIN_TOPIC, b"elsewhere")],
    ],
    ids=["no way home", "not in the plan"],
)
async def test_a_load_with_an_odd_letter_is_shown(stage: Stage, adapter: Adapter, odd: Sent) -> None:
    dlq, home = stage.topic("dlq", 2), stage.topic("home")
    headers: Sent = [(name, home.name.encode() if value == b"home" else value) for name, value in odd]
    put(stage, dlq, [*sound(home, 8), (b"k", b"odd", headers), *sound(home, 7)])
    async with convoy(Run(adapter, dlq, home)) as lease:
        loads = [load async for load in lease.raw_batches(4, Way(dlq, home).lanes())]
    assert [load.is_routed for load in loads].count(False) == 1
    letters: list[Message] = [letter for load in loads for letter in load.letters()]
    assert sorted(letter.value or b"" for letter in letters)[-1] == b"odd"
    assert [len(load) for load in loads] == [4] * 4
    assert [str(place) for load in loads for place in load.ranges] == [str(letter.position) for letter in letters]


async def test_a_letter_that_is_too_large_is_refused_and_the_others_move(stage: Stage, adapter: Adapter) -> None:
    dlq, home = stage.topic("dlq", 2), stage.topic("home", 1, {"max.message.bytes": "2000"})
    put(stage, dlq, [*sound(home, 20), (b"k", b"x" * 5000, [(ORIGIN_TOPIC, home.name.encode())]), *sound(home, 21)])
    async with convoy(Run(adapter, dlq, home)) as lease:
        (told,) = await unseen(lease, Way(dlq, home))
    ((place, target, receipt),) = told.others
    assert (str(place), target, receipt.state) == ("0/10", home, PublishStatus.REFUSED)
    assert "max.message.bytes" in receipt.reason
    assert len(told.moved) == len(stage.records(home)) == 41
    assert (await adapter.broker.snapshot(dlq)).count.number == 1


async def test_a_letter_refused_while_others_are_still_produced(stage: Stage, adapter: Adapter) -> None:
    """The broker's refusal ends the transaction in the midst of a load; all but the one to blame are sent again."""
    dlq, home = stage.topic("dlq", 2), stage.topic("home", 1, {"max.message.bytes": "2000"})
    large: tuple[bytes, bytes, Sent] = (b"k", b"x" * 5000, [(ORIGIN_TOPIC, home.name.encode())])
    put(stage, dlq, [large, *sound(home, 8_000)])
    async with convoy(Run(adapter, dlq, home, hand=10_000)) as lease:
        told = await unseen(lease, Way(dlq, home), 10_000)
    assert [(str(place), receipt.state) for each in told for place, _, receipt in each.others] == [
        ("0/0", PublishStatus.REFUSED)
    ]
    assert sum(len(each.moved) for each in told) == len(stage.records(home)) == 8_000


async def test_the_guard_lets_no_load_go_elsewhere(stage: Stage, adapter: Adapter) -> None:
    dlq, home, other = stage.topic("dlq", 2), stage.topic("home"), stage.topic("other")
    put(stage, dlq, sound(other, 10))
    async with convoy(Run(adapter, dlq, home)) as lease:
        with pytest.raises(Refused, match="does not write to"):
            await unseen(lease, Way(dlq, other))
    assert stage.records(other) == []


async def test_a_run_that_is_taken_over_knows_what_became_of_its_load(stage: Stage, adapter: Adapter) -> None:
    """C8: what the other handled is gone, what is still there was returned."""
    dlq, home = stage.topic("dlq", 2), stage.topic("home")
    put(stage, dlq, sound(home, 40))
    other = stage.adapter()
    async with convoy(Run(adapter, dlq, home, operator="ada")) as lease:
        loads = aiter(lease.raw_batches(30, Way(dlq, home).lanes()))
        load = await anext(loads)
        async with convoy(Run(other, dlq, home, operator="grace", take_over=True)) as taker:
            first = await anext(aiter(taker.raw_batches(10, Way(dlq, home).lanes())))
            await taker.move_raw(first)
            with pytest.raises(FencedDuringMove, match="grace") as lost:
                await lease.move_raw(load)
    assert isinstance(lost.value.results, BulkResult)
    assert len(lost.value.results.moved) == 0
    states = {place: receipt.state for place, _, receipt in lost.value.results.others}
    assert {place for place, state in states.items() if state is PublishStatus.GONE} == {*first.ranges} & {*load.ranges}
    assert {*states.values()} <= {PublishStatus.GONE, PublishStatus.RETURNED}
    assert len(states) == len(load)
    assert len(stage.records(home)) == len(first)
    await other.close()


async def test_a_run_that_timed_out_goes_on(stage: Stage, adapter: Adapter) -> None:
    """K4: our own time-out looks like a take-over; what was not committed is sent again, once."""
    dlq, home = stage.topic("dlq", 2), stage.topic("home")
    put(stage, dlq, sound(home, 40))
    name = transactional_id(stage.prefix, (await adapter.broker.snapshot(dlq)).identity)
    async with convoy(Run(adapter, dlq, home)) as lease:
        loads = aiter(lease.raw_batches(20, Way(dlq, home).lanes()))
        first = await anext(loads)
        await lease.move_raw(first)
        stage.producer(transactional_id=name).init_transactions(30)
        told = [await lease.move_raw(load) async for load in loads]
    assert sum(len(each.moved) for each in told) == 20
    assert len(stage.records(home)) == 40


async def test_a_run_fenced_while_it_produces_goes_on(stage: Stage, adapter: Adapter) -> None:
    """K4: what librdkafka does not take any more is of no letter's own doing; each is there once."""
    dlq, home = stage.topic("dlq", 2), stage.topic("home", 2)
    put(stage, dlq, sound(home, 20_000))
    name = transactional_id(stage.prefix, (await adapter.broker.snapshot(dlq)).identity)
    async with convoy(Run(adapter, dlq, home, hand=10_000)) as lease:
        loads = aiter(lease.raw_batches(10_000, Way(dlq, home).lanes()))
        moved = len((await lease.move_raw(await anext(loads))).moved)
        second = await anext(loads)
        fencing = asyncio.create_task(asyncio.to_thread(stage.producer(transactional_id=name).init_transactions, 30))
        told = await lease.move_raw(second)
        await fencing
    assert told.others == []
    assert moved + len(told.moved) == len(stage.records(home)) == 20_000
