"""Letters go home from the command line, on each broker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mqtui.domain.resource import BrokerKind
from tests.cli.broker_fixtures import OURS, BrokerFixture, run_result
from tests.cli.command_line import Mqtui
from tests.cli.consumers import run_kafka_group

FIGURES = ("planned", "moved", "refused", "unknown", "skipped", "left")
GOLDEN = Path(__file__).parent.parent / "services" / "golden"
COUNT = 7
STRIPPED = {"kafka_dlt-original-topic", "kafka_dlt-exception-fqcn", "dlq_stream", "dlq_reason", "x-death"}


def outcome(told: dict[str, Any]) -> dict[str, Any]:
    """The figures that are not zero."""
    return {name: told[name] for name in FIGURES if told[name]}


def test_letters_go_home_as_planned(mqtui: Mqtui, broker: BrokerFixture) -> None:
    dlq, origin = broker.create_pair(COUNT)
    before = broker.world.fingerprint()
    dry = mqtui("redrive", broker.url, dlq.name, "--dry-run", "--json").ok()
    words = mqtui("redrive", broker.url, dlq.name, "--dry-run").ok().text.splitlines()
    assert broker.world.fingerprint() == before
    assert len(dry.rows()) == 1

    done = mqtui("redrive", broker.url, dlq.name, "--yes", "--json").ok()
    planned, told = done.rows()
    dry_plan, plan = dry.rows()[0]["plan"], planned["plan"]
    assert dry_plan.pop("id") != plan["id"]
    assert plan.pop("id") == told["run"]
    assert dry_plan == plan
    assert {"id", *plan} == set(json.loads((GOLDEN / "plan.json").read_text()))
    assert list(told) == list(json.loads((GOLDEN / "outcome.json").read_text()))
    assert outcome(told) == {"planned": COUNT, "moved": COUNT}
    assert told["duplicates_suspected"] == 0
    assert told["came_back"] is None
    assert any("at least once" in line or "exactly once" in line for line in words)

    assert broker.numbers(origin) == list(range(COUNT))
    assert broker.count_unhandled(mqtui, dlq) == 0
    for letter in broker.world.contents(origin):
        names = broker.header_names(letter)
        assert not STRIPPED & set(names)
        assert set(OURS) <= set(names) if not broker.redis else names == ["value"]
        assert broker.redis or ("kept", b"\xff\x00") in letter.headers


def test_letters_are_watched_on_kafka(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    """A first few, then the rest, in stages that are moved unseen."""
    dlq, origin = kafka.create_pair(COUNT)
    with run_kafka_group(kafka, f"{origin.name}-reader", origin):
        done = mqtui("redrive", kafka.url, dlq.name, "--canary", "2", "--watch", "2s", "--yes", "--json").ok()
    assert outcome(run_result(done)) == {"planned": COUNT, "moved": COUNT}
    assert run_result(done)["came_back"] == 0
    assert kafka.numbers(origin) == list(range(COUNT))
    assert kafka.count_unhandled(mqtui, dlq) == 0


def test_a_run_prints_the_plan_a_dry_run_prints(mqtui: Mqtui, redis: BrokerFixture) -> None:
    dlq, _ = redis.create_pair(2)
    dry = mqtui("redrive", redis.url, dlq.name, "--dry-run").ok().text.splitlines()
    run = mqtui("redrive", redis.url, dlq.name, "--yes").ok().text.splitlines()
    assert run[1 : len(dry)] == dry[1:]
    assert run[0].partition(", plan ")[0] == dry[0].partition(", plan ")[0]
    assert len(run) == len(dry) + 1
    assert "2 of 2 moved" in run[-1]


def test_one_cause_goes_home_and_the_others_stay(mqtui: Mqtui, broker: BrokerFixture) -> None:
    dlq, origin = broker.create_pair(4)
    broker.add_dead_letters(dlq, origin, range(4, 7), "slow")
    causes = mqtui("dlq", broker.url, dlq.name, "--json").ok().rows()
    assert [row["letters"] for row in causes] == [4, 3]
    slow = causes[1]["cause_id"]
    told = run_result(mqtui("redrive", broker.url, dlq.name, "--cause", slow, "--yes", "--json").ok())
    assert told["moved"] == 3
    assert broker.numbers(origin) == [4, 5, 6]
    rest = mqtui("dlq", broker.url, dlq.name, "--json").ok().rows()
    assert [row["letters"] for row in rest] == [4]
    assert slow not in str(rest)
    again = mqtui("redrive", broker.url, dlq.name, "--cause", slow, "--yes", "--json")
    if broker.kind is BrokerKind.RABBITMQ:
        ended = run_result(again.fails(1))
        assert (ended["planned"], slow in ended["why"]) == (0, True)
    else:
        again.fails(1, slow)


def test_a_jq_program_and_a_limit_choose(mqtui: Mqtui, broker: BrokerFixture) -> None:
    dlq, origin = broker.create_pair(COUNT)
    odd = ".value.odd" if broker.redis else ".odd"
    choose = ("--where", odd, "--limit", 2, "--yes", "--json")
    told = run_result(mqtui("redrive", broker.url, dlq.name, *choose).ok())
    assert outcome(told) == {"planned": 2, "moved": 2}
    assert broker.numbers(origin) == [1, 3]
    assert broker.count_unhandled(mqtui, dlq) == COUNT - 2
    if broker.kind is BrokerKind.RABBITMQ:
        assert broker.numbers(dlq) == [0, 2, 4, 5, 6]


def test_times_choose(mqtui: Mqtui, broker: BrokerFixture) -> None:
    dlq, origin = broker.create_pair(3)
    assert run_result(mqtui("redrive", broker.url, dlq.name, "--until", "-1h", "--yes", "--json"))["planned"] == 0
    told = run_result(mqtui("redrive", broker.url, dlq.name, "--from", "-1h", "--yes", "--json").ok())
    assert told["moved"] == 3
    assert broker.numbers(origin) == [0, 1, 2]


def test_a_partition_chooses_on_kafka(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    dlq, origin = kafka.create_pair(2, partitions=2)
    kafka.add_dead_letters(dlq, origin, range(2, 5), partition=1)
    told = run_result(mqtui("redrive", kafka.url, dlq.name, "--partition", 1, "--yes", "--json").ok())
    assert told["moved"] == 3
    assert sorted(kafka.numbers(origin)) == [2, 3, 4]
    assert kafka.count_unhandled(mqtui, dlq) == 2


def test_flags_of_kafka_mean_nothing_elsewhere(mqtui: Mqtui, redis: BrokerFixture) -> None:
    dlq, origin = redis.create_pair(2)
    for flag in (("--partition", 1), ("--keep-timestamp",), ("--take-over",)):
        mqtui("redrive", redis.url, dlq.name, *flag, "--yes").fails(2, str(flag[0]), "redis")
    assert redis.numbers(origin) == []


def test_a_target_that_is_not_there_is_not_made(mqtui: Mqtui, broker: BrokerFixture) -> None:
    dlq, _ = broker.create_pair(2)
    before = broker.world.fingerprint()
    gone = broker.world.name("gone")
    mqtui("redrive", broker.url, dlq.name, "--to", gone, "--yes").fails(1, gone)
    assert broker.world.fingerprint() == before


def test_letters_go_where_they_are_sent_at_a_rate(mqtui: Mqtui, broker: BrokerFixture) -> None:
    dlq, origin = broker.create_pair(6)
    other = broker.world.create("other")
    told = run_result(mqtui("redrive", broker.url, dlq.name, "--to", other.name, "--rate", 6, "--yes", "--json").ok())
    assert told["moved"] == 6
    assert told["seconds"] < 8
    assert broker.numbers(other) == list(range(6))
    assert broker.numbers(origin) == []


def test_a_record_gets_the_time_of_sending_unless_its_own_is_kept(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    dlq, origin = kafka.create_pair(1)
    kept = kafka.world.create("kept")
    mqtui("redrive", kafka.url, dlq.name, "--to", kept.name, "--keep-timestamp", "--yes").ok()
    mqtui("redrive", kafka.url, kept.name, "--to", origin.name, "--yes").ok()
    old, same, new = (mqtui("peek", kafka.url, ref.name, "--json").ok().rows()[0] for ref in (dlq, kept, origin))
    assert old["timestamp"] == same["timestamp"] < new["timestamp"]
    told = json.loads(dict(new["headers"])["x-mqtui-origin"])
    assert told["resource"] == dlq.name
    assert told["time"] == old["timestamp"]
