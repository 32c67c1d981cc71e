"""A canary that nobody can judge holds; a run that stops by itself says why, before any advice (C40, C41, C83, C88)."""

from __future__ import annotations

from typing import Any

import pika
import pytest

from mqtui.domain.resource import BrokerKind
from tests.cli.broker_fixtures import BrokerFixture, RabbitMQDeadLetters, run_result
from tests.cli.command_line import Mqtui
from tests.contract.worlds import Letter

CANARY = ("--canary", 1, "--watch", "2s", "--stop-at", "50%")


def test_nobody_reads(mqtui: Mqtui, broker: BrokerFixture) -> None:
    if broker.kind is BrokerKind.RABBITMQ:
        pytest.skip("dead letters by the default exchange can't be observed: the next test")
    dlq, origin = broker.create_pair(4)
    plan = mqtui("redrive", broker.url, dlq.name, *CANARY, "--dry-run", "--json").ok().rows()[0]["plan"]
    assert "unread" in {risk["name"] for risk in plan["risks"]}
    done = mqtui("redrive", broker.url, dlq.name, *CANARY, "--yes", "--json").fails(1)
    told = run_result(done)
    assert (told["moved"], told["left"]) == (1, 3)
    assert (told["passed"], told["waiting"], told["came_back"]) == (0, 1, 0)
    assert "no consumer reads" in told["why"]
    assert broker.numbers(origin) == [0]
    words = mqtui("runs", "report", told["run"]).ok().text
    assert "no consumer reads" in words
    assert "no consumer reads" in mqtui("runs", "show", told["run"]).ok().text
    done = mqtui("runs", "resume", told["run"], "--yes", "--json").ok()
    assert run_result(done)["moved"] == 4
    dlq, _ = broker.create_pair(3)
    done = mqtui("redrive", broker.url, dlq.name, *CANARY, "--allow", "unread", "--yes", "--json").ok()
    assert (run_result(done)["moved"], run_result(done)["waiting"]) == (3, 3)


def test_nothing_is_heard(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    dlq, _ = rabbitmq.create_pair(4)
    plan = mqtui("redrive", rabbitmq.url, dlq.name, *CANARY, "--dry-run", "--json").ok().rows()[0]["plan"]
    assert "not-heard" in {risk["name"] for risk in plan["risks"]}
    done = mqtui("redrive", rabbitmq.url, dlq.name, *CANARY, "--yes").fails(1)
    notes = done.err.splitlines()
    why = next(place for place, line in enumerate(notes) if "can't be observed" in line)
    advice = next(place for place, line in enumerate(notes) if "runs resume" in line)
    assert why < advice
    (run,) = mqtui("runs", "--json").ok().rows()
    assert (run["result"]["moved"], run["result"]["left"], run["result"]["came_back"]) == (1, 3, None)
    assert run["result"]["passed"] is None


def test_a_cause_that_no_letter_has(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    dlq, _ = rabbitmq.create_pair(3)
    words = ("redrive", rabbitmq.url, dlq.name, "--cause", "a830795f")
    plan = mqtui(*words, "--dry-run", "--json").ok().rows()[0]["plan"]
    assert plan["count"]["at_most"] == 3
    done = mqtui(*words, "--yes", "--json").fails(1, "no letter has the cause a830795f")
    assert (run_result(done)["planned"], run_result(done)["why"]) == (0, "no letter has the cause a830795f")
    assert rabbitmq.numbers(dlq) == [0, 1, 2]


def celery(number: int, expires: str) -> Letter:
    told: dict[str, Any] = {"lang": "py", "task": "pay", "id": f"{number}", "argsrepr": "()", "expires": expires}
    return Letter(b'{"number": %d}' % number, headers=tuple((name, value) for name, value in told.items()))


def test_an_expired_task_stays(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    """C78: its worker would drop it."""
    assert isinstance(rabbitmq.world, RabbitMQDeadLetters)
    dlq, origin = rabbitmq.create_pair(0)
    rabbitmq.world.die(
        origin, dlq, [celery(0, "2020-01-01T00:00:00+00:00"), celery(1, "2099-01-01T00:00:00+00:00")], "bad"
    )
    told = run_result(mqtui("redrive", rabbitmq.url, dlq.name, "--yes", "--json").fails(1))
    assert (told["moved"], told["refused"]) == (1, 1)
    assert any("expired" in reason for reason in told["reasons"])
    assert rabbitmq.numbers(dlq) == [0]
    assert (
        run_result(mqtui("redrive", rabbitmq.url, dlq.name, "--allow", "expired", "--yes", "--json").ok())["moved"] == 1
    )


def test_a_resume_takes_the_options_its_refusals_name(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    """C122: a consumer of the source stops a resume, until it is agreed to."""
    assert isinstance(rabbitmq.world, RabbitMQDeadLetters)
    dlq, origin = rabbitmq.create_pair(4)
    done = mqtui("redrive", rabbitmq.url, dlq.name, *CANARY, "--yes", "--json").fails(1)
    run = run_result(done)["run"]
    connection = pika.BlockingConnection(pika.URLParameters(rabbitmq.url.partition("?")[0]))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=1)
    channel.basic_consume(dlq.name, lambda *_: None)
    connection.process_data_events(1)
    try:
        refused = mqtui("runs", "resume", run, "--yes").fails(4, "consumers")
        assert "--allow consumers" in refused.err
        told = run_result(mqtui("runs", "resume", run, "--yes", "--yes-shared", "--json"))
    finally:
        connection.close()
    assert told["moved"] >= 3
    assert len(rabbitmq.numbers(origin)) == told["moved"]
