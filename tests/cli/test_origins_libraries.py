"""Dead letters exactly as libraries write them: cause and origin in `dlq`, the way home, and what stays behind.

Names and formats are facts of the sources that the conventions' own files cite.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pika
import pytest
from redis import Redis

from tests.cli.broker_fixtures import BrokerFixture, run_result
from tests.cli.command_line import Mqtui
from tests.contract.rabbitmq_test_client import Rabbit
from tests.contract.worlds import Letter

NET = "System.InvalidOperationException: no stock\r\n   at Shop.Orders.Handle(Order order) in /src/Orders.cs:line 7"
INNER = (
    "System.AggregateException: One or more errors occurred.\n ---> System.FormatException: no amount\n"
    "   at Shop.Parser.Parse(String text)\n   --- End of inner exception stack trace ---\n   at Shop.Orders.Handle()"
)
STAMP = "X-Message-Stamp-Symfony\\Component\\Messenger\\Stamp\\"
OURS = {"x-mqtui-origin", "x-mqtui-run", "x-mqtui-by", "x-mqtui-at", "x-mqtui-count"}


@pytest.fixture
def rabbit(rabbitmq_url: str) -> Iterator[Rabbit]:
    opened = Rabbit(rabbitmq_url)
    yield opened
    opened.close()


@dataclass(frozen=True)
class Written:
    """Headers of one library, and what is to be read of them. The origin is what stands at `{origin}`."""

    headers: dict[str, Any]
    exception: str | None
    message: str
    kept: frozenset[str] = frozenset()


LIBRARIES = {
    "rebus": Written(
        {
            "rbs2-msg-id": "9b0c",
            "rbs2-source-queue": "{origin}",
            "rbs2-error-details": f"1 unhandled exceptions: 11/29/2026 20:00:00 +00:00: {NET}",
        },
        "System.InvalidOperationException",
        "no stock",
        frozenset({"rbs2-msg-id"}),
    ),
    "nservicebus": Written(
        {
            "NServiceBus.MessageId": "9b0c",
            "NServiceBus.EnclosedMessageTypes": "Shop.PlaceOrder",
            "NServiceBus.FailedQ": "{origin}",
            "NServiceBus.ExceptionInfo.ExceptionType": "System.AggregateException",
            "NServiceBus.ExceptionInfo.Message": "One or more errors occurred.",
            "NServiceBus.ExceptionInfo.StackTrace": INNER,
            "NServiceBus.TimeOfFailure": "2026-11-24 02:50:58:123456 Z",
            "NServiceBus.Retries.Timestamp": "2026-11-24 02:50:00:000000 Z",
        },
        "System.FormatException",
        "no amount",
        frozenset({"NServiceBus.MessageId", "NServiceBus.EnclosedMessageTypes"}),
    ),
    "masstransit": Written(
        {
            "Content-Type": "application/vnd.masstransit+json",
            "MT-Reason": "fault",
            "MT-Fault-ExceptionType": "System.InvalidOperationException",
            "MT-Fault-Message": "no stock",
            "MT-Fault-StackTrace": "   at Shop.Orders.Consume(ConsumeContext`1 context)",
            "MT-Fault-InputAddress": "rabbitmq://localhost/shop/{origin}?durable=true",
            "MT-Fault-Timestamp": "2026-11-29T20:00:00.0000000Z",
            "MT-Fault-RetryCount": 3,
        },
        "System.InvalidOperationException",
        "no stock",
        frozenset({"Content-Type"}),
    ),
    "wolverine": Written(
        {
            "id": "9b0c",
            "attempts": "3",
            "exception-type": "System.InvalidOperationException",
            "exception-message": "no stock",
            "exception-stack": "   at Shop.Orders.Handle(Order order)",
            "failed-at": "1795475111678",
            "original-destination": "rabbitmq://queue/{origin}",
        },
        "System.InvalidOperationException",
        "no stock",
        frozenset({"id"}),
    ),
    "watermill": Written(
        {
            "_watermill_message_uuid": "9b0c",
            "reason_poisoned": "no stock",
            "topic_poisoned": "{origin}",
            "handler_poisoned": "orders",
            "subscriber_poisoned": "amqp.Subscriber",
        },
        None,
        "no stock",
        frozenset({"_watermill_message_uuid"}),
    ),
    "spring, by the default exchange": Written(
        {
            "__TypeId__": "shop.Order",
            "x-exception-message": "no stock",
            "x-exception-stacktrace": "shop.Bad: no stock\n\tat shop.Orders.take(Orders.java:1)\n",
            "x-original-exchange": "",
            "x-original-routingKey": "{origin}",
        },
        "shop.Bad",
        "no stock",
        frozenset({"__TypeId__"}),
    ),
}


def dead(rabbit: Rabbit, queue: str, headers: dict[str, Any], body: bytes = b'{"order": 1}') -> None:
    properties = pika.BasicProperties(headers=headers, delivery_mode=2, content_type="application/json", type="Order")
    rabbit.channel.basic_publish("", queue, body, properties)
    rabbit.wait_until_ready(queue, 1)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_letter_of_a_library_goes_home_as_the_library_takes_it(mqtui: Mqtui, rabbit: Rabbit, library: str) -> None:
    written = LIBRARIES[library]
    home, error = rabbit.queue(), rabbit.queue()
    told = {
        name: value.format(origin=home) if isinstance(value, str) else value for name, value in written.headers.items()
    }
    dead(rabbit, error, told)
    (row,) = mqtui("dlq", rabbit.url, error, "--json").ok().rows()
    assert (row["origin"], row["exception"], row["message"]) == (home, written.exception, written.message)
    assert run_result(mqtui("redrive", rabbit.url, error, "--yes", "--json").ok())["moved"] == 1
    ((_, properties, body),) = rabbit.drain(home)
    assert body == b'{"order": 1}'
    assert (properties.content_type, properties.type) == ("application/json", "Order")
    assert set(properties.headers) - OURS == written.kept


def test_symfony_keeps_no_queue_and_its_stamps_stay_behind(mqtui: Mqtui, rabbit: Rabbit) -> None:
    """A letter that still bears SentToFailureTransportStamp would be dropped when it fails again."""
    home, failed = rabbit.queue(), rabbit.queue()
    stamps = {
        "SentToFailureTransportStamp": [{"originalReceiverName": "async"}],
        "ErrorDetailsStamp": [
            {"exceptionClass": "App\\Slow", "exceptionMessage": "no answer"},
            {"exceptionClass": "App\\NoStock", "exceptionCode": 0, "exceptionMessage": "no stock"},
        ],
        "RedeliveryStamp": [{"retryCount": 0, "redeliveredAt": "2026-11-29T20:00:00+00:00"}],
        "BusNameStamp": [{"busName": "messenger.bus.default"}],
    }
    dead(rabbit, failed, {"type": "App\\Order", **{STAMP + name: json.dumps(told) for name, told in stamps.items()}})
    (row,) = mqtui("dlq", rabbit.url, failed, "--json").ok().rows()
    assert (row["origin"], row["exception"], row["message"]) == (None, "App\\NoStock", "no stock")
    assert run_result(mqtui("redrive", rabbit.url, failed, "--to", home, "--yes", "--json").ok())["moved"] == 1
    ((_, properties, _),) = rabbit.drain(home)
    assert set(properties.headers) - OURS == {"type", STAMP + "BusNameStamp"}


def test_sneakers_tells_in_one_header_and_by_its_queues_name(mqtui: Mqtui, rabbit: Rabbit) -> None:
    home = rabbit.queue()
    error = rabbit.queue(name=f"{home}-error")
    told = {"error": "no stock", "error_class": "Shop::NoStock", "num_attempts": 6, "failed_at": "2026-11-29T20:00:00Z"}
    dead(rabbit, error, {"retry_info": json.dumps([told, {"error": "an earlier one"}])})
    (row,) = mqtui("dlq", rabbit.url, error, "--json").ok().rows()
    assert (row["origin"], row["exception"], row["message"]) == (home, "Shop::NoStock", "no stock")
    assert run_result(mqtui("redrive", rabbit.url, error, "--yes", "--json").ok())["moved"] == 1
    ((_, properties, _),) = rabbit.drain(home)
    assert set(properties.headers) == OURS


@pytest.fixture
def server(redis: BrokerFixture) -> Iterator[Redis]:
    host, port = redis.world.address.hosts[0]
    with Redis(host, port) as opened:
        yield opened


def xadd(server: Any, stream: str, fields: dict[str, str | bytes]) -> None:
    server.xadd(stream, fields)


def entries(server: Any, stream: str) -> list[dict[bytes, bytes]]:
    return [fields for _, fields in server.xrange(stream)]


def test_watermill_over_redis(mqtui: Mqtui, redis: BrokerFixture, server: Redis) -> None:
    """The poison queue's metadata is MessagePack; the entry goes home as it is."""
    home = redis.world.create("orders")
    poison = redis.world.name("poison")
    told = {"reason_poisoned": "no stock", "topic_poisoned": home.name, "own": "1"}
    entry: dict[str, str | bytes] = {
        "_watermill_message_uuid": "9b0c",
        "metadata": msgspec.msgpack.encode(told),
        "payload": b'{"order": 1}',
    }
    xadd(server, poison, entry)
    (row,) = mqtui("dlq", redis.url, poison, "--json").ok().rows()
    assert (row["origin"], row["message"]) == (home.name, "no stock")
    assert run_result(mqtui("redrive", redis.url, poison, "--yes", "--json").ok())["moved"] == 1
    assert entries(server, home.name) == [
        {name.encode(): value if isinstance(value, bytes) else value.encode() for name, value in entry.items()}
    ]
    server.delete(poison)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"error": "ECONNREFUSED x"}, "ECONNREFUSED x"),
        ({"reason": "no stock"}, "no stock"),
        ({"failure_reason": "no stock"}, "no stock"),
        ({"error_type": "shop.Bad", "error_message": "no stock"}, "no stock"),
    ],
)
def test_plain_fields_tell_the_cause_where_dead_letters_lie(
    mqtui: Mqtui, redis: BrokerFixture, server: Redis, fields: dict[str, str | bytes], message: str
) -> None:
    """C27: `error`, `reason` and the like, in a place whose name, or whose user, says that it holds dead letters."""
    for dlq in (redis.world.name("zz") + ".dlq", redis.world.name("graves")):
        xadd(server, dlq, {"id": "1", **fields})
        (row,) = mqtui("dlq", redis.url, dlq, "--json").ok().rows()
        assert row["message"] == message
        server.delete(dlq)


def test_plain_headers_tell_the_cause_too(mqtui: Mqtui, kafka: BrokerFixture, rabbit: Rabbit) -> None:
    """C27, on the other brokers."""
    dlq = kafka.world.create("zz")
    kafka.world.put(dlq, [kafka.world.letter(1).plus("error", b"ECONNREFUSED x", as_field=False)])
    assert [row["message"] for row in mqtui("dlq", kafka.url, dlq.name, "--json").ok().rows()] == ["ECONNREFUSED x"]
    queue = rabbit.queue()
    dead(rabbit, queue, {"x-error-message": "no stock"})
    assert [row["message"] for row in mqtui("dlq", rabbit.url, queue, "--json").ok().rows()] == ["no stock"]


@pytest.mark.parametrize("tagged", [True, False], ids=["{orders}", "orders"])
def test_a_cluster_tag_in_the_name(mqtui: Mqtui, redis: BrokerFixture, server: Redis, tagged: bool) -> None:
    """C28: `{orders}.dlq` belongs to `{orders}`, else to the bare key in the same slot, if that is there."""
    bare = redis.world.name("orders")
    home, dlq = f"{{{bare}}}" if tagged else bare, f"{{{bare}}}.dlq"
    xadd(server, dlq, {"order": "1", "error": "no stock"})
    assert mqtui("dlq", redis.url, dlq, "--json").ok().rows()[0]["origin"] is None
    xadd(server, home, {"order": "0"})
    assert mqtui("dlq", redis.url, dlq, "--json").ok().rows()[0]["origin"] == home
    (place,) = [row for row in mqtui("dlq", redis.url, "--json").ok().rows() if row["resource"] == dlq]
    assert place["origins"] == [home]
    assert run_result(mqtui("redrive", redis.url, dlq, "--yes", "--json").ok())["moved"] == 1
    assert [fields[b"order"] for fields in entries(server, home)] == [b"0", b"1"]
    server.delete(home, dlq)


def test_wolverine_over_kafka(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    home, dlq = kafka.world.create("orders"), kafka.world.create("wolverine")
    told = {
        "exception-type": "System.InvalidOperationException",
        "exception-message": "no stock",
        "exception-stack": "   at Shop.Orders.Handle(Order order)",
        "failed-at": "1795475111678",
        "original-destination": f"kafka://topic/{home.name}",
        "original-partition": "0",
        "original-offset": "7",
        "attempts": "3",
        "id": "9b0c",
    }
    kafka.world.put(dlq, [Letter(b"1", b"k", tuple((name, value.encode()) for name, value in told.items()))])
    (row,) = mqtui("dlq", kafka.url, dlq.name, "--json").ok().rows()
    assert (row["origin"], row["message"]) == (home.name, "no stock")
    assert run_result(mqtui("redrive", kafka.url, dlq.name, "--yes", "--json").ok())["moved"] == 1
    (letter,) = kafka.world.contents(home)
    assert {name for name, _ in letter.headers} - OURS == {"id"}


def test_a_celery_task_keeps_all_that_its_worker_reads(mqtui: Mqtui, rabbit: Rabbit) -> None:
    """A rejected task: x-death tells the origin, and nothing of the task's own headers stays behind."""
    dlq = rabbit.queue()
    work = rabbit.queue({"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dlq})
    task: dict[str, Any] = {
        "lang": "py",
        "task": "shop.charge",
        "id": "9b0c",
        "eta": None,
        "expires": "2030-01-01T00:00:00+00:00",
        "retries": 2,
        "timelimit": [None, None],
        "argsrepr": "(1,)",
        "kwargsrepr": "{}",
        "origin": "gen1@host",
    }
    dead(rabbit, work, task, b'[[1], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]')
    channel: Any = rabbit.channel
    method, _, _ = channel.basic_get(work)
    channel.basic_reject(method.delivery_tag, requeue=False)
    rabbit.wait_until_ready(dlq, 1)
    assert mqtui("dlq", rabbit.url, dlq, "--json").ok().rows()[0]["origin"] == work
    assert run_result(mqtui("redrive", rabbit.url, dlq, "--yes", "--json").ok())["moved"] == 1
    ((_, properties, _),) = rabbit.drain(work)
    assert {name: value for name, value in properties.headers.items() if name not in OURS} == task


def test_symfonys_stamps_inside_a_redis_field_are_told(mqtui: Mqtui, redis: BrokerFixture, server: Redis) -> None:
    """They can't be taken off there, and Symfony would drop the letter at its next failure: the plan refuses."""
    home, failed = redis.world.create("messages"), redis.world.name("failed")
    stamps = {
        "SentToFailureTransportStamp": [{"originalReceiverName": "async"}],
        "ErrorDetailsStamp": [{"exceptionClass": "App\\NoStock", "exceptionMessage": "no stock"}],
    }
    headers = {"type": "App\\Order", **{STAMP + name: json.dumps(told) for name, told in stamps.items()}}
    xadd(server, failed, {"message": json.dumps({"body": '{"order":1}', "headers": headers})})
    (row,) = mqtui("dlq", redis.url, failed, "--json").ok().rows()
    assert (row["exception"], row["message"]) == ("App\\NoStock", "no stock")
    words = ("redrive", redis.url, failed, "--to", home.name, "--yes")
    mqtui(*words).fails(4, "SentToFailureTransportStamp", "--allow envelope")
    assert run_result(mqtui(*words, "--allow", "envelope", "--json").ok())["moved"] == 1
    server.delete(failed)
