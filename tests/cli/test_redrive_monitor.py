"""What a watch says, beside what the broker says of the readers: on the way letters go by default (C16, C40 to C42)."""

from __future__ import annotations

from typing import Any

import redis as redis_client

from tests.cli.broker_fixtures import (
    BrokerFixture,
    KafkaDeadLetters,
    RedisDeadLetters,
    run_result,
    with_dead_letter_exchange,
)
from tests.cli.command_line import Mqtui
from tests.cli.consumers import run_kafka_group, run_queue_consumer, run_stream_group

CANARY = ("--canary", 1, "--watch", "3s", "--stop-at", "0%", "--yes", "--json")


def test_letters_that_pass(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    """A group whose name has a slash; nothing of `--rate` or `--cause`, so that letters go in bulk."""
    dlq, origin = kafka.create_pair(5)
    group = f"{origin.name}/pay"
    with run_kafka_group(kafka, group, origin) as committed:
        told = run_result(mqtui("redrive", kafka.url, dlq.name, *CANARY).ok())
        assert committed() >= 5
    (reader,) = told["readers"]
    assert reader == {
        "group": group,
        "resource": origin.name,
        "state": "Stable",
        "alive": True,
        "passed": 5,
        "waiting": 0,
        "must_pass": True,
    }
    assert (told["moved"], told["passed"], told["waiting"], told["came_back"]) == (5, 5, 0, 0)
    assert f"5 letters passed {group} and did not come back" in told["verdict"]
    assert "of at most 3" in told["verdict"]
    shown = mqtui("runs", "show", told["run"]).ok().text
    assert f"{group} (Stable): 5 passed, 0 waiting" in shown
    assert "5 passed, 0 waiting, 0 came back" in mqtui("runs", "report", told["run"]).ok().text


def test_a_stage_that_waits(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    """Somebody is in the group, and does not get on: the rest stays, and the command that goes on is told."""
    dlq, origin = kafka.create_pair(4)
    assert isinstance(kafka.world, KafkaDeadLetters)
    with kafka.world.reading(origin):
        done = mqtui("redrive", kafka.url, dlq.name, *CANARY).fails(1, "held after stage 1", "did not pass")
        told = run_result(done)
        assert (told["moved"], told["passed"], told["waiting"], told["came_back"], told["left"]) == (1, 0, 1, 0, 3)
        (reader,) = told["readers"]
        assert (reader["alive"], reader["waiting"], reader["must_pass"]) == (True, 1, True)
        assert f"{reader['group']} is Stable, 1 of {origin.name} wait for it" in told["why"]
        command = next(line for line in done.err.splitlines() if "runs resume" in line)
        words = command.partition("mqtui ")[2].removesuffix(" continues").split()
        assert words[-1] == "--yes"
        assert run_result(mqtui(*words, "--json").ok())["moved"] == 4


def test_letters_that_die_again(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    """The canary comes back: which one, and what it died of, in both forms and afterwards."""
    dlq, origin = kafka.create_pair(4)
    with run_kafka_group(kafka, f"{origin.name}-pay", origin, dies_in=dlq):
        told = run_result(mqtui("redrive", kafka.url, dlq.name, *CANARY).fails(1, "stopped after stage 1"))
    assert (told["moved"], told["came_back"], told["left"]) == (1, 1, 3)
    assert told["back"] == [f"{dlq.name} 0/4: Bad: no amount"]
    assert told["back"][0] in told["why"]
    assert f"came back: {told['back'][0]}" in mqtui("runs", "show", told["run"]).ok().text


def test_letters_of_a_queue(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    """Dead letters by an exchange of their own are heard: rejected again they stop it, acknowledged they pass."""
    dlq, origin = with_dead_letter_exchange(rabbitmq)
    rabbitmq.add_dead_letters(dlq, origin, range(4))
    with run_queue_consumer(rabbitmq, origin, acks=False):
        told = run_result(mqtui("redrive", rabbitmq.url, dlq.name, *CANARY).fails(1, "stopped after stage 1"))
    assert (told["moved"], told["came_back"], told["left"]) == (1, 1, 3)
    assert f"rejected by {origin.name}" in told["back"][0]
    with run_queue_consumer(rabbitmq, origin, acks=True):
        told = run_result(mqtui("redrive", rabbitmq.url, dlq.name, "--watch", "8s", "--yes", "--json").ok())
    assert (told["passed"], told["waiting"], told["came_back"]) == (4, 0, 0)
    assert [(reader["group"], reader["alive"]) for reader in told["readers"]] == [(origin.name, True)]


def test_letters_of_a_stream(mqtui: Mqtui, redis: BrokerFixture) -> None:
    """Delivered is not passed: an entry waits until it is acknowledged, behind any number of older pending ones."""
    dlq, origin = redis.create_pair(3)
    assert isinstance(redis.world, RedisDeadLetters)
    group = "work/ers"
    client = _client(redis)
    with client.pipeline(transaction=False) as calls:
        for number in range(1_200):
            calls.xadd(origin.name, {"old": number})
        calls.xgroup_create(origin.name, group, "0")
        calls.execute()
    with run_stream_group(redis, group, origin, acks=False):
        told = run_result(mqtui("redrive", redis.url, dlq.name, *CANARY).fails(1, "held after stage 1"))
    assert (told["moved"], told["passed"], told["waiting"]) == (1, 0, 1)
    assert client.xpending(origin.name, group)["pending"] == 1_201
    pending = client.xpending_range(origin.name, group, "-", "+", 5_000)
    client.xack(origin.name, group, *(row["message_id"] for row in pending))
    with run_stream_group(redis, group, origin, acks=True):
        told = run_result(mqtui("redrive", redis.url, dlq.name, *CANARY).ok())
    assert (told["moved"], told["passed"], told["waiting"], told["came_back"]) == (2, 2, 0, 0)
    assert [(reader["group"], reader["alive"]) for reader in told["readers"]] == [(group, True)]
    client.close()


def test_letters_that_would_die_elsewhere(mqtui: Mqtui, redis: BrokerFixture) -> None:
    """What dies in a place of the user's own choice does not come to where it was taken from: that is no zero."""
    dlq, _ = redis.create_pair(3)
    other = redis.world.create("other")
    client = _client(redis)
    client.xgroup_create(other.name, "g", "0")
    words = ("redrive", redis.url, dlq.name, "--to", other.name, *CANARY)
    with run_stream_group(redis, "g", other, acks=True):
        (plan,) = mqtui(*words[:-2], "--dry-run", "--json").ok().rows()
        told = run_result(mqtui(*words).fails(1, "can't be observed"))
        assert "not-heard" in {risk["name"] for risk in plan["plan"]["risks"]}
        assert (told["passed"], told["came_back"], told["left"]) == (1, None, 2)
        told = run_result(mqtui(*words, "--allow", "not-heard").ok())
    assert (told["moved"], told["passed"], told["came_back"]) == (2, 2, None)
    client.close()


def _client(broker: BrokerFixture) -> Any:
    return redis_client.Redis.from_url(broker.url)
