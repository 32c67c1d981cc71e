"""`mqtui transactions` as scripts call it: lines of what is open, and an abort that needs consent."""

from __future__ import annotations

import uuid

from confluent_kafka import Producer

from mqtui.demo.shop.connections import kafka_settings
from tests.cli.broker_fixtures import BrokerFixture
from tests.cli.command_line import Mqtui


def test_open_ones_are_listed_and_one_is_aborted(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    ref, name = kafka.world.create("held"), f"billing.{uuid.uuid4().hex[:8]}"
    producer = Producer(kafka_settings(kafka.url) | {"transactional.id": name, "transaction.timeout.ms": 600_000})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(ref.name, b"x")
    assert producer.flush(30) == 0
    rows = mqtui("transactions", kafka.url, "--json").ok().rows()
    (row,) = [each for each in rows if each["transactional_id"] == name]
    assert (row["state"], row["broker_state"], row["timeout_ms"]) == ("open", "Ongoing", 600_000)
    assert [(each["resource"], each["start_offset"]) for each in row["open_in"]] == [(ref.name, 0)]
    assert f"{ref.name}-0@0" in mqtui("transactions", kafka.url).ok().text
    words = ("transactions", kafka.url, "--abort", name)
    assert "its producer may be at work" in mqtui(*words, "--dry-run").ok().text
    mqtui(*words).fails(4, "not confirmed")
    plan, done = mqtui(*words, "--yes", "--json").ok().rows()
    assert (plan["plan"]["verb"], done["aborted"], done["verb"]) == ("abort", name, "abort")
    mqtui(*words, "--yes").fails(1, "No open transaction")
    lines = mqtui("audit", "--json").ok().rows()
    (line,) = [each for each in lines if each.get("verb") == "abort" and each["event"] == "end"]
    assert line["ending"] == "done"


def test_brokers_without_them_say_why(mqtui: Mqtui, redis: BrokerFixture) -> None:
    mqtui("transactions", redis.url).fails(4, "carried out at once")
