"""The journal of runs: what was done, going on after kill -9, and putting back."""

from __future__ import annotations

import signal
from collections import Counter
from typing import Any

from mqtui.domain.resource import BrokerKind
from tests.cli.broker_fixtures import BrokerFixture, add_profile, run_result, wait_until
from tests.cli.command_line import Mqtui

MANY = 1_500
RATE = 1_000


def test_the_journal_tells_what_was_done(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    dlq, origin = kafka.create_pair(3)
    told = run_result(mqtui("redrive", kafka.url, dlq.name, "--yes", "--json").ok())
    (listed,) = mqtui("runs", "--json").ok().rows()
    assert (listed["run"], listed["state"], listed["verb"]) == (told["run"], "done", "redrive")
    assert (listed["source"], listed["planned"], listed["outcomes"]) == (dlq.name, 3, {"moved": 3})
    assert {name: listed["result"][name] for name in ("planned", "moved")} == {"planned": 3, "moved": 3}
    assert len(listed["short"]) >= 4
    assert told["run"].startswith(listed["short"].lower())
    *letters, summary = mqtui("runs", "show", listed["short"], "--json").ok().rows()
    assert summary == listed
    assert [letter["outcome"] for letter in letters] == ["moved"] * 3
    assert all(letter["at"].startswith(origin.name) for letter in letters)
    assert mqtui("runs", "report", told["run"], "--json").ok().rows() == [listed]
    report = mqtui("runs", "report", told["run"]).ok().text
    assert "3 letters of" in report
    assert "3 moved" in report
    ticket = mqtui("runs", "report", told["run"], "--markdown").ok().text
    assert ticket.startswith(f"## redrive {listed['short']}: finished, 3 of 3 letters moved")
    assert "| audit | 1, 2 |" in ticket
    mqtui("runs", "report", told["run"], "--markdown", "--json").fails(2, "two forms")
    table = mqtui("runs", "list").ok().text
    assert listed["short"] in table
    assert dlq.name in table
    mqtui("runs", "show", "ffffffff").fails(1, "ffffffff")
    mqtui("runs", "resume", listed["short"], "--yes").fails(4, "done")


def test_what_is_put_back_goes_home_again(mqtui: Mqtui, broker: BrokerFixture) -> None:
    dlq, origin = broker.create_pair(4)
    run = run_result(mqtui("redrive", broker.url, dlq.name, "--yes", "--json").ok())["run"]
    words = mqtui("runs", "putback", run, "--dry-run").ok().text
    assert "doubles" in words
    assert broker.count_unhandled(mqtui, dlq) == 0
    plan, told = mqtui("runs", "putback", run, "--yes", "--json").ok().rows()
    assert plan["plan"]["verb"] == "putback"
    assert (told["planned"], told["moved"]) == (4, 4)
    assert broker.count_unhandled(mqtui, dlq) == 4
    assert broker.numbers(dlq) == [0, 1, 2, 3]
    mqtui("runs", "putback", run, "--yes").fails(1)
    if broker.kind is BrokerKind.KAFKA:
        again = run_result(mqtui("redrive", broker.url, dlq.name, "--yes", "--json").ok())
        assert again["moved"] == 4
        assert broker.numbers(origin) == [0, 1, 2, 3, 0, 1, 2, 3]


def test_what_is_discarded_comes_back_whole(mqtui: Mqtui, broker: BrokerFixture) -> None:
    dlq, origin = broker.create_pair(5)
    before = broker.world.contents(dlq)
    dry = mqtui("discard", broker.url, dlq.name, "--dry-run", "--json").ok().rows()
    assert broker.world.contents(dlq) == before
    plan, told = mqtui("discard", broker.url, dlq.name, "--yes", "--json").ok().rows()
    assert {**dry[0]["plan"], "id": ""} == {**plan["plan"], "id": ""}
    assert (told["planned"], told["moved"], told["left"]) == (5, 5, 0)
    assert broker.count_unhandled(mqtui, dlq) == 0
    assert broker.numbers(origin) == []
    assert run_result(mqtui("runs", "putback", told["run"], "--yes", "--json").ok())["moved"] == 5
    assert broker.count_unhandled(mqtui, dlq) == 5
    assert broker.world.contents(dlq) == before


def resumed(mqtui: Mqtui, *words: Any) -> dict[str, Any]:
    told = run_result(mqtui("runs", "resume", *words, "--yes", "--json", within=120).ok())
    assert told["left"] == told["refused"] == told["unknown"] == 0
    return told


def test_kill_9_then_resume_and_nothing_is_missing(mqtui: Mqtui, broker: BrokerFixture) -> None:
    dlq, origin = broker.create_pair(0)
    letters = [broker.dead_letter(number, origin) for number in range(MANY)]
    broker.world.put(dlq, letters)
    to = ("--to", origin.name) if broker.kind is BrokerKind.RABBITMQ else ()
    process = mqtui.start("redrive", broker.url, dlq.name, *to, "--rate", RATE, "--yes", "--json")
    assert process.stdout is not None
    process.stdout.readline()
    wait_until(lambda: broker.world.depth(origin) > MANY // 4)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)

    (run,) = mqtui("runs", "--json").ok().rows()
    assert run["state"] == "interrupted"
    assert run["outcomes"].get("moved", 0) < MANY
    told = resumed(mqtui)
    assert told["run"] == run["run"]
    assert told["planned"] == told["moved"] + told["skipped"] == MANY
    seen = Counter(broker.numbers(origin))
    assert set(seen) == set(range(MANY))
    doubled = sum(seen.values()) - MANY
    assert doubled <= told["duplicates_suspected"]
    if broker.kind is not BrokerKind.RABBITMQ:
        assert doubled == 0
    assert broker.count_unhandled(mqtui, dlq) == 0
    assert mqtui("runs", "--json").ok().rows()[0]["state"] == "done"
    mqtui("runs", "resume").fails(1, "No interrupted run")


def test_a_protected_run_is_resumed_by_its_name_only(mqtui: Mqtui, redis: BrokerFixture) -> None:
    dlq, origin = redis.create_pair(200)
    add_profile(mqtui, redis, "prod", "--protected")
    running = mqtui.start("redrive", "prod", dlq.name, "--rate", 50, "--confirm", "prod")
    wait_until(lambda: redis.world.depth(origin) > 0)
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=20)
    (run,) = mqtui("runs", "--json").ok().rows()
    mqtui("runs", "resume", "--confirm", "prod").fails(4, run["short"], "protected")
    mqtui("runs", "resume", run["short"], "--yes").fails(4, "--confirm prod")
    assert len(redis.world.contents(origin)) < 200
    told = run_result(mqtui("runs", "resume", run["short"], "--confirm", "prod", "--json").ok())
    assert told["moved"] + told["skipped"] == 200
    assert redis.numbers(origin) == list(range(200))
