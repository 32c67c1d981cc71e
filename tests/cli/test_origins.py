"""Where letters go home to: each fact of the letter on its own, the same answer in `dlq` and in `redrive`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pika
import pytest

from tests.cli.broker_fixtures import run_result
from tests.cli.command_line import Mqtui
from tests.contract.rabbitmq_test_client import QUORUM, Rabbit


@pytest.fixture
def rabbit(rabbitmq_url: str) -> Iterator[Rabbit]:
    opened = Rabbit(rabbitmq_url)
    yield opened
    opened.close()


def spring(exchange: str, key: str) -> dict[str, Any]:
    """What `RepublishMessageRecoverer` adds."""
    return {
        "x-exception-message": "no stock",
        "x-exception-stacktrace": "shop.Bad: no stock\n\tat shop.Orders.take(Orders.java:1)\n",
        "x-original-exchange": exchange,
        "x-original-routingKey": key,
    }


def put(rabbit: Rabbit, queue: str, bodies: Mapping[bytes, Mapping[str, Any]]) -> None:
    """Messages with headers, straight into a queue."""
    for body, headers in bodies.items():
        rabbit.channel.basic_publish("", queue, body, pika.BasicProperties(headers=dict(headers), delivery_mode=2))
    rabbit.wait_until_ready(queue, len(bodies))


def topic(rabbit: Rabbit) -> tuple[str, str, str, str]:
    """A topic exchange with a queue for its orders and one for everything, and an error queue."""
    exchange, orders, audit = rabbit.exchange("topic"), rabbit.queue(), rabbit.queue()
    rabbit.channel.queue_bind(orders, exchange, "orders.#")
    rabbit.channel.queue_bind(audit, exchange, "#")
    return exchange, orders, audit, rabbit.queue(name=rabbit.name("error"))


@pytest.mark.parametrize("named", [True, False], ids=["--to the exchange", "nothing named"])
def test_exchange_and_key_are_used_where_no_queue_is_known(mqtui: Mqtui, rabbit: Rabbit, named: bool) -> None:
    """C22: Spring's republish tells exchange and key."""
    exchange, orders, audit, error = topic(rabbit)
    put(rabbit, error, {b"%d" % number: spring(exchange, "orders.new") for number in range(3)})
    words = ("redrive", rabbit.url, error, *(("--to", f"exchange:{exchange}") if named else ()))
    plan = mqtui(*words, "--dry-run").ok().text
    assert f"exchange:{exchange}" in plan
    assert "orders.new" in plan
    (fan_out,) = [line for line in plan.splitlines() if "fan-out" in line]
    assert orders in fan_out
    assert audit in fan_out
    assert run_result(mqtui(*words, "--yes", "--json").ok())["moved"] == 3
    given = rabbit.drain(orders)
    assert [(method.routing_key, body) for method, _, body in given] == [("orders.new", b"%d" % n) for n in range(3)]
    assert rabbit.ready(audit) == 3
    assert "x-original-exchange" not in (given[0][1].headers or {})


def test_letters_of_several_keys_are_named_each(mqtui: Mqtui, rabbit: Rabbit) -> None:
    """C22: the plan names the key of each group; a letter without one is told too."""
    exchange, orders, audit, error = topic(rabbit)
    bodies = {b"1": spring(exchange, "orders.new"), b"2": spring(exchange, "refunds.new"), b"3": {"own": "1"}}
    put(rabbit, error, bodies)
    plan = mqtui("redrive", rabbit.url, error, "--to", f"exchange:{exchange}", "--dry-run").ok().text
    for words in ("orders.new", "refunds.new", error):
        assert words in next(line for line in plan.splitlines() if line.lstrip().startswith("key")), plan
    assert run_result(mqtui("redrive", rabbit.url, error, "--to", f"exchange:{exchange}", "--yes", "--json").ok())
    assert rabbit.bodies(orders) == [b"1"]
    assert sorted(rabbit.bodies(audit)) == [b"1", b"2", b"3"]


def test_one_error_queue_of_many(mqtui: Mqtui, rabbit: Rabbit) -> None:
    """C23: NServiceBus has one queue `error`; each letter names its own, and nothing has to be named."""
    sales, billing, error = rabbit.queue(), rabbit.queue(), rabbit.queue(name=rabbit.name("error"))
    failed = {"NServiceBus.ExceptionInfo.ExceptionType": "System.Exception", "NServiceBus.ExceptionInfo.Message": "x"}
    put(
        rabbit,
        error,
        {b"1": {"NServiceBus.FailedQ": sales, **failed}, b"2": {"NServiceBus.FailedQ": billing, **failed}},
    )
    told = {row["origin"] for row in mqtui("dlq", rabbit.url, error, "--json").ok().rows()}
    assert told == {sales, billing}
    steps = mqtui("redrive", rabbit.url, error, "--dry-run", "--json").ok().rows()[0]["plan"]["steps"]
    assert {step["resource"] for step in steps if step["step"] == "deliver"} == {sales, billing}
    assert run_result(mqtui("redrive", rabbit.url, error, "--yes", "--json").ok())["moved"] == 2
    assert (rabbit.bodies(sales), rabbit.bodies(billing)) == ([b"1"], [b"2"])


def test_letters_that_come_from_elsewhere_are_not_counted_in(mqtui: Mqtui, rabbit: Rabbit) -> None:
    """C25: of 9 letters 2 came from a queue that is gone, 2 say nothing: it plans 5 and names 4."""
    sales, error = rabbit.queue(), rabbit.queue(name=rabbit.name("error"))
    home = {b"%d" % number: {"NServiceBus.FailedQ": sales} for number in range(5)}
    lost = {b"l%d" % number: {"NServiceBus.FailedQ": "gone"} for number in range(2)}
    put(rabbit, error, home | lost | {b"s0": {}, b"s1": {}})
    plan = mqtui("redrive", rabbit.url, error, "--dry-run", "--json").ok().rows()[0]["plan"]
    (step,) = [step for step in plan["steps"] if step["step"] == "deliver"]
    assert (step["resource"], step["count"]) == (sales, 5)
    stays = {risk["text"] for risk in plan["risks"] if risk["name"] == "no-origin"}
    assert stays == {
        "2 stay: there is no queue:gone, where they came from",
        "2 stay: original destination unknown: no header names it, use --to",
    }
    assert "where 5 of them go is known" in mqtui("redrive", rabbit.url, error, "--dry-run").ok().text
    told = run_result(mqtui("redrive", rabbit.url, error, "--yes", "--json").fails(1))
    assert (told["planned"], told["moved"], told["refused"]) == (9, 5, 4)
    again = mqtui("redrive", rabbit.url, error, "--dry-run").fails(4, "no-target")
    assert "4 letters at" in again.text and "2. deliver" not in again.text, "what is left was looked at anew"


@pytest.mark.parametrize("look_first", [True, False], ids=["after dlq", "at once"])
def test_a_parking_queue_goes_home_by_x_death(mqtui: Mqtui, rabbit: Rabbit, look_first: bool) -> None:
    """C24: letters that a consumer republished with all headers."""
    parking, dlq = rabbit.queue(), rabbit.queue()
    work = rabbit.queue({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dlq})
    rabbit.fill(work, [b"1", b"2"])
    channel: Any = rabbit.channel
    for _ in range(2):
        method, _, _ = channel.basic_get(work)
        channel.basic_reject(method.delivery_tag, requeue=False)
    rabbit.wait_until_ready(dlq, 2)
    for _, properties, body in rabbit.drain(dlq):
        channel.basic_publish("", parking, body, properties)
    rabbit.wait_until_ready(parking, 2)
    if look_first:
        assert [row["origin"] for row in mqtui("dlq", rabbit.url, parking, "--json").ok().rows()] == [work]
    assert run_result(mqtui("redrive", rabbit.url, parking, "--yes", "--json").ok())["moved"] == 2
    assert rabbit.bodies(work) == [b"1", b"2"]


def test_what_the_header_says_goes_before_the_name(mqtui: Mqtui, rabbit: Rabbit) -> None:
    """C26: Rebus names the queue it read; what the error queue's name suggests does not exist."""
    stem = rabbit.name("rebus")
    source, error = rabbit.queue(name=f"{stem}.in"), rabbit.queue(name=f"{stem}.error")
    details = "System.Exception: no stock\n   at Shop.Orders.Handle(Order order)"
    put(rabbit, error, {b"1": {"rbs2-source-queue": source, "rbs2-error-details": details, "rbs2-msg-id": "m"}})
    (row,) = mqtui("dlq", rabbit.url, error, "--json").ok().rows()
    assert row["origin"] == source
    assert row["exception"] == "System.Exception"
    assert run_result(mqtui("redrive", rabbit.url, error, "--yes", "--json").ok())["moved"] == 1
    ((_, properties, body),) = rabbit.drain(source)
    assert (body, sorted(properties.headers)) == (b"1", sorted({"rbs2-msg-id", *OURS}))


OURS = ("x-mqtui-origin", "x-mqtui-run", "x-mqtui-by", "x-mqtui-at", "x-mqtui-count")


def test_a_guess_from_a_name_only_if_it_exists(mqtui: Mqtui, rabbit: Rabbit) -> None:
    """C26: letters that tell nothing, in a queue whose name suggests one that is not there."""
    stem = rabbit.name("plain")
    error = rabbit.queue(name=f"{stem}.error")
    put(rabbit, error, {b"1": {}})
    (row,) = mqtui("dlq", rabbit.url, error, "--json").ok().rows()
    assert row["origin"] is None
    plan = mqtui("redrive", rabbit.url, error, "--dry-run", "--json").rows()[0]["plan"]
    assert [risk["name"] for risk in plan["risks"] if risk["severity"] == "refuse"] == ["no-target"]
    rabbit.queue(name=stem)
    assert mqtui("dlq", rabbit.url, error, "--json").ok().rows()[0]["origin"] == stem
    assert run_result(mqtui("redrive", rabbit.url, error, "--yes", "--json").ok())["moved"] == 1
    assert rabbit.bodies(stem) == [b"1"]


def nservicebus(queue: str) -> dict[str, Any]:
    return {"NServiceBus.FailedQ": queue, "NServiceBus.ExceptionInfo.Message": "no stock"}


def test_a_look_that_spends_is_made_by_dlq_and_kept_for_the_plan(mqtui: Mqtui, rabbit: Rabbit) -> None:
    """C23, where each delivery counts: the plan does not look, it says how; after `dlq` it knows."""
    sales, billing = rabbit.queue(), rabbit.queue()
    error = rabbit.queue({**QUORUM, "x-delivery-limit": 5})
    put(rabbit, error, {b"1": nservicebus(sales), b"2": nservicebus(billing)})
    mqtui("redrive", rabbit.url, error, "--yes").fails(4, "no-target", "mqtui dlq")
    mqtui("dlq", rabbit.url, error).ok()
    for _ in range(3):
        assert "2 letters at" in mqtui("redrive", rabbit.url, error, "--dry-run").ok().text
    assert run_result(mqtui("redrive", rabbit.url, error, "--yes", "--json").ok())["moved"] == 2
    got = [rabbit.drain(queue) for queue in (sales, billing)]
    assert [[body for _, _, body in each] for each in got] == [[b"1"], [b"2"]]


def test_an_origin_that_is_not_there_is_not_offered(mqtui: Mqtui, rabbit: Rabbit) -> None:
    """C26: the others go, and the one stays with its reason."""
    sales, gone, error = rabbit.queue(), rabbit.name("gone"), rabbit.queue()
    put(rabbit, error, {b"1": nservicebus(sales), b"2": nservicebus(gone)})
    plan = mqtui("redrive", rabbit.url, error, "--dry-run", "--json").rows()[0]["plan"]
    assert [step["resource"] for step in plan["steps"] if step["step"] == "deliver"] == [sales]
    (stays,) = [risk["text"] for risk in plan["risks"] if risk["name"] == "no-origin"]
    assert gone in stays
    done = mqtui("redrive", rabbit.url, error, "--yes", "--json")
    assert done.code == 1, done.err
    assert (run_result(done)["moved"], rabbit.bodies(sales), rabbit.bodies(error)) == (1, [b"1"], [b"2"])


def test_the_broker_knows_the_only_queue_that_dies_there(mqtui: Mqtui, rabbit: Rabbit) -> None:
    """C24: a consumer put a letter with headers of its own into a queue's dead-letter queue."""
    dlq = rabbit.queue()
    work = rabbit.queue({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dlq})
    put(rabbit, dlq, {b"1": {"error": "no stock"}})
    (row,) = mqtui("dlq", rabbit.url, dlq, "--json").ok().rows()
    assert (row["origin"], row["message"]) == (work, "no stock")
    assert run_result(mqtui("redrive", rabbit.url, dlq, "--yes", "--json").ok())["moved"] == 1
    assert rabbit.bodies(work) == [b"1"]


def test_without_the_management_api_exchange_and_key_are_known_too(mqtui: Mqtui, rabbit: Rabbit) -> None:
    """C22: the letter's own headers need no management API; which queues get a copy can't be said."""
    exchange, orders, _, error = topic(rabbit)
    put(rabbit, error, {b"1": spring(exchange, "orders.new")})
    url = rabbit.url.partition("?")[0]
    mqtui("dlq", url, error).ok()
    plan = mqtui("redrive", url, error, "--dry-run").ok().text
    assert "orders.new" in plan
    assert "fan-out" in plan
    assert run_result(mqtui("redrive", url, error, "--yes", "--json").ok())["moved"] == 1
    assert rabbit.bodies(orders) == [b"1"]
