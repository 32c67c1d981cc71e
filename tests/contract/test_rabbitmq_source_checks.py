"""What a RabbitMQ plan checks before it runs: alarms, consumers, expiry, clock, AMQP 1.0, whether it can listen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pika
import pytest

from mqtui.brokers.optional_port import ChecksListening
from mqtui.brokers.rabbitmq.adapter import RabbitAdapter
from mqtui.domain.errors import Refused, Unsupported
from mqtui.domain.plan import Risk, Severity
from mqtui.domain.redrive import CountBound, PublishStatus, Source
from tests.brokers import Brokers
from tests.contract import amqp10
from tests.contract.rabbitmq_test_client import (
    QUORUM,
    Rabbit,
    adapter,
    lease_options,
    move_all,
    numbered,
    peek_messages,
    plan_of,
    queue_ref,
    until,
    without_management,
    writer,
)


@pytest.fixture
def rabbit(rabbitmq_url: str) -> Iterator[Rabbit]:
    opened = Rabbit(rabbitmq_url)
    yield opened
    opened.close()


@asynccontextmanager
async def planned(
    rabbit: Rabbit, source: str, target: str, *, watched: bool = False
) -> AsyncIterator[tuple[RabbitAdapter, Source, Mapping[str, Risk]]]:
    async with adapter(rabbit.address) as broker:
        snapshot = await broker.broker.snapshot(queue_ref(source))
        plan = plan_of(snapshot, queue_ref(target))
        if watched:
            plan = replace(plan, facts=(("first", "1, then the rest"),))
        found = (await broker.broker.check_plan(snapshot, plan)).risks
        yield broker, snapshot, {risk.name: risk for risk in found}


async def test_a_target_that_nobody_reads_is_reported(rabbit: Rabbit) -> None:
    source, target = rabbit.queue(), rabbit.queue()
    rabbit.fill(target, numbered(7))
    async with planned(rabbit, source, target) as (_, _, risks):
        assert risks["no-reader"].text == f"no consumer reads {target}; 7 wait there already"
        assert risks["no-reader"].severity is Severity.WARN
    with rabbit.consumer(target):
        async with planned(rabbit, source, target) as (_, _, risks):
            assert "no-reader" not in risks


async def test_what_may_expire_in_the_source_is_reported(rabbit: Rabbit) -> None:
    source = rabbit.queue({"x-message-ttl": 3_600_000, "x-expires": 7_200_000})
    async with planned(rabbit, source, rabbit.queue()) as (_, _, risks):
        assert "3600000 ms" in risks["source-ttl"].text
        assert "7200000 ms" in risks["source-expires"].text


async def test_a_quorum_queue_with_a_single_active_consumer_is_no_source(rabbit: Rabbit) -> None:
    """`basic.get` is refused there: neither a run nor a peek can work, and both say why."""
    source = rabbit.queue({**QUORUM, "x-single-active-consumer": True})
    rabbit.fill(source, numbered(1))
    async with planned(rabbit, source, rabbit.queue()) as (broker, _, risks):
        risk = risks["single-active-consumer"]
        assert (risk.severity, risk.final) == (Severity.REFUSE, True)
        assert "basic.get" in risk.text
        with pytest.raises(Refused, match="single active consumer"):
            await peek_messages(broker, source, 1)


@pytest.fixture
def alarmed(brokers: Brokers) -> Iterator[Rabbit]:
    """A broker of its own that has too little disk for any publisher; the management API still stores a message."""
    name = "alarmed"
    opened = Rabbit(brokers.servers.start_rabbitmq(name, config=("disk_free_limit.absolute = 99999GB",)))
    until(lambda: is_alarmed(opened), "the alarm is reported")
    yield opened
    opened.close()
    brokers.servers.stop(name)


def is_alarmed(rabbit: Rabbit) -> bool:
    nodes: list[dict[str, Any]] = rabbit.management.get("/nodes").json()
    return any(node.get("disk_free_alarm") for node in nodes)


async def test_an_alarm_is_reported_and_a_peek_still_works(alarmed: Rabbit) -> None:
    """No request publishes, which the broker would not answer before the alarm ends."""
    source, target = alarmed.queue({**QUORUM, "x-delivery-limit": 20}), alarmed.queue()
    message = {"properties": {}, "routing_key": source, "payload": "stuck", "payload_encoding": "string"}
    assert alarmed.management.post("/exchanges/%2F/amq.default/publish", json=message).json() == {"routed": True}
    alarmed.wait_until_ready(source, 1)
    began = time.monotonic()
    async with planned(alarmed, source, target) as (broker, _, risks):
        assert risks["alarm"].severity is Severity.REFUSE
        assert "disk space" in risks["alarm"].text
        assert "right to publish" in risks["unchecked"].text
        price = await broker.broker.reader.peek_cost(queue_ref(source), 1)
        assert "publishers are stopped by an alarm" in price.text
        assert [message.value for message in await peek_messages(broker, source, 1)] == [b"stuck"]
    async with adapter(without_management(alarmed.address)) as broker:
        assert [message.value for message in await peek_messages(broker, source, 1)] == [b"stuck"]
    await discarded(alarmed, source)
    assert time.monotonic() - began < 25


async def discarded(rabbit: Rabbit, source: str) -> None:
    """Take the only letter out: nothing is published for it, so that neither plan nor run wait for an alarm's end."""
    async with adapter(rabbit.address) as broker:
        snapshot = await broker.broker.snapshot(queue_ref(source))
        plan = await broker.broker.check_plan(snapshot, plan_of(snapshot))
        assert {risk.name: risk.severity for risk in plan.risks}["alarm"] is Severity.WARN
        assert all(risk.severity is not Severity.REFUSE for risk in plan.risks)
        async with writer(broker).lease(snapshot, lease_options()) as lease:
            async for batch in lease.batches(10):
                assert [receipt.state for receipt in await lease.settle(batch)] == [PublishStatus.STORED]
    rabbit.wait_until_ready(source, 0)


async def test_letters_of_amqp_1_0_senders_are_named(rabbit: Rabbit) -> None:
    """A sender that is connected makes it certain enough to be asked for; later nothing shows what a letter was."""
    source, target = rabbit.queue(), rabbit.queue()
    native = tuple(map(int, rabbit.version.split(".")[:2])) >= (4, 0)
    async with planned(rabbit, source, target) as (_, _, risks):
        assert ("poorer" in risks) is native
    if not native:
        return
    host, port = rabbit.address.hosts[0]
    with amqp10.Sender(host, port, source) as sender:
        sender.send(amqp10.message(b"order", subject="orders", group_sequence=amqp10.UInt(7)))
        until(lambda: "AMQP 1-0" in rabbit.management.get("/connections").text, "the sender is listed")
        async with planned(rabbit, source, target) as (broker, snapshot, risks):
            assert risks["poorer"].severity is Severity.REFUSE
            assert not risks["poorer"].final
            assert all(word in risks["poorer"].text for word in ("subject", "group sequence", "AMQP 1.0"))
            assert snapshot.count.number == 1
            assert broker is not None


async def test_the_redrive_goes_by_the_clock_of_the_broker(rabbit: Rabbit, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's clock is two minutes behind: the letters of the snapshot are moved all the same."""
    source, target = rabbit.queue(), rabbit.queue()
    work = rabbit.queue({"x-message-ttl": 1, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": source})
    for body in numbered(5):
        rabbit.publish("", work, body)
    rabbit.wait_until_ready(source, 5)
    slow = time.time
    monkeypatch.setattr(time, "time", lambda: slow() - 120)
    async with adapter(rabbit.address) as broker:
        snapshot = await broker.broker.snapshot(queue_ref(source))
        await asyncio.sleep(3)
        rabbit.publish("", work, b"late")
        rabbit.wait_until_ready(source, 6)
        assert isinstance(snapshot.bounds, CountBound)
        whole = replace(snapshot, bounds=replace(snapshot.bounds, ready=6))
        async with writer(broker).lease(whole, lease_options()) as lease:
            receipts = await move_all(lease, queue_ref(target))
        assert getattr(lease, "end_reason", "") == "died after the plan, by the broker's clock"
    assert len(receipts) == 5
    assert rabbit.bodies(target) == numbered(5)
    assert rabbit.bodies(source) == [b"late"]


async def test_without_a_clock_of_the_broker_only_count_and_run_end_the_redrive(rabbit: Rabbit) -> None:
    source, target = rabbit.queue(), rabbit.queue()
    work = rabbit.queue({"x-message-ttl": 1, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": source})
    rabbit.publish("", work, b"dead")
    rabbit.wait_until_ready(source, 1)
    async with adapter(without_management(rabbit.address)) as broker:
        snapshot = await broker.broker.snapshot(queue_ref(source))
        assert isinstance(snapshot.bounds, CountBound)
        assert snapshot.bounds.at is None
        async with writer(broker).lease(snapshot, lease_options()) as lease:
            assert len(await move_all(lease, queue_ref(target))) == 1


@pytest.mark.parametrize("way", ["default exchange", "both", "shared out", "no management", "no right"])
async def test_where_nothing_is_heard_the_plan_says_it(rabbit: Rabbit, way: str) -> None:
    """R16: and `listen` is refused with the reason, instead of hearing nothing."""
    source, exchange = rabbit.queue(), rabbit.exchange("fanout")
    if way in ("default exchange", "both"):
        rabbit.queue({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": source})
    if way in ("both", "no right", "no management"):
        rabbit.channel.queue_bind(source, exchange)
    if way == "shared out":
        try:
            share = rabbit.exchange("x-consistent-hash")
        except pika.exceptions.AMQPError as error:
            pytest.skip(f"the plugin rabbitmq_consistent_hash_exchange is off: {error}")
        rabbit.channel.queue_bind(source, share, "1")
    address = without_management(rabbit.address) if way == "no management" else rabbit.address
    with rabbit.user(configure="^$") as other:
        async with adapter(other if way == "no right" else address) as broker:
            snapshot = await broker.broker.snapshot(queue_ref(source))
            with pytest.raises(Unsupported, match="can't be observed") as told:
                async for _ in writer(broker).listen(snapshot):
                    pytest.fail("it listens")
            assert told.value.detail
            if way != "no right":
                assert isinstance(broker.broker, ChecksListening)
                support = await broker.broker.can_listen(queue_ref(source))
                assert not support and told.value.detail in support.reason


async def test_a_source_made_again_is_not_the_one_of_the_plan(rabbit: Rabbit) -> None:
    """Other arguments, another type, or new counters: the lease is refused before anything moves."""
    for before, after in (({}, {"x-max-priority": 3}), ({}, QUORUM), (QUORUM, {**QUORUM, "x-delivery-limit": 9})):
        source, target = rabbit.queue(before), rabbit.queue()
        rabbit.fill(source, numbered(2))
        async with adapter(rabbit.address) as broker:
            snapshot = await broker.broker.snapshot(queue_ref(source))
            again = await broker.broker.snapshot(queue_ref(source))
            assert again.identity == snapshot.identity
            rabbit.channel.queue_delete(source)
            rabbit.queue(after, name=source)
            rabbit.fill(source, numbered(2))
            assert (await broker.broker.snapshot(queue_ref(source))).identity != snapshot.identity
            with pytest.raises(Refused, match="is not the queue that was planned"):
                async with writer(broker).lease(snapshot, lease_options()):
                    pytest.fail("the lease was given")
        assert rabbit.ready(source) == 2
        assert rabbit.ready(target) == 0
