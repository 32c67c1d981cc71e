"""Raw records arrive as messages do; a batch with a letter that has no route is given as messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from mqtui.brokers.kafka.redrive.state_topic import transactional_id
from mqtui.brokers.optional_port import BulkLease, RawBatch
from mqtui.brokers.port import Adapter, Lease
from mqtui.domain.bulk import BulkReceipts, BulkResult, FencedDuringMove, OffsetRanges
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
from tests.contract.kafka_cluster import GuardedRedrive, KafkaCluster
from tests.services.plan_counts import told_both_ways

SentHeaders = list[tuple[str, str | bytes | None]]
Row = tuple[bytes | None, bytes | None, list[tuple[str, bytes]], int]
ORIGIN_TOPIC = "kafka_dlt-original-topic"
GROUP = "kafka_dlt-original-consumer-group"


@dataclass(slots=True)
class RouteChoice:
    """The router and the bulk routes of one request."""

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

    def routes(self) -> BulkRoutes:
        order = RedriveRequest(Verb.REDRIVE, self.source, to=self.to, keep_timestamp=self.keep_timestamp)
        return BulkRoutes(order, self.router(), load_for_profile().conventions)


def produce_letters(
    kafka: KafkaCluster, ref: Ref, letters: Sequence[tuple[bytes | None, bytes | None, SentHeaders]]
) -> None:
    producer = kafka.producer(linger_ms=20)
    for number, (key, value, headers) in enumerate(letters):
        numbered = [*headers, ("n", b"%d" % number)]
        producer.produce(ref.name, value, key, number % 2, headers=numbered, timestamp=1_790_000_000_000 + number)
    assert producer.flush(30) == 0


def routable_letters(home: Ref, count: int) -> list[tuple[bytes | None, bytes | None, SentHeaders]]:
    """Letters of many shapes: with headers of an earlier run and without, without key or value."""
    found: list[tuple[bytes | None, bytes | None, SentHeaders]] = []
    for number in range(count):
        headers: SentHeaders = [("trace", b"%d" % number), (ORIGIN_TOPIC, home.name.encode()), ("trace", None)]
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
async def bulk_lease(run: GuardedRedrive, planned: tuple[Source, Plan] | None = None) -> AsyncIterator[BulkLease]:
    async with run.lease(planned) as lease:
        assert isinstance(lease, BulkLease)
        yield lease


def places(raw_batch: RawBatch) -> OffsetRanges:
    assert isinstance(raw_batch.positions, OffsetRanges)
    return raw_batch.positions


def columns_of(result: BulkResult) -> BulkReceipts:
    assert isinstance(result.moved, BulkReceipts)
    return result.moved


def read_rows(kafka: KafkaCluster, ref: Ref) -> list[Row]:
    """Every record without its offset and time; without its partition too where it has no key."""
    return [
        (record.key(), record.value(), record.headers(), record.partition() if record.key() is not None else -1)
        for record in kafka.records(ref)
    ]


async def move_one_by_one(lease: Lease, way: RouteChoice) -> list[Receipt]:
    router = way.router()
    receipts: list[Receipt] = []
    async for batch in lease.batches(64):
        transfers = [router.route(letter) for letter in batch]
        receipts += await lease.move([one for one in transfers if isinstance(one, Transfer)])
    return receipts


async def move_raw_batches(lease: BulkLease, way: RouteChoice, size: int = 64) -> list[BulkResult]:
    return [await lease.move_raw(load) async for load in lease.raw_batches(size, way.routes())]


@pytest.mark.parametrize("named", [True, False])
async def test_letters_arrive_as_if_each_had_been_looked_at(
    kafka: KafkaCluster, kafka_adapter: Adapter, named: bool
) -> None:
    """Key, value, headers, partition and order; with each partition of the target in the order of its own letters."""
    dlq, twin = kafka.topic("dlq", 2), kafka.topic("twin", 2)
    home, beside = kafka.topic("home", 3), kafka.topic("beside", 3)
    for ref, target in ((dlq, home), (twin, beside)):
        produce_letters(kafka, ref, routable_letters(target, 200))
    assert await planned_letters(kafka_adapter, dlq, None if named else home) == 200
    async with GuardedRedrive(kafka_adapter, twin, beside).lease() as lease:
        receipts = await move_one_by_one(lease, RouteChoice(twin, beside, None if named else beside))
    assert {receipt.state for receipt in receipts} == {PublishStatus.STORED}
    async with bulk_lease(GuardedRedrive(kafka_adapter, dlq, home)) as lease:
        told = await move_raw_batches(lease, RouteChoice(dlq, home, None if named else home))
    carried = read_rows(kafka, home)
    assert sorted(map(repr, carried)) == sorted(repr(_moved_to(dlq, twin, row)) for row in read_rows(kafka, beside))
    assert sum(len(each.moved) for each in told) == len(carried) == 200
    assert (await kafka_adapter.broker.snapshot(dlq)).count.number == 0
    origins = [(row[3], *_source_position(row[2])) for row in carried]
    assert all(
        [offset for *here, offset in origins if here == [target, partition]]
        == sorted(offset for *here, offset in origins if here == [target, partition])
        for target in range(3)
        for partition in range(2)
    )


async def planned_letters(adapter: Adapter, dlq: Ref, to: Ref | None = None) -> int:
    """How many letters a plan would count: the same where those that are alike are counted together."""
    together, one_by_one = await told_both_ways(adapter.broker, await adapter.broker.snapshot(dlq), to)
    assert together == one_by_one
    scanned: int = together.counts["scanned"]
    return scanned


def _moved_to(dlq: Ref, twin: Ref, row: Row) -> Row:
    """The row of a letter as it would be from the other topic."""
    key, value, headers, partition = row
    changed = [
        (name, told.replace(twin.name.encode(), dlq.name.encode()) if name == ORIGIN else told)
        for name, told in headers
    ]
    return (key, value, changed, partition)


def _source_position(headers: list[tuple[str, bytes]]) -> tuple[int, int]:
    """Where a letter lay: they were put turn by turn into two partitions."""
    number = int(dict(headers)["n"])
    return number % 2, number // 2


async def test_the_place_of_each_copy_is_told(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K11, K12: the journal names it. Two homes in one load, and the offsets of both."""
    dlq, home, other = kafka.topic("dlq", 2), kafka.topic("home", 3), kafka.topic("other", 2)
    produce_letters(
        kafka,
        dlq,
        [
            letter
            for pair in zip(routable_letters(home, 60), routable_letters(other, 60), strict=True)
            for letter in pair
        ],
    )
    run = GuardedRedrive(kafka_adapter, dlq, home)
    source, plan = await run.plan()
    plan = replace(plan, steps=(*plan.steps, Deliver(other, source.count)))
    async with bulk_lease(run, (source, plan)) as lease:
        routes = RouteChoice(dlq, home, keep_timestamp=True, further=(other,)).routes()
        told = [(load, await lease.move_raw(load)) async for load in lease.raw_batches(50, routes)]
    watched = StoredCopies(load_for_profile().conventions)
    for load, carried in told:
        watched.add_raw_batch(load, carried)
    assert watched.stored == 120
    assert (watched.count(home), watched.count(other)) == (60, 60)
    assert {group for _, group in watched.by_group} == {"payments", ""}
    assert all(
        watched.contains({home.name: home, other.name: other}[topic], copy)
        for _, each in told
        for _, topic, copy in columns_of(each)
        if copy
    )
    copies = {f"{topic} {copy}": str(place) for _, each in told for place, topic, copy in columns_of(each)}
    assert len(copies) == 120
    for ref in (home, other):
        for record in kafka.records(ref):
            partition, offset = _source_position(record.headers())
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
async def test_a_load_with_an_odd_letter_is_shown(
    kafka: KafkaCluster, kafka_adapter: Adapter, odd: SentHeaders
) -> None:
    dlq, home = kafka.topic("dlq", 2), kafka.topic("home")
    headers: SentHeaders = [(name, home.name.encode() if value == b"home" else value) for name, value in odd]
    produce_letters(kafka, dlq, [*routable_letters(home, 8), (b"k", b"odd", headers), *routable_letters(home, 7)])
    async with bulk_lease(GuardedRedrive(kafka_adapter, dlq, home)) as lease:
        loads = [load async for load in lease.raw_batches(4, RouteChoice(dlq, home).routes())]
    assert [load.is_routed for load in loads].count(False) == 1
    letters: list[Message] = [letter for load in loads for letter in load.letters()]
    assert sorted(letter.value or b"" for letter in letters)[-1] == b"odd"
    assert [len(load) for load in loads] == [4] * 4
    assert [str(place) for load in loads for place in places(load)] == [str(letter.position) for letter in letters]


async def test_a_letter_that_is_too_large_is_refused_and_the_others_move(
    kafka: KafkaCluster, kafka_adapter: Adapter
) -> None:
    dlq, home = kafka.topic("dlq", 2), kafka.topic("home", 1, {"max.message.bytes": "2000"})
    produce_letters(
        kafka,
        dlq,
        [
            *routable_letters(home, 20),
            (b"k", b"x" * 5000, [(ORIGIN_TOPIC, home.name.encode())]),
            *routable_letters(home, 21),
        ],
    )
    async with bulk_lease(GuardedRedrive(kafka_adapter, dlq, home)) as lease:
        (told,) = await move_raw_batches(lease, RouteChoice(dlq, home))
    ((place, target, receipt),) = told.others
    assert (str(place), target, receipt.state) == ("0/10", home, PublishStatus.REFUSED)
    assert "max.message.bytes" in receipt.reason
    assert len(told.moved) == len(kafka.records(home)) == 41
    assert (await kafka_adapter.broker.snapshot(dlq)).count.number == 1


async def test_a_letter_refused_while_others_are_still_produced(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """The broker's refusal ends the transaction in the midst of a load; all but the one to blame are sent again."""
    dlq, home = kafka.topic("dlq", 2), kafka.topic("home", 1, {"max.message.bytes": "2000"})
    large: tuple[bytes, bytes, SentHeaders] = (b"k", b"x" * 5000, [(ORIGIN_TOPIC, home.name.encode())])
    produce_letters(kafka, dlq, [large, *routable_letters(home, 8_000)])
    async with bulk_lease(GuardedRedrive(kafka_adapter, dlq, home, max_in_flight=10_000)) as lease:
        told = await move_raw_batches(lease, RouteChoice(dlq, home), 10_000)
    assert [(str(place), receipt.state) for each in told for place, _, receipt in each.others] == [
        ("0/0", PublishStatus.REFUSED)
    ]
    assert sum(len(each.moved) for each in told) == len(kafka.records(home)) == 8_000


async def test_the_guard_lets_no_load_go_elsewhere(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    dlq, home, other = kafka.topic("dlq", 2), kafka.topic("home"), kafka.topic("other")
    produce_letters(kafka, dlq, routable_letters(other, 10))
    async with bulk_lease(GuardedRedrive(kafka_adapter, dlq, home)) as lease:
        with pytest.raises(Refused, match="does not write to"):
            await move_raw_batches(lease, RouteChoice(dlq, other))
    assert kafka.records(other) == []


async def test_a_run_that_is_taken_over_knows_what_became_of_its_load(
    kafka: KafkaCluster, kafka_adapter: Adapter
) -> None:
    """C8: what the other handled is gone, what is still there was returned."""
    dlq, home = kafka.topic("dlq", 2), kafka.topic("home")
    produce_letters(kafka, dlq, routable_letters(home, 40))
    other = kafka.adapter()
    async with bulk_lease(GuardedRedrive(kafka_adapter, dlq, home, operator="ada")) as lease:
        loads = aiter(lease.raw_batches(30, RouteChoice(dlq, home).routes()))
        load = await anext(loads)
        async with bulk_lease(GuardedRedrive(other, dlq, home, operator="grace", take_over=True)) as taker:
            first = await anext(aiter(taker.raw_batches(10, RouteChoice(dlq, home).routes())))
            await taker.move_raw(first)
            assert await planned_letters(other, dlq) == 40 - len(first)
            with pytest.raises(FencedDuringMove, match="grace") as lost:
                await lease.move_raw(load)
    assert isinstance(lost.value.results, BulkResult)
    assert len(lost.value.results.moved) == 0
    states = {place: receipt.state for place, _, receipt in lost.value.results.others}
    assert {place for place, state in states.items() if state is PublishStatus.GONE} == {*places(first)} & {
        *places(load)
    }
    assert {*states.values()} <= {PublishStatus.GONE, PublishStatus.RETURNED}
    assert len(states) == len(load)
    assert len(kafka.records(home)) == len(first)
    await other.close()


async def test_a_run_that_timed_out_goes_on(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K4: our own time-out looks like a take-over; what was not committed is sent again, once."""
    dlq, home = kafka.topic("dlq", 2), kafka.topic("home")
    produce_letters(kafka, dlq, routable_letters(home, 40))
    name = transactional_id(kafka.prefix, (await kafka_adapter.broker.snapshot(dlq)).identity)
    async with bulk_lease(GuardedRedrive(kafka_adapter, dlq, home)) as lease:
        loads = aiter(lease.raw_batches(20, RouteChoice(dlq, home).routes()))
        first = await anext(loads)
        await lease.move_raw(first)
        kafka.producer(transactional_id=name).init_transactions(30)
        told = [await lease.move_raw(load) async for load in loads]
    assert sum(len(each.moved) for each in told) == 20
    assert len(kafka.records(home)) == 40


async def test_a_run_fenced_while_it_produces_goes_on(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K4: what librdkafka does not take any more is of no letter's own doing; each is there once."""
    dlq, home = kafka.topic("dlq", 2), kafka.topic("home", 2)
    produce_letters(kafka, dlq, routable_letters(home, 20_000))
    name = transactional_id(kafka.prefix, (await kafka_adapter.broker.snapshot(dlq)).identity)
    async with bulk_lease(GuardedRedrive(kafka_adapter, dlq, home, max_in_flight=10_000)) as lease:
        loads = aiter(lease.raw_batches(10_000, RouteChoice(dlq, home).routes()))
        moved = len((await lease.move_raw(await anext(loads))).moved)
        second = await anext(loads)
        fencing = asyncio.create_task(asyncio.to_thread(kafka.producer(transactional_id=name).init_transactions, 30))
        told = await lease.move_raw(second)
        await fencing
    assert told.others == []
    assert moved + len(told.moved) == len(kafka.records(home)) == 20_000
