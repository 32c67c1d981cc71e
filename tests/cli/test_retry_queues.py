"""Retry ladders on RabbitMQ: what waits or goes round is alive; letters are dead where they end (R15)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.broker_fixtures import run_result
from tests.cli.command_line import CommandResult, Mqtui
from tests.contract.rabbitmq_test_client import Rabbit, until


@pytest.fixture
def rabbit(rabbitmq_url: str) -> Iterator[Rabbit]:
    opened = Rabbit(rabbitmq_url)
    yield opened
    opened.close()


def to(target: str, ttl: int | None = None) -> dict[str, Any]:
    """Arguments of a queue whose dead letters go to another, where messages stay so many ms."""
    timed = {} if ttl is None else {"x-message-ttl": ttl}
    return {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": target, **timed}


def places(done: CommandResult) -> dict[str, list[str]]:
    """Origins by place."""
    return {row["resource"]: row["origins"] for row in done.ok().rows()}


def reject(rabbit: Rabbit, queue: str, count: int) -> None:
    """Let messages die."""
    for _ in range(count):
        method, _, _ = rabbit.channel.basic_get(queue)
        assert method is not None
        rabbit.channel.basic_reject(method.delivery_tag or 0, requeue=False)


def test_a_cycle_holds_no_dead_letters(mqtui: Mqtui, rabbit: Rabbit) -> None:
    """rabbitmq-server#737: work dead-letters to a queue that sends back what is over."""
    work, wait, other = rabbit.name("work"), rabbit.name("held"), rabbit.queue()
    rabbit.queue(to(wait), name=work)
    rabbit.queue(to(work, 3_600_000), name=wait)
    rabbit.fill(work, [b"%d" % number for number in range(6)])
    found = mqtui("dlq", rabbit.url, "--json")
    assert places(found).keys().isdisjoint({work, wait})
    assert f"{work} is a retry stage" in found.err and f"{wait} is a retry stage" in found.err
    assert f"{work} → {wait} → {work}" in found.err
    for queue in (work, wait):
        mqtui("redrive", rabbit.url, queue, "--dry-run").fails(4, "retry stage", "come back to it", "--to")
    moving = ("redrive", rabbit.url, work, "--to", other, "--yes")
    mqtui(*moving).fails(4, "retry-stage")
    mqtui("discard", rabbit.url, work, "--yes").fails(4, "retry-stage")
    assert all(not method.redelivered for method, _, _ in rabbit.drain(work))
    rabbit.fill(work, [b"1", b"2"])
    assert run_result(mqtui(*moving, "--allow", "retry-stage", "--json").ok())["moved"] == 2
    assert rabbit.bodies(other) == [b"1", b"2"]


def test_stages_lead_to_what_is_read(mqtui: Mqtui, rabbit: Rabbit) -> None:
    """Delays without a cycle: the consumer itself publishes to the first; the name of a stage says nothing.

    A queue that is read is none, although its messages may expire into one that is read too.
    """
    work, first, last, dlq, orders = (rabbit.name(stem) for stem in ("work", "delays", "last.dlq", "ended", "orders"))
    by_message, bin_ = rabbit.queue(to(work), name=rabbit.name("retry.1")), rabbit.queue()
    bound = rabbit.exchange("topic")
    rabbit.queue(to(dlq), name=work)
    rabbit.policy(f"^{first}$", {"dead-letter-exchange": bound, "message-ttl": 1_800_000})
    rabbit.queue(name=first)
    rabbit.queue(to(work, 3_600_000), name=last)
    rabbit.queue(name=dlq)
    rabbit.queue(to(bin_, 3_600_000), name=orders)
    rabbit.channel.queue_bind(last, bound, "#")
    ours = (work, first, last, by_message, dlq, orders, bin_)
    for queue in ours:
        rabbit.fill(queue, [b"1"])
    with rabbit.consumer(work), rabbit.consumer(orders), rabbit.consumer(bin_):
        until(lambda: all(map(rabbit.has_consumer, (work, orders, bin_))), "the management API counts the readers")
        found = mqtui("dlq", rabbit.url, "--json")
    told = {queue: origins for queue, origins in places(found).items() if queue in ours}
    assert told == {dlq: [work], bin_: [orders]}
    assert all(f"{stage} is a retry stage" in found.err for stage in (first, last, by_message))


def test_letters_behind_a_ladder_go_home_to_where_they_failed(mqtui: Mqtui, rabbit: Rabbit) -> None:
    """From work over two waits to parking: what only waited on the way is no origin and no target."""
    work, first, second, parking = (rabbit.name(stem) for stem in ("work", "one", "two", "ended"))
    rabbit.queue(to(first), name=work)
    rabbit.queue(to(second, 20), name=first)
    rabbit.queue(to(parking, 20), name=second)
    rabbit.queue(name=parking)
    rabbit.fill(work, [b"1", b"2"])
    reject(rabbit, work, 2)
    rabbit.wait_until_ready(parking, 2)
    assert places(mqtui("dlq", rabbit.url, "--json"))[parking] == [work]
    steps = mqtui("redrive", rabbit.url, parking, "--dry-run", "--json").ok().rows()[0]["plan"]["steps"]
    assert [step["resource"] for step in steps if step["step"] == "deliver"] == [work]
    assert run_result(mqtui("redrive", rabbit.url, parking, "--yes", "--json").ok())["moved"] == 2
    rabbit.wait_until_ready(work, 2)


def test_places_that_were_not_looked_into_are_looked_into_with_all(mqtui: Mqtui, rabbit: Rabbit) -> None:
    """RabbitMQ only lends its messages, so that headers are read where that was asked for: one message of each."""
    work, hidden = rabbit.name("work"), rabbit.queue()
    rabbit.queue(to(hidden), name=work)
    rabbit.fill(work, [b"1", b"2"])
    reject(rabbit, work, 2)
    rabbit.wait_until_ready(hidden, 2)
    rabbit.channel.queue_delete(work)
    rabbit.queue(name=work)
    first = mqtui("dlq", rabbit.url, "--json").ok()
    assert hidden not in places(first)
    assert "not searched" in first.err and "--all" in first.err
    every = mqtui("dlq", rabbit.url, "--all", "--json").ok()
    assert places(every)[hidden] == [work]
    assert "price: one message of each queue" in every.err and "not searched" not in every.err
    mqtui("dlq", rabbit.url, hidden, "--all").fails(2, "--all")
