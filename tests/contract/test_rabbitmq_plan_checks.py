"""R7, R8, R11: what a plan on RabbitMQ says before anything moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from mqtui.domain.plan import Risk, Severity
from mqtui.domain.redrive import Strength
from mqtui.domain.resource import Kind, Ref
from tests.contract.rabbitmq_test_client import (
    QUORUM,
    STREAM,
    Rabbit,
    adapter,
    plan_of,
    queue_ref,
    until,
    without_management,
)


@pytest.fixture
def rabbit(rabbitmq_url: str) -> Iterator[Rabbit]:
    opened = Rabbit(rabbitmq_url)
    yield opened
    opened.close()


async def risks(rabbit: Rabbit, source: str, target: Ref, *, count: int = 10, largest: int = 0) -> Mapping[str, Risk]:
    """The risks of moving that many letters, by name."""
    async with adapter(rabbit.address) as broker:
        snapshot = await broker.broker.snapshot(queue_ref(source))
        plan = replace(plan_of(snapshot, target, count=count), largest=largest)
        return {risk.name: risk for risk in (await broker.broker.check_plan(snapshot, plan)).risks}


def refuses(found: Mapping[str, Risk]) -> set[str]:
    return {name for name, risk in found.items() if risk.severity is Severity.REFUSE}


async def test_a_sound_plan_has_its_guarantee_and_refuses_nothing(rabbit: Rabbit) -> None:
    """C6: at least once, with the sentence that says what it means."""
    source, target = rabbit.queue(), rabbit.queue()
    async with adapter(rabbit.address) as broker:
        snapshot = await broker.broker.snapshot(queue_ref(source))
        plan = await broker.broker.check_plan(snapshot, plan_of(snapshot, queue_ref(target)))
    assert plan.guarantee is not None
    assert plan.guarantee.strength is Strength.AT_LEAST_ONCE
    assert "source, target and bundle" in plan.guarantee.text
    assert [risk for risk in plan.risks if risk.severity is Severity.REFUSE] == []


@pytest.mark.parametrize(
    ("arguments", "name", "refused"),
    [
        ({"x-max-length": 5}, "drop-head", True),
        ({"x-max-length": 50}, None, False),
        ({"x-max-length-bytes": 1000}, "drop-head", True),
        ({"x-max-length-bytes": 10_000_000}, None, False),
        ({"x-max-length": 5, "x-overflow": "reject-publish"}, "full", False),
        ({"x-message-ttl": 60_000}, "ttl", False),
        ({"x-expires": 600_000}, "expires", False),
        ({**STREAM, "x-max-age": "1h"}, "short-stream", True),
        ({**STREAM, "x-max-length-bytes": 20_000_000}, "short-stream", True),
        (STREAM, None, False),
    ],
)
async def test_a_confirm_is_not_safety(
    rabbit: Rabbit, arguments: dict[str, Any], name: str | None, refused: bool
) -> None:
    """R7: too little room, streams that forget; a time to live is a warning."""
    source, target = rabbit.queue(), rabbit.queue(arguments)
    kind = Kind.STREAM if "x-queue-type" in arguments else Kind.QUEUE
    found = await risks(rabbit, source, Ref(kind, target), largest=200)
    assert refuses(found) == ({name} if refused else set())
    if name is not None:
        assert target in found[name].text


async def test_drop_head_confirms_and_drops(rabbit: Rabbit) -> None:
    """R7, the evidence: max-length 10, 100 confirmed, 10 held."""
    queue = rabbit.queue({"x-max-length": 10})
    for number in range(100):
        rabbit.publish("", queue, b"%d" % number)
    assert rabbit.ready(queue) == 10


async def test_a_policy_counts_like_an_argument(rabbit: Rabbit) -> None:
    source, target = rabbit.queue(), rabbit.name()
    rabbit.policy(f"^{target}$", {"max-length": 3})
    rabbit.queue(name=target)
    assert "drop-head" in refuses(await risks(rabbit, source, queue_ref(target)))


async def test_what_does_not_survive_a_restart_is_refused(rabbit: Rabbit) -> None:
    """R7: a non-durable target, also behind an exchange."""
    source, target, exchange = rabbit.queue(), rabbit.queue(durable=False), rabbit.exchange("fanout")
    rabbit.channel.queue_bind(target, exchange)
    assert refuses(await risks(rabbit, source, queue_ref(target))) == {"non-durable"}
    assert refuses(await risks(rabbit, source, Ref(Kind.EXCHANGE, exchange))) == {"non-durable"}


async def test_exchanges_that_swallow_or_miss_are_refused(rabbit: Rabbit) -> None:
    """R7: an alternate exchange, no bindings, bindings that miss the failed queue; an internal exchange for good."""
    dlq, other = rabbit.queue(), rabbit.queue()
    failed = rabbit.queue({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dlq})
    empty, missing = rabbit.exchange(), rabbit.exchange("fanout")
    alternate = rabbit.exchange(arguments={"alternate-exchange": empty})
    home = rabbit.exchange()
    for exchange, queue in ((missing, other), (alternate, failed), (home, failed)):
        rabbit.channel.queue_bind(queue, exchange, queue)
    found = {
        exchange: await risks(rabbit, dlq, Ref(Kind.EXCHANGE, exchange))
        for exchange in (empty, missing, alternate, home)
    }
    assert {exchange: refuses(each) for exchange, each in found.items()} == {
        empty: {"unroutable"},
        missing: {"unroutable"},
        alternate: {"alternate-exchange"},
        home: set(),
    }
    assert failed in found[missing]["unroutable"].text


async def test_an_exchange_that_leads_back_to_the_source_is_refused(rabbit: Rabbit) -> None:
    """C82: for good where it leads nowhere else, whatever lies between."""
    dlq, other = rabbit.queue(), rabbit.queue()
    only, between, both = rabbit.exchange("fanout"), rabbit.exchange("fanout"), rabbit.exchange("fanout")
    rabbit.channel.exchange_bind(only, between)
    for exchange, queue in ((only, dlq), (both, dlq), (both, other)):
        rabbit.channel.queue_bind(queue, exchange)
    for exchange, final in ((only, True), (between, True), (both, False)):
        risk = (await risks(rabbit, dlq, Ref(Kind.EXCHANGE, exchange)))["itself"]
        assert (risk.severity, risk.final) == (Severity.REFUSE, final)
        assert dlq in risk.text


async def test_a_missing_target_is_refused_for_good(rabbit: Rabbit) -> None:
    source = rabbit.queue()
    for kind in (Kind.QUEUE, Kind.EXCHANGE):
        risk = (await risks(rabbit, source, Ref(kind, rabbit.name())))["target-missing"]
        assert (risk.severity, risk.final) == (Severity.REFUSE, True)


async def test_readers_of_the_source_are_refused_by_name(rabbit: Rabbit) -> None:
    """R8: `--yes-shared` lets `consumers` through; a single active consumer is named too."""
    source, target = rabbit.queue({"x-single-active-consumer": True}), rabbit.queue()
    with rabbit.consumer(source):
        until(lambda: "somebody" in rabbit.management.get("/consumers/%2F").text, "the consumer is listed")
        found = await risks(rabbit, source, queue_ref(target))
    assert refuses(found) == {"consumers", "single-active-consumer"}
    assert "somebody@" in found["consumers"].text
    assert not found["consumers"].final


async def test_the_delivery_limit_and_the_order_are_reported(rabbit: Rabbit) -> None:
    """R2, R5: what returning costs, letters that are taken alone, and where returned letters go."""
    target = queue_ref(rabbit.queue())
    limited, tight, loose = (
        rabbit.queue({**QUORUM, "x-delivery-limit": 20}),
        rabbit.queue({**QUORUM, "x-delivery-limit": 2}),
        rabbit.queue(rabbit.quorum_without_limit),
    )
    assert "20 deliveries" in (await risks(rabbit, limited, target))["spends"].text
    assert "one by one" in (await risks(rabbit, tight, target))["delivery-limit"].text
    assert "tail" in (await risks(rabbit, loose, target))["order"].text


async def test_a_second_death_that_leads_nowhere_is_reported(rabbit: Rabbit) -> None:
    """R11: sent straight to its queue a letter dies with the queue's name as key, which the exchange may not know."""
    source, dlq, exchange = rabbit.queue(), rabbit.queue(), rabbit.exchange()
    rabbit.channel.queue_bind(dlq, exchange, "work")
    lost = rabbit.queue({"x-dead-letter-exchange": exchange})
    kept = rabbit.queue({"x-dead-letter-exchange": exchange, "x-dead-letter-routing-key": "work"})
    assert "second-death" in await risks(rabbit, source, queue_ref(lost))
    assert "second-death" not in await risks(rabbit, source, queue_ref(kept))
    assert "no-dead-letters" in await risks(rabbit, source, queue_ref(dlq))


async def test_missing_rights_are_refused_for_good_and_nothing_is_touched(rabbit: Rabbit) -> None:
    """Reading the source and writing to each target's exchange, each named; asking routes nothing and takes nothing."""
    source, target, exchange = rabbit.queue(), rabbit.queue(), rabbit.exchange("fanout")
    rabbit.channel.queue_bind(target, exchange)
    rabbit.fill(source, [b"1"])
    with rabbit.user(read="^$", write=r"^amq\.default$") as address:
        async with adapter(address) as broker:
            snapshot = await broker.broker.snapshot(queue_ref(source))
            plan = plan_of(snapshot, queue_ref(target), Ref(Kind.EXCHANGE, exchange))
            told = [risk for risk in (await broker.broker.check_plan(snapshot, plan)).risks if risk.name == "rights"]
    assert [(risk.severity, risk.final) for risk in told] == [(Severity.REFUSE, True)] * 2
    assert f"read on queue {source}" in told[0].text
    assert f"write on exchange {exchange}" in told[1].text
    assert rabbit.ready(target) == 0
    assert [method.redelivered for method, _, _ in rabbit.drain(source)] == [False]


async def test_without_the_management_api_the_plan_says_what_it_does_not_know(rabbit: Rabbit) -> None:
    source, target, exchange = rabbit.queue(), rabbit.queue(), rabbit.exchange()
    async with adapter(without_management(rabbit.address)) as broker:
        snapshot = await broker.broker.snapshot(queue_ref(source))
        plan = plan_of(snapshot, queue_ref(target), Ref(Kind.EXCHANGE, exchange), queue_ref(rabbit.name()))
        found = (await broker.broker.check_plan(snapshot, plan)).risks
    assert [risk.name for risk in found if risk.name != "poorer"] == [
        "unchecked",
        "unchecked",
        "unchecked",
        "no-reader",
        "unchecked",
        "fan-out",
        "target-missing",
    ]
    assert "alarm" in found[0].text
    assert "?management=" in found[0].text
