"""Names in use for dead-letter places, on each broker: found, with the origin where that is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pika
import pytest
import redis
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from mqtui.domain.resource import BrokerKind
from tests.cli.broker_fixtures import BrokerFixture, add_profile
from tests.cli.command_line import Mqtui
from tests.contract.worlds import address_of

OF_ORIGIN = (
    *("dlq_{}", "dlq.{}", "DLQ.{}", "{}-DLT", "{}_DLT", "{}.dead.letter.queue", "{}-dead-letter-queue"),
    *(
        "{}-deadletters",
        "{}_errors",
        "{}-failed",
        "{}:dead-letter",
        "{}DeadLetterQueue",
        "dead_letter.{}",
        "{}.parking-lot",
    ),
)
"""Kafka allows no colon in a name."""

QUEUES = ("error.{}", "failed.{}", "{}_skipped")
TAGGED = "{{{}}}.dlq"
ALONE = {"failed", "parking-lot", "EasyNetQ_Default_Error_Queue"}


def rows(mqtui: Mqtui, target: str) -> dict[str, list[str]]:
    """Origins by place."""
    return {row["resource"]: row["origins"] for row in mqtui("dlq", target, "--json").ok().rows()}


@pytest.fixture
def make(broker: BrokerFixture) -> Iterator[Callable[[list[str]], None]]:
    """Destinations by their whole names, with one message in each."""
    made: list[str] = []
    if broker.kind is BrokerKind.REDIS:
        with closing(redis.Redis.from_url(broker.url)) as client:

            def streams(names: list[str]) -> None:
                made.extend(names)
                for name in names:
                    client.xadd(name, {"a": "1"})

            yield streams
            client.delete(*made)
    elif broker.kind is BrokerKind.KAFKA:
        (host, port), *_ = address_of(broker.url).hosts
        admin = AdminClient({"bootstrap.servers": f"{host}:{port}"})

        def topics(names: list[str]) -> None:
            made.extend(names)
            for done in admin.create_topics([NewTopic(name, 1, 1) for name in names]).values():
                done.result(30)

        yield topics
        for done in admin.delete_topics(made).values():
            done.result(30)
    else:
        with closing(pika.BlockingConnection(pika.URLParameters(broker.url.partition("?")[0]))) as connection:
            channel = connection.channel()

            def queues(names: list[str]) -> None:
                made.extend(names)
                for name in names:
                    channel.queue_declare(name, durable=True)
                    channel.basic_publish("", name, b"1")

            yield queues
            for name in made:
                channel.queue_delete(name)


def test_names_of_dead_letter_places(mqtui: Mqtui, broker: BrokerFixture, make: Callable[[list[str]], None]) -> None:
    """The common forms; what also names events counts only where its origin is there; a profile adds its own."""
    work = broker.world.name("Work").replace(":", ".")
    forms = [form for form in OF_ORIGIN if broker.kind is not BrokerKind.KAFKA or ":" not in form]
    forms += [TAGGED] if broker.kind is BrokerKind.REDIS else list(QUEUES) if broker.kind is BrokerKind.RABBITMQ else []
    named = [form.format(work) for form in forms]
    alone = sorted(ALONE) if broker.kind is BrokerKind.RABBITMQ else ["failed", "parking-lot"]
    events, own, plain, retry = f"{work}.gone-failed", f"{work}.kaputt", f"{work}.plain", f"{work}.retry.5m"
    make([work, *named, *alone, events, own, plain, retry])
    found = mqtui("dlq", broker.url, "--json").ok()
    told = {row["resource"]: row["origins"] for row in found.rows()}
    assert {name: told.get(name) for name in named} == {name: [work] for name in named}
    assert {name: told.get(name) for name in alone} == {name: [] for name in alone}
    assert told.keys().isdisjoint({work, events, own, plain, retry})
    assert (f"{retry} is a retry stage" in found.err) == (broker.kind is not BrokerKind.RABBITMQ)
    add_profile(mqtui, broker, "shop", options=[("dead-letters", "{origin}.kaputt,*.plain")])
    mine = rows(mqtui, "shop")
    assert (mine[own], mine[plain]) == ([work], [])
    planned = mqtui("redrive", "shop", own, "--dry-run", "--json")
    if broker.kind is not BrokerKind.KAFKA:
        assert [step["resource"] for step in planned.ok().rows()[0]["plan"]["steps"][1:]] == [work]
